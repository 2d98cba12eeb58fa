/**
 * When a fetch that waits has enough records: by their bytes, or by the transactions that ended.
 */
import type { Partition } from '../cluster/partition.ts'

/** Counts the bytes that are still missing; records of open transactions may not count. */
export function enoughBytes(
  partitions: readonly Partition[],
  missingBytes: number,
  isCommittedOnly: boolean,
): (byteLength: number, partition: Partition) => boolean {
  const stable = new Map(partitions.map((one) => [one, one.log.lastStableOffset]))
  let missing = missingBytes
  return (byteLength, partition) => {
    if (isCommittedOnly) {
      const { lastStableOffset } = partition.log
      if (lastStableOffset === stable.get(partition)) return false
      stable.set(partition, lastStableOffset)
    }
    missing -= byteLength
    return missing <= 0
  }
}
