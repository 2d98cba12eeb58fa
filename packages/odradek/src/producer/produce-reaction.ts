/**
 * What to do about a partition's error in a produce response: pure, and the whole table in one
 * place (the sequence numbers' part follows Kafka's Java client).
 */
import { ErrorCode, errorTraits, isKnownErrorCode } from '@odradek/protocol'

export type ProduceReaction =
  /** Written; for a duplicate the offset is not told. */
  | 'written'
  /** The same bytes again, later. */
  | 'retry'
  /** Too large together: try the halves. */
  | 'split'
  /** Not written, and its numbers can't be used: under a new epoch, again. */
  | 'renumber'
  | 'fail'

export interface ProduceContext {
  readonly isIdempotent: boolean
  /** New numbers would come with a new epoch, which a transaction only gets by being aborted. */
  readonly isTransactional: boolean
  readonly recordCount: number
  /** Whether something that was sent before is not settled yet. */
  readonly hasEarlier: boolean
  /** Whether the records may be in the log as a part of a larger batch. */
  readonly mayBeWrittenAsWhole: boolean
}

export function produceReaction(errorCode: number, context: ProduceContext): ProduceReaction {
  const { isIdempotent, isTransactional, recordCount, hasEarlier, mayBeWrittenAsWhole } = context
  switch (errorCode) {
    case ErrorCode.NONE:
    case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
      return 'written'
    case ErrorCode.MESSAGE_TOO_LARGE:
      return recordCount > 1 ? 'split' : 'fail'
    case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      if (!isIdempotent) return 'fail'
      // A batch behind one that is being repeated is refused until that one arrives. With nothing
      // before it, the hole is real: an earlier batch was given up, or the broker forgot.
      if (hasEarlier) return 'retry'
      // The broker knows a batch again by its first and last number, a half of it not: under new
      // numbers the records could be there twice.
      return mayBeWrittenAsWhole || isTransactional ? 'fail' : 'renumber'
    case ErrorCode.UNKNOWN_PRODUCER_ID:
      if (!isIdempotent) return 'fail'
      if (hasEarlier) return 'retry'
      return isTransactional ? 'fail' : 'renumber'
    default:
      return errorTraits(errorCode).retriable ? 'retry' : 'fail'
  }
}

const MAY_BE_WRITTEN: readonly number[] = [
  ErrorCode.UNKNOWN_SERVER_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
]

/** Whether a batch that was answered so may be in the log nevertheless. */
export function mayBeWritten(errorCode: number): boolean {
  return !isKnownErrorCode(errorCode) || MAY_BE_WRITTEN.includes(errorCode)
}

const MAX_SEQUENCE = 0x7fff_ffff

/** Sequence numbers wrap from 2^31 - 1 to 0. */
export function advanceSequence(sequence: number, count: number): number {
  return sequence > MAX_SEQUENCE - count ? count - (MAX_SEQUENCE - sequence) - 1 : sequence + count
}
