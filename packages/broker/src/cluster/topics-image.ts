/** The topics as group coordinators see them: names, ids and sizes, frozen at one moment. */
export interface TopicImage {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

export interface TopicsImage {
  /** Grows with every change. */
  readonly version: number
  readonly byName: ReadonlyMap<string, TopicImage>
  readonly byId: ReadonlyMap<string, TopicImage>
}

export function imageOf(topics: Iterable<TopicImage>, version: number): TopicsImage {
  const byName = new Map<string, TopicImage>()
  const byId = new Map<string, TopicImage>()
  for (const topic of topics) {
    byName.set(topic.name, topic)
    byId.set(topic.id, topic)
  }
  return { version, byName, byId }
}
