/**
 * What survives every coordinator, as `__consumer_offsets` does in Kafka: per group what was
 * written down of its members, and its committed offsets by topic and partition.
 */
import type { Snapshot } from './classic-group.ts'
import type { State as ConsumerState } from './consumer-group.ts'
import type { State as ShareState } from './share-group.ts'

/** What was written down of a group besides its offsets. */
export type GroupContent =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'classic'; readonly snapshot: Snapshot }
  | { readonly kind: 'consumer'; readonly state: ConsumerState }
  | { readonly kind: 'share'; readonly state: ShareState }

export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** On the monotonic clock of the cluster. */
  readonly committedAt: number
  /** When the client said that it may go (OffsetCommit before version 5); null when it did not. */
  readonly expiresAt: number | null
}

export class StoredGroup {
  content: GroupContent = { kind: 'nothing' }
  /** Since when a classic group that had members has none. */
  emptySince: number | undefined
  readonly offsets = new Map<string, Map<number, CommittedOffset>>()

  offset(topic: string, partition: number): CommittedOffset | undefined {
    return this.offsets.get(topic)?.get(partition)
  }

  commit(topic: string, partition: number, committed: CommittedOffset): void {
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
