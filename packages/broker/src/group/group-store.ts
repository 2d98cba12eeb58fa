/**
 * What survives every coordinator, as `__consumer_offsets` does in Kafka: per group what was stored
 * of its members, and its committed offsets by topic and partition.
 */
import type { Snapshot } from './classic-group.ts'
import type { CommittedOffset } from './committed-offset.ts'
import type { State as ConsumerState } from './consumer-group.ts'
import { offsetKey, type PendingOffset, PendingOffsets } from './pending-offsets.ts'
import type { State as ShareState } from './share-group.ts'

/** What was stored of a group besides its offsets. */
export type GroupContent =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'classic'; readonly snapshot: Snapshot }
  | { readonly kind: 'consumer'; readonly state: ConsumerState }
  | { readonly kind: 'share'; readonly state: ShareState }

export class StoredGroup {
  content: GroupContent = { kind: 'nothing' }
  /** When the last member of a classic group left. */
  emptySince: number | undefined
  readonly offsets = new Map<string, Map<number, CommittedOffset>>()
  /** Of open transactions. */
  readonly pending = new PendingOffsets()
  /** How many commits there were, and which of them was the last of each partition. */
  #commits = 0
  readonly #lastCommits = new Map<string, number>()

  offset(topic: string, partition: number): CommittedOffset | undefined {
    return this.offsets.get(topic)?.get(partition)
  }

  commit(topic: string, partition: number, committed: CommittedOffset): void {
    this.#commits++
    this.#put(topic, partition, committed, this.#commits)
  }

  /** It is applied when the producer's transaction is committed. */
  commitInTransaction(producerId: bigint, offset: Omit<PendingOffset, 'order'>): void {
    this.#commits++
    this.pending.add(producerId, { ...offset, order: this.#commits })
  }

  /** The producer's transaction has ended. Returns the offsets that it committed. */
  settle(producerId: bigint, isCommit: boolean): readonly PendingOffset[] {
    const settled = this.pending.take(producerId)
    if (!isCommit) return []
    const isNewest = ({ topic, partition, order }: PendingOffset): boolean =>
      order > (this.#lastCommits.get(offsetKey(topic, partition)) ?? 0)
    const counting = settled.filter(isNewest)
    for (const { topic, partition, committed, order } of counting) {
      this.#put(topic, partition, committed, order)
    }
    return counting
  }

  #put(topic: string, partition: number, committed: CommittedOffset, order: number): void {
    this.#lastCommits.set(offsetKey(topic, partition), order)
    let partitions = this.offsets.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.offsets.set(topic, partitions)
    }
    partitions.set(partition, committed)
  }

  deleteOffset(topic: string, partition: number): void {
    const partitions = this.offsets.get(topic)
    partitions?.delete(partition)
    if (partitions?.size === 0) this.offsets.delete(topic)
  }
}

export class GroupStore {
  readonly #groups = new Map<string, StoredGroup>()

  get(groupId: string): StoredGroup | undefined {
    return this.#groups.get(groupId)
  }

  groupIds(): readonly string[] {
    return [...this.#groups.keys()]
  }

  getOrCreate(groupId: string): StoredGroup {
    let group = this.#groups.get(groupId)
    if (group === undefined) {
      group = new StoredGroup()
      this.#groups.set(groupId, group)
    }
    return group
  }

  delete(groupId: string): void {
    this.#groups.delete(groupId)
  }
}
