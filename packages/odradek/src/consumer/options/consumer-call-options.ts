/** The options of a consumer's calls. */
import { closeTimeoutRow, signalRow } from '../../options/call-options.ts'
import { UsageError } from '../../errors/errors.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import { isNumber, isOneOf, type OptionRow, parseOptions } from '../../options/option-table.ts'
import { EARLIEST, LATEST } from './start-options.ts'

export interface OffsetOfPartition extends TopicPartition {
  readonly offset: number
}

/** What became of the offsets when the consumer closed. */
export interface CloseSummary {
  readonly committed: readonly OffsetOfPartition[]
  /** Processed, but not (or not certainly) committed: delivered again to whoever comes next. */
  readonly uncommitted: readonly OffsetOfPartition[]
}

export interface StreamOptions {
  /** Records that the stream reads ahead. Default 16. */
  readonly highWaterMark?: number | undefined
  /** Default 10,000. */
  readonly maxUncommittedRecords?: number | undefined
}

export const STREAM_OPTIONS: readonly OptionRow[] = [
  {
    name: 'highWaterMark',
    unit: 'count',
    default: 16,
    check: isNumber(0),
    text: 'records that the stream reads ahead.',
  },
  {
    name: 'maxUncommittedRecords',
    unit: 'count',
    default: 10_000,
    check: isNumber(1),
    text: 'how many records of a partition are handed out unmarked, at most.',
  },
]

export interface CommitOptions {
  /** Ends the wait with an `AbortError`; a commit that is under way goes on. */
  readonly signal?: AbortSignal | undefined
}

export const COMMIT_OPTIONS: readonly OptionRow[] = [signalRow]

export interface ConsumerCloseOptions {
  /** How long records in hand and the last commit may take, ms. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Static members remain in the group by default, others leave (KIP-1092). */
  readonly group?: 'leave' | 'remain' | undefined
}

export const CONSUMER_CLOSE_OPTIONS: readonly OptionRow[] = [
  closeTimeoutRow,
  {
    name: 'group',
    check: isOneOf('leave', 'remain'),
    text: 'whether the member leaves its group; static members remain unless told otherwise.',
  },
]

/** A place in a partition: an offset, one of the ends of the log, or a time. */
export type SeekTarget = TopicPartition &
  (
    | { readonly offset: number | 'earliest' | 'latest' }
    /** Of the first record that is as late, ms since the epoch; the end where none is. */
    | { readonly timestamp: number; readonly offset?: undefined }
  )

const partitionRows: readonly OptionRow[] = [
  {
    name: 'topic',
    isRequired: true,
    check: (value) => (typeof value === 'string' ? undefined : 'the name of a topic'),
    text: 'the name of the topic.',
  },
  { name: 'partition', isRequired: true, check: isNumber(0), text: 'which of its partitions.' },
]

function checkPlace(value: unknown): string | undefined {
  if (value === 'earliest' || value === 'latest') return undefined
  const problem = isNumber(0)(value)
  return problem && `${problem}, "earliest" or "latest"`
}

/** What names a partition, and where to go in it. */
export const SEEK_OPTIONS: readonly OptionRow[] = [
  ...partitionRows,
  {
    name: 'offset',
    check: checkPlace,
    text: 'of the record to read next; or one of the ends of the log.',
  },
  {
    name: 'timestamp',
    check: isNumber(0),
    text: 'in place of it: ms since the epoch, for the first record that is as late.',
  },
]

/** The offset to go to, or the time to look up (Kafka's special ones among them). */
export function parseSeek(to: SeekTarget): { readonly offset: number } | { readonly at: number } {
  const { offset, timestamp } = parseOptions<{
    readonly offset?: number | 'earliest' | 'latest'
    readonly timestamp?: number
  }>(SEEK_OPTIONS, to, 'consumer.seek(...)')
  if ((offset === undefined) === (timestamp === undefined)) {
    throw new UsageError(
      'consumer.seek(...) needs the option "offset", or "timestamp" in its place; not both.',
    )
  }
  if (offset === 'earliest') return { at: EARLIEST }
  if (offset === 'latest') return { at: LATEST }
  return offset === undefined ? { at: timestamp as number } : { offset }
}

/** An offset to commit: as Kafka counts, that of the next record to read. */
export interface OffsetToCommit extends OffsetOfPartition {
  /**
   * Kept beside it by the coordinator, up to its `offset.metadata.max.bytes` (4096) in all; it
   * stays with the commits that follow until another is given. Default: what is there.
   */
  readonly metadata?: string | undefined
}

export const OFFSET_TO_COMMIT_OPTIONS: readonly OptionRow[] = [
  ...partitionRows,
  {
    name: 'offset',
    isRequired: true,
    check: isNumber(0),
    text: 'of the next record to read.',
  },
  {
    name: 'metadata',
    check: (value) => (typeof value === 'string' ? undefined : 'a string'),
    text: 'kept beside it by the coordinator.',
  },
]
