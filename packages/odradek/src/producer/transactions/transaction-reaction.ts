/**
 * What an error of a transactional request means: pure, and the whole table in one place (the
 * Java client's, of KIP-98, KIP-360, KIP-447, KIP-890 and KIP-1050).
 */
import { ErrorCode, errorTraits, isKnownErrorCode } from '@odradek/protocol'

export type TransactionReaction =
  /** The same request again, after a pause (and to whoever coordinates then). */
  | 'retry'
  /** This transaction can only be aborted; the next one may work. */
  | 'abort'
  /** Somebody else has the transactional id, or the coordinator lost us: over for good. */
  | 'fatal'

/** Errors after which this producer can do nothing any more. */
const FATAL: readonly number[] = [
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
]

/** The group went on without this member: its offsets must not be committed. */
const GROUP_WENT_ON: readonly number[] = [
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
]

/** From a coordinator: adding partitions or offsets, committing offsets, ending. */
export function transactionReaction(errorCode: number): TransactionReaction {
  if (FATAL.includes(errorCode)) return 'fatal'
  // The outcome matters: what is not known is not taken for a success, nor tried blindly.
  if (!isKnownErrorCode(errorCode)) return 'abort'
  return errorTraits(errorCode).retriable ? 'retry' : 'abort'
}

/** From the leader of a partition, about a batch that failed: whether the producer is over, too. */
export function isProducerOver(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.PRODUCER_FENCED ||
    errorCode === ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  )
}

export function hasGroupGoneOn(errorCode: number): boolean {
  return GROUP_WENT_ON.includes(errorCode)
}
