/** What became of offsets when a consumer closed. */
import type { CloseSummary, OffsetOfPartition } from './options/consumer-call-options.ts'
import type { PartitionReader } from './partition/partition-state.ts'

export function summaryOf(readers: readonly PartitionReader[]): CloseSummary {
  const committed: OffsetOfPartition[] = []
  const uncommitted: OffsetOfPartition[] = []
  for (const { topic, partition, committable, commit, hasProgressed, toCommit } of readers) {
    const { offset: committedOffset, isUnsure } = commit
    if (committedOffset !== undefined) committed.push({ topic, partition, offset: committedOffset })
    // A place that nothing was processed to reach is not missing from what is committed.
    if (committable === undefined || (!hasProgressed && toCommit === undefined)) continue
    if (isUnsure || committedOffset === undefined || committedOffset < committable) {
      uncommitted.push({ topic, partition, offset: committable })
    }
  }
  return { committed, uncommitted }
}
