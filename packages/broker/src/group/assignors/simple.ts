/**
 * The simple assignor of share groups: every partition has a reader, every member has a partition
 * if there is any, and members without one of their own share partitions with others. Members are
 * assigned round-robin over the partitions of their topics.
 */
import { type PartitionKey, partitionKey } from '../../cluster/topic-partitions.ts'
import type { Assignor } from './assignor.ts'

export const simple: Assignor = (subscribers) => {
  const targets = new Map(subscribers.map(({ memberId }) => [memberId, new Set<PartitionKey>()]))
  const groups = new Map<string, { keys: PartitionKey[]; memberIds: string[] }>()
  for (const { memberId, topics } of subscribers) {
    // Members with the same subscription share one round-robin.
    const name = topics.map(({ id }) => id).join()
    const group = groups.get(name)
    if (group !== undefined) {
      group.memberIds.push(memberId)
      continue
    }
    const keys = topics.flatMap(({ id, partitions }) =>
      Array.from({ length: partitions }, (_, index) => partitionKey(id, index)),
    )
    groups.set(name, { keys, memberIds: [memberId] })
  }
  for (const { keys, memberIds } of groups.values()) {
    const rounds = keys.length === 0 ? 0 : Math.max(keys.length, memberIds.length)
    for (let index = 0; index < rounds; index++) {
      const memberId = memberIds[index % memberIds.length] ?? ''
      targets.get(memberId)?.add(keys[index % keys.length] ?? '')
    }
  }
  return targets
}
