/**
 * Sets of topic partitions, as KIP-848 and share groups use them: one string per partition, so that
 * sets and maps of the language do the work, and requests and responses name them by topic.
 */
export type PartitionKey = string

export interface TopicIdPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** Topic ids are base64url, which has no colon. */
export function partitionKey(topicId: string, partition: number): PartitionKey {
  return `${topicId}:${partition}`
}

export function topicIdOf(key: PartitionKey): string {
  return key.slice(0, key.indexOf(':'))
}

export function indexOf(key: PartitionKey): number {
  return Number(key.slice(key.indexOf(':') + 1))
}

export function keysOf(topics: readonly TopicIdPartitions[]): ReadonlySet<PartitionKey> {
  const keys = new Set<PartitionKey>()
  for (const { topicId, partitions } of topics) {
    for (const partition of partitions) keys.add(partitionKey(topicId, partition))
  }
  return keys
}

/** Topics in the order in which they first appear, partitions in their own order. */
export function byTopic(keys: Iterable<PartitionKey>): readonly TopicIdPartitions[] {
  const topics = new Map<string, number[]>()
  for (const key of keys) {
    const topicId = topicIdOf(key)
    const partitions = topics.get(topicId)
    if (partitions === undefined) topics.set(topicId, [indexOf(key)])
    else partitions.push(indexOf(key))
  }
  return [...topics].map(([topicId, partitions]) => ({
    topicId,
    partitions: partitions.sort((a, b) => a - b),
  }))
}

export interface KeySet {
  readonly size: number
  has(key: PartitionKey): boolean
  keys(): IterableIterator<PartitionKey>
}

export function hasSameKeys(one: KeySet, other: KeySet): boolean {
  if (one.size !== other.size) return false
  for (const key of one.keys()) if (!other.has(key)) return false
  return true
}
