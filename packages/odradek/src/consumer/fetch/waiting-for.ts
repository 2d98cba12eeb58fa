/** What a partition without a position waits for, in words: rounds of one name run one at a time. */
import type { ClusterMetadata } from '../../cluster/index.ts'
import type { PartitionReader } from '../partition-reader.ts'

const READING_COMMITTED = 'reading committed offsets'
const PINNING = 'committing where to start'

/** Undefined for one that waits for nothing. */
export function waitsFor(
  { phase, topic, partition }: PartitionReader,
  { topics }: Pick<ClusterMetadata, 'topics'>,
): string | undefined {
  switch (phase.name) {
    case 'starting':
      return READING_COMMITTED
    case 'pinning':
      return PINNING
    case 'locating':
    case 'seeking':
    case 'outOfRange':
    case 'recreated': {
      const { leader = -1 } = topics.get(topic)?.partitions[partition] ?? {}
      return leader < 0
        ? 'finding a leader to ask'
        : `finding where to read from at broker ${leader}`
    }
    default:
      return undefined
  }
}
