/** What the errors of share groups mean: pure, and every table in one place. */
import { ErrorCode, errorTraits, type KafkaError } from '@odradek/protocol'
import { UsageError } from '../../errors/errors.ts'
import { EVERYWHERE, type Reactions } from '../shell/member-reactions.ts'

/** What a refused heartbeat asks of the member. */
export const MEMBERSHIP_REACTIONS: Reactions<'rejoin'> = {
  ...EVERYWHERE,
  UNKNOWN_MEMBER_ID: 'rejoin',
  FENCED_MEMBER_EPOCH: 'rejoin',
}

/** What an error of a whole answer means for the share session with that broker. */
export type SessionReaction =
  /** The session is gone, and with it what was acquired in it. */
  | 'reset'
  /** The session lives on; the request may be tried again after a pause. */
  | 'pace'
  | 'fail'

export function shareSessionReaction(errorCode: number): SessionReaction {
  switch (errorCode) {
    case ErrorCode.SHARE_SESSION_NOT_FOUND:
    case ErrorCode.INVALID_SHARE_SESSION_EPOCH:
    case ErrorCode.SHARE_SESSION_LIMIT_REACHED:
      return 'reset'
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
    case ErrorCode.UNSUPPORTED_VERSION:
    case ErrorCode.INVALID_GROUP_ID:
      return 'fail'
    default:
      return 'pace'
  }
}

/** What became of the acknowledgements of one partition in one request: of all of them, or none. */
export type AcknowledgeReaction =
  | 'done'
  /** At least one of them was late, and the broker dropped all: the others are sent again. */
  | 'divide'
  /** The locks are gone, all of them. */
  | 'lost'
  /** The same again, after a pause. */
  | 'retry'

export function acknowledgeReaction(errorCode: number): AcknowledgeReaction {
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'done'
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
      return 'lost'
    default:
      return errorTraits(errorCode).retriable ? 'retry' : 'divide'
  }
}

/** A fatal error of a member, said so that people know what to do about it. */
export function explainShareFailure(error: KafkaError, groupId: string): KafkaError {
  if (error.code === 'UNSUPPORTED_VERSION') {
    return new UsageError(
      `This cluster has no share groups, so "${groupId}" cannot read as one. They need Apache ` +
        'Kafka 4.2 (a preview in 4.1) and the feature share.version: upgrade the brokers, run ' +
        '"kafka-features.sh upgrade --feature share.version=1", or use kafka.consumer(...).',
      { code: 'UNSUPPORTED_VERSION', cause: error },
    )
  }
  const isOtherGroup =
    error.code === 'GROUP_ID_NOT_FOUND' || error.code === 'INCONSISTENT_GROUP_PROTOCOL'
  if (isOtherGroup) {
    return new UsageError(
      `The group "${groupId}" exists and is no share group. Give the share group a name of its ` +
        'own, or read with kafka.consumer(...).',
      { code: error.code, cause: error },
    )
  }
  return error
}
