/** Serdes are prepared once, so that reading records needs no promise. */
import type { AnyTopic } from '../serdes/topic.ts'

export async function prepareTopics(topics: Iterable<AnyTopic>): Promise<void> {
  for (const topic of topics) {
    await topic.key?.prepare?.(topic.name)
    await topic.value?.prepare?.(topic.name)
  }
}
