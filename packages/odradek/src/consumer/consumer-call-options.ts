/** The options of a consumer's calls. */
import { closeTimeoutRow, signalRow } from '../options/call-options.ts'
import { isNumber, isOneOf, type OptionRow } from '../options/option-table.ts'

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
  /** Ends the wait (with the signal's reason); the commit itself goes on. */
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

/** What names a partition, and where to go in it. */
export const SEEK_OPTIONS: readonly OptionRow[] = [
  {
    name: 'topic',
    isRequired: true,
    check: (value) => (typeof value === 'string' ? undefined : 'the name of a topic'),
    text: 'the name of the topic.',
  },
  { name: 'partition', isRequired: true, check: isNumber(0), text: 'which of its partitions.' },
  {
    name: 'offset',
    isRequired: true,
    check: isNumber(0),
    text: 'of the record to read next.',
  },
]
