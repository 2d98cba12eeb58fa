/**
 * What one transaction has consumed: the offsets of exactly these records, by partition. They are
 * settled when the transaction commits, under the generation of that moment: a partition that was
 * taken away meanwhile is stale then, so nothing is committed in the name of a zombie, and one that
 * stayed may be committed although its group has met a rebalance.
 */
import type {
  Consumable,
  ConsumedGroup,
  ConsumedPartition,
  Consumption,
  ConsumerGroupMetadata,
} from '../../cluster/consumption.ts'
import { CONSUMPTION } from '../../cluster/consumption.ts'
import { CommitFailedError, UsageError } from '../../errors/errors.ts'
import type { OffsetToCommit } from './transaction-coordinator.ts'

export interface GroupOffsets {
  readonly group: ConsumedGroup
  readonly stamp: ConsumerGroupMetadata
  readonly offsets: readonly OffsetToCommit[]
}

export class ConsumedOffsets {
  readonly #partitions = new Map<ConsumedPartition, Set<number>>()
  readonly #batches: Consumption[] = []
  readonly #committing = new Map<ConsumedPartition, number>()

  get isEmpty(): boolean {
    return this.#partitions.size === 0
  }

  add(consumed: unknown): void {
    const consumption = (consumed as Partial<Consumable> | null | undefined)?.[CONSUMPTION]
    if (consumption === undefined) {
      throw new UsageError(
        'tx.consume takes a record or a batch that a consumer delivered, or a list of records.',
      )
    }
    const { partition, offset } = consumption
    const { group, topic } = partition
    if (group?.isTransactional !== true) {
      throw new UsageError(
        `tx.consume needs a consumer whose offsets are committed by transactions alone: make it ` +
          `with { groupId, transactional: true }. (A record of ${topic} came from another one.)`,
      )
    }
    refuseIfStale(partition, offset)
    let offsets = this.#partitions.get(partition)
    if (offsets === undefined) {
      offsets = new Set()
      this.#partitions.set(partition, offsets)
    }
    if (offset !== undefined) offsets.add(offset)
    if (consumption.isComplete !== undefined) this.#batches.push(consumption)
  }

  /** Whether every group that was read from knows its own generation, and its start is settled. */
  get areGroupsStable(): boolean {
    const partitions = [...this.#partitions.keys()].filter(({ isLive }) => isLive)
    return partitions.every(({ group, isSettled }) => isSettled && group?.stamp !== undefined)
  }

  /**
   * What is to be committed, as of now.
   *
   * @throws CommitFailedError when a partition was taken away, or sought elsewhere; UsageError when
   * an earlier record of the partition is in flight and not consumed, or a batch is not finished.
   */
  toCommit(): readonly GroupOffsets[] {
    for (const { partition, isComplete } of this.#batches) {
      if (partition.isLive && isComplete?.() === false) throw halfABatch(partition)
    }
    const byGroup = new Map<ConsumedGroup, OffsetToCommit[]>()
    for (const [partition, consumed] of this.#partitions) {
      const last = Math.max(-1, ...consumed)
      refuseIfStale(partition, last)
      const offset = partition.committableWith(consumed)
      if (last >= offset) throw outOfOrder(partition, last, offset)
      const { topic, partition: index, group } = partition
      this.#committing.set(partition, offset)
      const one = { topic, partition: index, offset, ...partition.commitDetails(offset) }
      // Whoever has none was refused.
      const offsets = byGroup.get(group as ConsumedGroup)
      if (offsets === undefined) byGroup.set(group as ConsumedGroup, [one])
      else offsets.push(one)
    }
    return [...byGroup].map(([group, offsets]) => {
      const { stamp } = group
      if (stamp !== undefined) return { group, stamp, offsets }
      throw new CommitFailedError(offsets[0] as OffsetToCommit)
    })
  }

  /**
   * What happened to a log meanwhile (it was truncated, and reading goes on elsewhere) is no reason
   * to commit what was read of it before.
   *
   * @throws CommitFailedError when a partition is not what it was.
   */
  refuseIfStale(): void {
    for (const [partition, offset] of this.#committing) refuseIfStale(partition, offset)
  }

  /** The transaction was committed, and these offsets with it. */
  noteCommitted(): void {
    for (const [partition, offset] of this.#committing) partition.noteCommitted(offset)
  }

  /** It was aborted: what it consumed is delivered again. */
  rewind(): void {
    for (const partition of this.#partitions.keys()) partition.rewind()
  }

  /** Nobody knows: the coordinator is asked where the group stands. */
  readAgain(): void {
    for (const partition of this.#partitions.keys()) partition.readAgain()
  }
}

function refuseIfStale(partition: ConsumedPartition, offset = -1): void {
  const { topic, partition: index } = partition
  if (!partition.isLive) throw new CommitFailedError({ topic, partition: index, offset })
}

function halfABatch({ topic, partition }: ConsumedPartition): UsageError {
  return new UsageError(
    `The transaction consumed a batch of ${topic}-${partition} that was not iterated to its end, ` +
      'so it is aborted. Iterate to the end, or say what counts with batch.markUpTo(offset) or ' +
      'batch.skipRest().',
  )
}

function outOfOrder(
  { topic, partition }: ConsumedPartition,
  last: number,
  committable: number,
): UsageError {
  return new UsageError(
    `The transaction consumed offset ${last} of ${topic}-${partition}, but the record at ` +
      `${committable} before it is still in hand elsewhere: committing would skip it.`,
  )
}
