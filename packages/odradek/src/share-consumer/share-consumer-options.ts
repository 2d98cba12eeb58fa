/** The options of `kafka.shareConsumer(...)`. Names and defaults are Kafka's. */
import { UsageError } from '../errors/errors.ts'
import {
  isBoolean,
  isNumber,
  isOneOf,
  isString,
  type OptionRow,
  parseOptions,
} from '../options/option-table.ts'
import { checkTopicName } from '../serdes/topic.ts'
import { type TopicInput, TOPICS_BY_NAME } from '../consumer/options/consumer-options.ts'

export interface ShareConsumerOptions<T extends TopicInput = TopicInput> {
  /** The group that shares the topics' records among its members. */
  readonly groupId: string
  /** Topics by name, or made by `topic(...)` with serdes. */
  readonly topics: readonly T[]
  /**
   * How records are settled in a loop. `implicit` (the default): asking for the next one accepts
   * the one before. `explicit`: only calls of `accept`, `release` and `reject` do, in any order.
   */
  readonly shareAcknowledgementMode?: 'implicit' | 'explicit' | undefined
  /**
   * `batch_optimized` (the default): whole batches, so that more than `maxPollRecords` may come.
   * `record_limit`: never more. Kafka 4.2; older brokers ignore it.
   */
  readonly shareAcquireMode?: 'batch_optimized' | 'record_limit' | undefined
  /** The most records to acquire at once. Default 500. What one member acquired no other gets. */
  readonly maxPollRecords?: number | undefined
  /**
   * A record that is in hand for so long, ms, is not kept locked any longer; a member that nothing
   * reads for so long leaves the group. Default 300,000.
   */
  readonly maxPollIntervalMs?: number | undefined
  /** Heartbeat from a thread while the event loop is blocked (docs/liveness.md). Default true. */
  readonly heartbeatThread?: boolean | undefined
  /** Fail the iteration when the group was not joined by then, ms. It waits otherwise. */
  readonly connectTimeoutMs?: number | undefined
  /** A broker answers as soon as it has so much, bytes. Default 1. */
  readonly fetchMinBytes?: number | undefined
  /** ... or after so long, ms. Default 500. */
  readonly fetchMaxWaitMs?: number | undefined
  /** The largest answer to ask for, bytes. Default 50 MiB. */
  readonly fetchMaxBytes?: number | undefined
  /**
   * What becomes of a record whose key or value cannot be decoded. `reject` (the default): it is
   * given up at once, with `recordSkipped`. `fail`: it is handed out, and reading its key or value
   * throws a `DecodeError`.
   */
  readonly onDecodeError?: 'reject' | 'fail' | undefined
  /** Compare checksums of what is fetched; true by default. */
  readonly checkCrcs?: boolean | undefined
}

export interface EffectiveShareConsumerOptions {
  readonly groupId: string
  readonly topics: readonly TopicInput[]
  readonly shareAcknowledgementMode: 'implicit' | 'explicit'
  readonly shareAcquireMode: 'batch_optimized' | 'record_limit'
  readonly maxPollRecords: number
  readonly maxPollIntervalMs: number
  readonly heartbeatThread: boolean
  readonly connectTimeoutMs?: number
  readonly fetchMinBytes: number
  readonly fetchMaxWaitMs: number
  readonly fetchMaxBytes: number
  readonly onDecodeError: 'reject' | 'fail'
  readonly checkCrcs: boolean
}

export const SHARE_CONSUMER_OPTIONS: readonly OptionRow[] = [
  {
    name: 'groupId',
    kafkaName: 'group.id',
    isRequired: true,
    check: isString,
    text: "the group that shares the topics' records among its members.",
  },
  { ...TOPICS_BY_NAME, isRequired: true },
  {
    name: 'shareAcknowledgementMode',
    kafkaName: 'share.acknowledgement.mode',
    default: 'implicit',
    check: isOneOf('implicit', 'explicit'),
    text: 'whether asking for the next record accepts the one before.',
  },
  {
    name: 'shareAcquireMode',
    kafkaName: 'share.acquire.mode',
    default: 'batch_optimized',
    check: isOneOf('batch_optimized', 'record_limit'),
    text: 'whether whole batches are acquired, or never more than maxPollRecords.',
  },
  {
    name: 'maxPollRecords',
    kafkaName: 'max.poll.records',
    unit: 'count',
    default: 500,
    check: isNumber(1, 0x7fff_ffff),
    text: 'the most records to acquire at once.',
  },
  {
    name: 'maxPollIntervalMs',
    kafkaName: 'max.poll.interval.ms',
    unit: 'ms',
    default: 300_000,
    check: isNumber(1),
    text:
      'how long a record that is in hand is kept locked, and how long a member that nothing ' +
      'reads stays in the group.',
  },
  {
    name: 'heartbeatThread',
    default: true,
    check: isBoolean,
    text: 'heartbeat from a thread while the event loop is blocked.',
  },
  {
    name: 'connectTimeoutMs',
    unit: 'ms',
    check: isNumber(1),
    text: 'fail the iteration when the group was not joined by then; it waits otherwise.',
  },
  {
    name: 'fetchMinBytes',
    alsoCalled: ['minBytes'],
    kafkaName: 'fetch.min.bytes',
    unit: 'bytes',
    default: 1,
    check: isNumber(1, 0x7fff_ffff),
    text: 'a broker answers as soon as it has so much.',
  },
  {
    name: 'fetchMaxWaitMs',
    alsoCalled: ['maxWaitTimeInMs', 'maxWaitTime'],
    kafkaName: 'fetch.max.wait.ms',
    unit: 'ms',
    default: 500,
    check: isNumber(0, 0x7fff_ffff),
    text:
      '... or after this long. Records are returned as they arrive, so a short wait is not ' +
      'faster; with 0, an idle partition is fetched at most 20 times a second.',
  },
  {
    name: 'fetchMaxBytes',
    alsoCalled: ['maxBytes'],
    kafkaName: 'fetch.max.bytes',
    unit: 'bytes',
    default: 52_428_800,
    check: isNumber(1, 0x7fff_ffff),
    text: 'the largest answer to ask for; one batch may be larger.',
  },
  {
    name: 'onDecodeError',
    default: 'reject',
    check: isOneOf('reject', 'fail'),
    text: 'what becomes of a record whose key or value cannot be decoded.',
  },
  {
    name: 'checkCrcs',
    kafkaName: 'check.crcs',
    default: true,
    check: isBoolean,
    text: 'compare checksums of what is fetched.',
  },
]

export function parseShareConsumerOptions(
  given: ShareConsumerOptions,
): EffectiveShareConsumerOptions {
  for (const name of ['startFrom', 'autoOffsetReset']) {
    if (!Object.hasOwn(given ?? {}, name)) continue
    throw new UsageError(
      `kafka.shareConsumer(...) has no option "${name}": where a share group begins is the ` +
        "cluster's configuration share.auto.offset.reset of that group (latest by default).",
    )
  }
  const parsed = parseOptions<EffectiveShareConsumerOptions>(
    SHARE_CONSUMER_OPTIONS,
    given,
    'kafka.shareConsumer(...)',
  )
  for (const one of parsed.topics) checkTopicName(typeof one === 'string' ? one : one.name)
  return parsed
}
