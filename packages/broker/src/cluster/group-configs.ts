/**
 * The configuration of groups (resource type GROUP): Kafka's entries with their types. Entries that
 * a group does not set have the values of the broker's options.
 */

import type { ResolvedOptions } from '../options/broker-options.ts'
import { parseDuration } from './iso-duration.ts'
import type { ConfigEntry } from './topic-configs.ts'

type Options = Pick<
  ResolvedOptions,
  | 'groupConsumerAssignmentIntervalMs'
  | 'groupConsumerHeartbeatIntervalMs'
  | 'groupConsumerSessionTimeoutMs'
  | 'groupShareDeliveryCountLimit'
  | 'groupShareHeartbeatIntervalMs'
  | 'groupSharePartitionMaxRecordLocks'
  | 'groupShareRecordLockDurationMs'
  | 'groupShareSessionTimeoutMs'
>

const int = (value: number): ConfigEntry => ({ type: 'int', value: String(value) })

/** The entries with the values that a group has when it sets none. */
export function groupConfigsOf(options: Options): Readonly<Record<string, ConfigEntry>> {
  return {
    'errors.deadletterqueue.copy.record.enable': { type: 'boolean', value: 'false' },
    'errors.deadletterqueue.topic.name': { type: 'string', value: '' },
    'consumer.assignment.interval.ms': int(options.groupConsumerAssignmentIntervalMs),
    'consumer.heartbeat.interval.ms': int(options.groupConsumerHeartbeatIntervalMs),
    'consumer.session.timeout.ms': int(options.groupConsumerSessionTimeoutMs),
    'share.assignment.interval.ms': int(0),
    'share.auto.offset.reset': { type: 'string', value: 'latest' },
    'share.delivery.count.limit': int(options.groupShareDeliveryCountLimit),
    'share.heartbeat.interval.ms': int(options.groupShareHeartbeatIntervalMs),
    'share.isolation.level': {
      type: 'string',
      value: 'read_uncommitted',
      oneOf: ['read_uncommitted', 'read_committed'],
    },
    'share.partition.max.record.locks': int(options.groupSharePartitionMaxRecordLocks),
    'share.record.lock.duration.ms': int(options.groupShareRecordLockDurationMs),
    'share.renew.acknowledge.enable': { type: 'boolean', value: 'true' },
    'share.session.timeout.ms': int(options.groupShareSessionTimeoutMs),
  }
}

/** The settings of all groups. */
export class GroupConfigs {
  readonly entries: Readonly<Record<string, ConfigEntry>>
  readonly #set = new Map<string, Map<string, string>>()

  constructor(options: Options) {
    this.entries = groupConfigsOf(options)
  }

  get(groupId: string, name: string): string {
    return this.#set.get(groupId)?.get(name) ?? this.entries[name]?.value ?? ''
  }

  number(groupId: string, name: string): number {
    return Number(this.get(groupId, name))
  }

  isSet(groupId: string, name: string): boolean {
    return this.#set.get(groupId)?.has(name) ?? false
  }

  /** Sets an entry, or with undefined puts it back to its default. */
  change(groupId: string, name: string, value: string | undefined): void {
    const group = this.#set.get(groupId) ?? new Map<string, string>()
    if (value === undefined) group.delete(name)
    else group.set(name, value)
    this.#set.set(groupId, group)
  }

  /** What is wrong with a value, as a sentence; undefined when it is fine. */
  problemWith(name: string, value: string | null): string | undefined {
    const entry = this.entries[name]
    if (entry === undefined) return `Unknown group config name: ${name}`
    if (value === null) return `The group config ${name} may not be null.`
    return isValid(name, entry, value)
      ? undefined
      : `Invalid value ${value} for the group config ${name}.`
  }
}

function isValid(name: string, { type, oneOf }: ConfigEntry, value: string): boolean {
  if (name === 'share.auto.offset.reset') {
    const duration = /^by_duration:(.+)$/.exec(value)?.[1]
    if (duration !== undefined) return parseDuration(duration) !== undefined
    return value === 'earliest' || value === 'latest'
  }
  if (type === 'boolean') return value === 'true' || value === 'false'
  if (type === 'int') return /^\d+$/.test(value) && Number(value) <= 0x7fff_ffff
  return oneOf === undefined || oneOf.includes(value)
}
