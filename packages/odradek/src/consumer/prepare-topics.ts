/** Codecs and serdes are loaded once, so that reading records needs no promise. */
import { loadCodecs } from '@odradek/protocol'
import type { AnyTopic } from '../serdes/topic.ts'

export async function prepareTopics(topics: Iterable<AnyTopic>): Promise<void> {
  await loadCodecs()
  for (const topic of topics) {
    await topic.key?.prepare?.(topic.name)
    await topic.value?.prepare?.(topic.name)
  }
}
