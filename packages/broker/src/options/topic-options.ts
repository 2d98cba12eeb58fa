/** The options of one topic, checked, in the shape in which the cluster creates topics. */
import type { TopicOptions } from './broker-options.ts'
import { refuseUnknown } from './refuse-unknown.ts'
import { UsageError } from './usage-error.ts'

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string | null>
  /** Replicas of each partition, when the caller places them. */
  readonly assignments?: readonly (readonly number[])[] | undefined
}

const NAMES = ['partitions', 'replicationFactor', 'configs']
const MAX_DEFAULT_REPLICATION_FACTOR = 3

export function checkTopicOptions(name: string, given: number | TopicOptions): void {
  const options = typeof given === 'number' ? { partitions: given } : given
  refuseUnknown(Object.keys(options), NAMES, (key) => `Topic ${name} has no option "${key}"`)
  const { partitions = 1, replicationFactor = 1 } = options
  for (const [what, value] of Object.entries({ partitions, replicationFactor })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UsageError(`${what} of topic ${name} must be a whole number, 1 or more.`)
    }
  }
}

export function defaultReplicationFactor(brokers: number): number {
  return Math.min(brokers, MAX_DEFAULT_REPLICATION_FACTOR)
}

export function newTopicOf(
  name: string,
  given: number | TopicOptions,
  defaults: { readonly brokers: number; readonly numPartitions: number },
): NewTopic {
  const options = typeof given === 'number' ? { partitions: given } : given
  return {
    name,
    partitions: options.partitions ?? defaults.numPartitions,
    replicationFactor: options.replicationFactor ?? defaultReplicationFactor(defaults.brokers),
    configs: new Map(
      Object.entries(options.configs ?? {}).map(([key, value]) => [key, String(value)]),
    ),
  }
}
