/** What users ask about offsets: what is committed, and how far it is to the end. */
import type { Cluster } from '../../cluster/cluster.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import { listOffsetsOf } from './list-offsets.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { type CommittedOffset, fetchCommittedOffsets } from '../commit/committed-offsets.ts'

/** What a group has committed of a partition. */
export interface OffsetAndMetadata extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number
  /** Of the record before it; -1 when it is not known. */
  readonly leaderEpoch: number
  /** What was written beside it, by this client's note (docs/reading.md) and by anybody else. */
  readonly metadata: string
}

/** By the coordinator's word, in the order of `partitions`; null where nothing is committed. */
export async function committedOf(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<readonly (OffsetAndMetadata | null)[]> {
  const found = await cluster.retry(
    async () => {
      const offsets = await fetchCommittedOffsets(cluster, groupId, partitions)
      for (const one of offsets.values()) if (one instanceof Error && one.retriable) throw one
      return offsets
    },
    {
      action: `read the offsets of group "${groupId}"`,
      onCoordinatorMoved: () => cluster.forgetCoordinator('group', groupId),
    },
  )
  return partitions.map(({ topic, partition }) => {
    const one = found.get(partitionKey(topic, partition))
    if (one instanceof Error) throw one
    return one === undefined ? null : withPlace(topic, partition, one)
  })
}

function withPlace(topic: string, partition: number, of: CommittedOffset): OffsetAndMetadata {
  const { offset, leaderEpoch, metadata } = of
  return { topic, partition, offset, leaderEpoch, metadata }
}

/** Records between what is processed and the end; null where one of them is not known. */
export async function lagOf(
  cluster: Cluster,
  readers: readonly PartitionReader[],
  isolationLevel: 'read_uncommitted' | 'read_committed',
): Promise<readonly (TopicPartition & { readonly records: number | null })[]> {
  const queries = readers.map(({ topic, partition }) => ({ topic, partition, timestamp: -1 }))
  const ends = await listOffsetsOf(cluster, queries, isolationLevel)
  return queries.map((query, index) => {
    const { topic, partition } = query
    const end = ends.get(query)
    const position = readers[index]?.committable
    if (end === undefined || end instanceof Error || position === undefined) {
      return { topic, partition, records: null }
    }
    return { topic, partition, records: Math.max(0, end.offset - position) }
  })
}
