/**
 * The range assignor: topic by topic, its subscribers get ranges of its partitions, in the order of
 * their names (static members first), the first ones one more if the division has a remainder.
 * Topics of equal size are split equally, so records of equal keys have one reader.
 */

import { type PartitionKey, partitionKey } from '../../cluster/topic-partitions.ts'
import type { TopicImage } from '../../cluster/topics-image.ts'
import type { Assignor, Subscriber } from './assignor.ts'

export const range: Assignor = (subscribers) => {
  const sorted = [...subscribers].sort(compare)
  const targets = new Map(sorted.map(({ memberId }) => [memberId, new Set<PartitionKey>()]))
  const topics = new Map<string, { topic: TopicImage; memberIds: string[] }>()
  for (const { memberId, topics: wanted } of sorted) {
    for (const topic of wanted) {
      const entry = topics.get(topic.id)
      if (entry === undefined) topics.set(topic.id, { topic, memberIds: [memberId] })
      else entry.memberIds.push(memberId)
    }
  }
  for (const { topic, memberIds } of topics.values()) {
    const share = Math.floor(topic.partitions / memberIds.length)
    const extra = topic.partitions % memberIds.length
    let next = 0
    memberIds.forEach((memberId, index) => {
      const end = next + share + (index < extra ? 1 : 0)
      for (; next < end; next++) targets.get(memberId)?.add(partitionKey(topic.id, next))
    })
  }
  return targets
}

function compare(one: Subscriber, other: Subscriber): number {
  if (one.instanceId !== null && other.instanceId !== null) {
    return one.instanceId < other.instanceId ? -1 : 1
  }
  if (one.instanceId !== null) return -1
  if (other.instanceId !== null) return 1
  return one.memberId < other.memberId ? -1 : 1
}
