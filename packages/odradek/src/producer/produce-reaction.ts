/**
 * What to do about a partition's error in a produce response: pure, and the whole table in one
 * place (Kafka's Java client, section "sequence numbers", is the reference).
 */
import { ErrorCode, errorTraits } from '@odradek/protocol'

export type ProduceReaction =
  /** Written; for a duplicate the offset is not told. */
  | 'written'
  | 'retry'
  /** Too large together: try the halves. */
  | 'split'
  /** The producer's state at the broker is gone or broken: a new epoch, then again. */
  | 'bumpAndRetry'
  | 'fail'
  /**
   * The batch used up sequence numbers that will never be written: a new epoch for what follows.
   */
  | 'failAndBump'

export interface ProduceContext {
  readonly isIdempotent: boolean
  readonly recordCount: number
  /** Whether the batch follows directly on what the broker confirmed last. */
  readonly isNextInSequence: boolean
}

export function produceReaction(errorCode: number, context: ProduceContext): ProduceReaction {
  const { isIdempotent, recordCount, isNextInSequence } = context
  switch (errorCode) {
    case ErrorCode.NONE:
    case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
      return 'written'
    case ErrorCode.MESSAGE_TOO_LARGE:
      if (recordCount > 1) return 'split'
      return isIdempotent ? 'failAndBump' : 'fail'
    case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      if (!isIdempotent) return 'fail'
      // A batch behind one that is being repeated is refused until that one arrives.
      return isNextInSequence ? 'bumpAndRetry' : 'retry'
    case ErrorCode.UNKNOWN_PRODUCER_ID:
      return isIdempotent ? 'bumpAndRetry' : 'fail'
    default:
      if (errorTraits(errorCode).retriable) return 'retry'
      return isIdempotent ? 'failAndBump' : 'fail'
  }
}

const MAX_SEQUENCE = 0x7fff_ffff

/** Sequence numbers wrap from 2^31 - 1 to 0. */
export function advanceSequence(sequence: number, count: number): number {
  return sequence > MAX_SEQUENCE - count ? count - (MAX_SEQUENCE - sequence) - 1 : sequence + count
}
