/** Partitions as Kafka's messages have them: by topic, each with its partition numbers in order. */
import type { TopicPartition } from '../../events/topic-partition.ts'

export interface PartitionsOfTopic {
  readonly topic: string
  readonly partitions: readonly number[]
}

export function byTopic(partitions: readonly TopicPartition[]): readonly PartitionsOfTopic[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const known = topics.get(topic)
    if (known === undefined) topics.set(topic, [partition])
    else known.push(partition)
  }
  return [...topics].map(([topic, numbers]) => ({
    topic,
    partitions: numbers.sort((a, b) => a - b),
  }))
}
