/** What survives every leader of share partitions, as `__share_group_state` does in Kafka. */
import type { PartitionKey } from '../cluster/topic-partitions.ts'
import { NO_SHARE_SNAPSHOT, type ShareSnapshot } from './share-record.ts'

export class ShareStore {
  readonly #groups = new Map<string, Map<PartitionKey, ShareSnapshot>>()

  get(groupId: string, key: PartitionKey): ShareSnapshot {
    return this.#groups.get(groupId)?.get(key) ?? NO_SHARE_SNAPSHOT
  }

  /** The partitions of a group that have a stored state. */
  keysOf(groupId: string): readonly PartitionKey[] {
    return [...(this.#groups.get(groupId)?.keys() ?? [])]
  }

  set(groupId: string, key: PartitionKey, snapshot: ShareSnapshot): void {
    let group = this.#groups.get(groupId)
    if (group === undefined) {
      group = new Map()
      this.#groups.set(groupId, group)
    }
    group.set(key, snapshot)
  }

  delete(groupId: string, key: PartitionKey): void {
    this.#groups.get(groupId)?.delete(key)
  }

  deleteGroup(groupId: string): void {
    this.#groups.delete(groupId)
  }
}
