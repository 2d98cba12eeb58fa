/** What a consumer says to those who ask for what cannot be. */
import { UsageError } from '../errors/errors.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import type { EffectiveConsumerOptions } from './options/consumer-options.ts'

export function notAssigned({ topic, partition }: TopicPartition, what: string): UsageError {
  return new UsageError(
    `${what} of ${topic}-${partition}: that partition is not assigned to this consumer.`,
    { code: 'NOT_ASSIGNED' },
  )
}

/** @throws UsageError where there is no group. */
export function groupIdOf(
  { groupId }: Pick<EffectiveConsumerOptions, 'groupId'>,
  what: string,
): string {
  if (groupId !== undefined) return groupId
  throw new UsageError(`${what} needs a group, and this consumer was given no "groupId".`)
}

/** @throws UsageError where a producer's transactions commit. */
export function refuseIfTransactional(
  { transactional }: Pick<EffectiveConsumerOptions, 'transactional'>,
  what: string,
): void {
  if (!transactional) return
  throw new UsageError(
    `${what} is refused: this consumer is transactional, so its offsets are committed by ` +
      'producer.transaction((tx) => tx.consume(record)).',
  )
}

/** @throws UsageError unless it is a list of partitions. */
export function refuseUnlessPartitions(given: unknown, what: string): void {
  if (Array.isArray(given) && (given as unknown[]).every(isPartition)) return
  throw new UsageError(`${what}(...) takes a list of { topic, partition }.`)
}

/** @throws UsageError unless it is a partition. */
export function refuseUnlessPartition(given: unknown, what: string): void {
  if (!isPartition(given)) throw new UsageError(`${what}(...) takes { topic, partition }.`)
}

function isPartition(given: unknown): boolean {
  const { topic, partition } = (given ?? {}) as Readonly<Record<string, unknown>>
  return typeof topic === 'string' && Number.isInteger(partition)
}
