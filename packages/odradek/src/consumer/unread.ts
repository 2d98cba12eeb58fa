/** Records that a consumer could deliver now, and that wait until something reads it. */
import type { Place } from './liveness/in-hand.ts'
import type { PartitionReader } from './partition-reader.ts'

/** The first of them; undefined when there is none. */
export function firstUnread(readers: Iterable<PartitionReader>): Place | undefined {
  for (const reader of readers) {
    const { topic, partition, handedOutUpTo: offset } = reader
    if (reader.mayBeTaken) return { topic, partition, offset }
  }
  return undefined
}
