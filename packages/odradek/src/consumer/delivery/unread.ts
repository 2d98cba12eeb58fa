/** Records that a consumer could deliver now, and that wait until something reads it. */
import type { Place } from './in-flight-records.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

/** The first of them; undefined when there is none. */
export function firstUnread(readers: Iterable<PartitionReader>): Place | undefined {
  for (const reader of readers) {
    const { topic, partition, handedOutUpTo: offset } = reader
    if (reader.mayBeTaken) return { topic, partition, offset }
  }
  return undefined
}
