/**
 * What a partition's error in a commit answer means: pure, the table in one place (Kafka's Java
 * client is the reference).
 */
import { ErrorCode, errorTraits } from '@odradek/protocol'

export type CommitReaction =
  | 'committed'
  /** The same again, soon. */
  | 'retry'
  /** Another broker coordinates the group now. */
  | 'findCoordinator'
  /** It may have been applied or not: sent again until that is settled. */
  | 'unsure'
  /**
   * A join is under way, or the member epoch goes on: rebuilt for what is still ours when the
   * generation (or the next epoch) stands.
   */
  | 'afterJoin'
  /** The coordinator does not count this member in any more, not with this stamp. */
  | 'stampRefused'
  /** This partition's offset cannot be committed, whoever tries. */
  | 'fail'

export function commitReaction(errorCode: number): CommitReaction {
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'committed'
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
      return 'retry'
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return 'findCoordinator'
    case ErrorCode.REQUEST_TIMED_OUT:
    case ErrorCode.UNKNOWN_SERVER_ERROR:
      return 'unsure'
    case ErrorCode.REBALANCE_IN_PROGRESS:
    case ErrorCode.STALE_MEMBER_EPOCH:
      return 'afterJoin'
    case ErrorCode.UNKNOWN_MEMBER_ID:
    case ErrorCode.ILLEGAL_GENERATION:
    case ErrorCode.FENCED_INSTANCE_ID:
    case ErrorCode.FENCED_MEMBER_EPOCH:
      return 'stampRefused'
    default:
      return errorTraits(errorCode).retriable ? 'retry' : 'fail'
  }
}
