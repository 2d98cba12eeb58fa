/** Whether offsets that user code wants to have committed can be what is processed. */
import { UsageError } from '../../errors/errors.ts'
import { checkOptions } from '../../options/option-table.ts'
import { OFFSET_TO_COMMIT_OPTIONS, type OffsetToCommit } from '../options/consumer-call-options.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

const WHERE = 'consumer.commitOffsets(...)'

/**
 * By partition.
 *
 * @throws UsageError for what cannot be; `readerOf` does for partitions that are not ours.
 */
export function checkOffsetsToCommit(
  offsets: readonly OffsetToCommit[],
  readerOf: (one: OffsetToCommit) => PartitionReader,
): ReadonlyMap<PartitionReader, OffsetToCommit> {
  if (!Array.isArray(offsets)) {
    throw new UsageError(`${WHERE} takes a list of { topic, partition, offset, metadata? }.`)
  }
  const places = new Map<PartitionReader, OffsetToCommit>()
  for (const one of offsets) {
    checkOptions(OFFSET_TO_COMMIT_OPTIONS, one ?? null, WHERE)
    const reader = readerOf(one)
    const { name, leastToCommit, committable, handedOutUpTo } = reader
    if (places.has(reader)) throw new UsageError(`${WHERE} was given ${name} twice.`)
    const why = `Offset ${one.offset} of ${name} is not committed:`
    if (one.offset > handedOutUpTo) {
      throw new UsageError(
        `${why} only what lies before ${Math.max(0, handedOutUpTo)} was handed out. To leave ` +
          'records out, seek.',
      )
    }
    if (one.offset < leastToCommit) {
      const { requested, offset: committed } = reader.commit
      const isCommitted = leastToCommit === (requested ?? committed)
      throw new UsageError(
        leastToCommit === committable
          ? `${why} everything before ${leastToCommit} is processed by now. To go back, seek; ` +
              'records that are processed while others are read are for consumer.run or ' +
              'consumer.stream, or for enableAutoCommit: false.'
          : isCommitted
            ? `${why} everything before ${leastToCommit} is committed by now. To go back, seek.`
            : `${why} reading began at ${leastToCommit}. To go back, seek.`,
      )
    }
    places.set(reader, one)
  }
  return places
}
