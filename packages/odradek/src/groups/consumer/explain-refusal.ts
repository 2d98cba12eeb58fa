/** Says what to do about an answer that ends a membership for good. */
import { BrokerError, type KafkaError } from '@odradek/protocol'
import { UsageError } from '../../errors/errors.ts'

export interface RefusedMember {
  readonly groupId: string
  readonly groupInstanceId: string | null
}

export function explainRefusal(
  error: KafkaError,
  { groupId, groupInstanceId }: RefusedMember,
): KafkaError {
  const text = adviceFor(error, groupId, groupInstanceId)
  if (text === undefined) return error
  if (!(error instanceof BrokerError)) {
    return new UsageError(text, { code: error.code, cause: error })
  }
  return new BrokerError(error.errorCode, {
    action: `join group "${groupId}"`,
    brokerMessage: text,
    cause: error,
  })
}

function adviceFor(
  error: KafkaError,
  groupId: string,
  instanceId: string | null,
): string | undefined {
  switch (error.code) {
    case 'UNSUPPORTED_VERSION':
      if (error instanceof UsageError) return undefined
      return (
        'The cluster does not offer groupProtocol "consumer" (KIP-848): it needs Apache Kafka ' +
        '4.0 or newer with the feature group.version at 1. Use "classic", or "auto".'
      )
    case 'GROUP_ID_NOT_FOUND':
      return (
        `Group "${groupId}" exists, and is of a kind that this member cannot join: a share or ` +
        'streams group, or a classic one that cannot be converted, because of its broker ' +
        '(group.consumer.migration.policy) or of a member whose subscription the broker cannot ' +
        'read. Use groupProtocol "classic" or "auto", or another group id.'
      )
    case 'FENCED_INSTANCE_ID':
    case 'UNRELEASED_INSTANCE_ID':
      return (
        `Another member holds the group instance id "${instanceId}"; every member needs one of ` +
        `its own. ${error.message}`
      )
    default:
      return undefined
  }
}
