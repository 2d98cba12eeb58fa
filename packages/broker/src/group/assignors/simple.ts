/**
 * The simple assignor of share groups: every partition has a reader, every member has something to
 * read if there is anything, and members without one share partitions with others. Members go
 * round the partitions of their topics.
 */
import { type PartitionKey, partitionKey } from '../../cluster/topic-partitions.ts'
import type { Assignor } from './assignor.ts'

export const simple: Assignor = (subscribers) => {
  const targets = new Map(subscribers.map(({ memberId }) => [memberId, new Set<PartitionKey>()]))
  const groups = new Map<string, { keys: PartitionKey[]; memberIds: string[] }>()
  for (const { memberId, topics } of subscribers) {
    // Members of one subscription go round together.
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
