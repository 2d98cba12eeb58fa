/**
 * What an error of a transactional request means: pure, and the whole table in one place (the
 * Java client's, of KIP-98, KIP-360, KIP-447, KIP-890 and KIP-1050).
 */
import { BrokerError, ErrorCode, errorTraits, isKnownErrorCode } from '@odradek/protocol'

export type TransactionReaction =
  /** The same request again, after a pause (and to whoever coordinates then). */
  | 'retry'
  /** This transaction can only be aborted; the next one may work. */
  | 'abort'
  /** The coordinator timed out the transaction, or a successor has the id: to be found out. */
  | 'fenced'
  /** The producer can do nothing any more. */
  | 'fatal'

/** The coordinator aborted the transaction at its timeout, or a successor has its id. */
const FENCED: readonly number[] = [
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
]

/** Errors after which this producer can do nothing any more. */
const FATAL: readonly number[] = [
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
  if (isFenced(errorCode)) return 'fenced'
  // The outcome matters: what is not known is not taken for a success, nor tried blindly.
  if (!isKnownErrorCode(errorCode)) return 'abort'
  return errorTraits(errorCode).retriable ? 'retry' : 'abort'
}

/** Whether an error of a coordinator or a leader says that the producer epoch is not current. */
export function isFenced(errorCode: number): boolean {
  return FENCED.includes(errorCode)
}

export function hasGroupGoneOn(errorCode: number): boolean {
  return GROUP_WENT_ON.includes(errorCode)
}

export function isOfAnotherEpoch(reason: unknown): boolean {
  return reason instanceof BrokerError && isFenced(reason.errorCode)
}

export function isUnclear(reason: unknown): boolean {
  return (reason as { readonly outcome?: unknown } | undefined)?.outcome === 'unknown'
}
