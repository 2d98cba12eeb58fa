/**
 * What a transaction takes of a consumer. The producer and the consumer do not know each other:
 * records and batches that a consumer delivers offer their consumption under a symbol, and a
 * transaction that is given them commits their offsets in the group's name.
 */
import type { KafkaError } from '@odradek/protocol'
import type { TopicPartition } from '../events/topic-partition.ts'

/**
 * The member on whose behalf offsets are committed, as Java's class of this name: for transactions
 * and external offset stores. Plain data, so that a thread can take it.
 */
export interface ConsumerGroupMetadata {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** The generation of the classic protocol, the member epoch of KIP-848. */
  readonly generationIdOrMemberEpoch: number
}

/** The consumer behind what was consumed. */
export interface ConsumedGroup {
  /** Whether its offsets are committed by transactions alone. */
  readonly isTransactional: boolean
  /** Undefined while it has no valid generation, or its session is in doubt. */
  readonly stamp: ConsumerGroupMetadata | undefined
  /** A commit in its name was refused. */
  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void
}

/** One unbroken stretch of reading a partition. */
export interface ConsumedPartition extends TopicPartition {
  readonly group: ConsumedGroup | undefined
  /** False once the partition went away, or was sought elsewhere. */
  readonly isLive: boolean
  /** Nothing that was committed in another way may still be on its way. */
  readonly isSettled: boolean
  /** The offset that may be committed when the records at these offsets are processed, too. */
  committableWith(offsets: ReadonlySet<number>): number
  /** The leader epoch of what lies directly before an offset, and what travels with its commits. */
  commitDetails(offset: number): { readonly leaderEpoch: number; readonly metadata: string }
  /** The offset is committed. */
  noteCommitted(offset: number): void
  /** Back to what is committed: everything behind it is delivered again. */
  rewind(): void
  /** Back to what the coordinator has by now: whether the commit was applied is unknown. */
  readAgain(): void
}

export interface Consumption {
  readonly partition: ConsumedPartition
  /** The record's; undefined for whatever of the partition is processed when the commit is made. */
  readonly offset: number | undefined
  /** Of a batch: whether all of it is processed, or spoken for. Half a batch is not committed. */
  readonly isComplete?: () => boolean
}

export const CONSUMPTION: unique symbol = Symbol('odradek.consumption')

/** A record or a batch that a consumer delivered. */
export interface Consumable {
  /** @internal Undefined where there is no consumer group. */
  readonly [CONSUMPTION]: Consumption | undefined
}
