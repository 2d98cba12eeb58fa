/**
 * What a partition without a position waits for, in words: rounds of one name run one at a time.
 */
import type { ClusterMetadata } from '../../cluster/index.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

const READING_COMMITTED = 'reading committed offsets'
const PINNING = 'committing where to start'

/** Undefined for one that waits for nothing. */
export function waitsFor(
  { state, topic, partition }: PartitionReader,
  { topics }: Pick<ClusterMetadata, 'topics'>,
): string | undefined {
  if (state.name === 'pinning') return PINNING
  if (state.name !== 'resolving') return undefined
  if (state.lookup.of === 'committed') return READING_COMMITTED
  const { leader = -1 } = topics.get(topic)?.partitions[partition] ?? {}
  return leader < 0 ? 'finding a leader to ask' : `finding where to read from at broker ${leader}`
}
