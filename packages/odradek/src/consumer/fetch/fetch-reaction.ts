/**
 * What a partition's error in a fetch answer means for its reader: pure, and the whole table in one
 * place. Codes that this client does not know are paced, never fatal: a rolling upgrade must not
 * stop a consumer.
 */
import { ErrorCode, errorTraits } from '@odradek/protocol'

export type FetchReaction =
  /** Records, or none yet. */
  | 'data'
  /** The leader is elsewhere, or knows more or less than we do: fresh metadata, same position. */
  | 'refresh'
  /** Same position, after a pause. */
  | 'pace'
  /** The broker keeps nothing at this position. */
  | 'outOfRange'
  /** Going on is pointless until somebody does something: tell the user. */
  | 'fail'

export function fetchReaction(errorCode: number): FetchReaction {
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'data'
    case ErrorCode.OFFSET_OUT_OF_RANGE:
      return 'outOfRange'
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode.UNSUPPORTED_COMPRESSION_TYPE:
      return 'fail'
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.REPLICA_NOT_AVAILABLE:
    case ErrorCode.KAFKA_STORAGE_ERROR:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.UNKNOWN_LEADER_EPOCH:
    case ErrorCode.OFFSET_NOT_AVAILABLE:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.INCONSISTENT_TOPIC_ID:
      return 'refresh'
    default:
      return errorTraits(errorCode).refresh === 'metadata' ? 'refresh' : 'pace'
  }
}

export type SessionReaction = 'none' | 'reset' | 'restart'

/** What an error of the whole answer means for the fetch session. */
export function sessionReaction(errorCode: number): SessionReaction {
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'none'
    case ErrorCode.FETCH_SESSION_ID_NOT_FOUND:
      return 'reset'
    default:
      return 'restart'
  }
}
