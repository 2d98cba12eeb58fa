/**
 * Kafka's default partitioner for records without a key (KIP-794): they stay with a partition until
 * its batch is full, or as many bytes went there, then move to one drawn by chance, with less
 * chance for partitions whose queues are long. So batches are full, and a slow broker gets less.
 */
import type { Random } from '@odradek/environment'
import type { PartitionMetadata } from '../cluster/metadata.ts'

/** Draws a partition; `queued` tells how many batches wait, by partition. */
export function drawPartition(
  partitions: readonly PartitionMetadata[],
  queued: (partition: number) => number,
  random: Random,
): number {
  const withLeader = partitions.filter(({ leader }) => leader >= 0)
  const available = withLeader.length > 0 ? withLeader : partitions
  let longest = 0
  for (const { partition } of available) longest = Math.max(longest, queued(partition))
  let total = 0
  for (const { partition } of available) total += longest + 1 - queued(partition)
  let ticket = random.integer(total)
  for (const { partition } of available) {
    ticket -= longest + 1 - queued(partition)
    if (ticket < 0) return partition
  }
  return 0
}
