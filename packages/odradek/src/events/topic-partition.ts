/** A partition of a topic, by name. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A key for maps; partitions come last so that names with dashes stay apart. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`
}
