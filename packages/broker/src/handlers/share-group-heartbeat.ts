/** The heartbeat of a share group member. */

import {
  ErrorCode,
  type RequestOf,
  type ResponseInput,
  shareGroupHeartbeat,
} from '@odradek/protocol'
import { byTopic } from '../cluster/topic-partitions.ts'
import { EMPTY_HEARTBEAT_ANSWER, type HeartbeatAnswer } from '../group/heartbeat-answer.ts'
import { handler } from './handler.ts'

type Body = RequestOf<typeof shareGroupHeartbeat>

const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1

export const shareGroupHeartbeatHandler = handler({
  api: shareGroupHeartbeat,
  handle(body, { node, cluster, connection, clientId }) {
    if (cluster.options.features['share.version'] === 0) {
      return refused(ErrorCode.UNSUPPORTED_VERSION)
    }
    const problem = problemWith(body)
    if (problem !== undefined) return refused(ErrorCode.INVALID_REQUEST, problem)
    const { errorCode } = node.groups.locate(body.groupId)
    if (errorCode !== ErrorCode.NONE) return refused(errorCode)
    const { memberId, memberEpoch, rackId, subscribedTopicNames } = body
    const answer = node.groups.shareHeartbeat(body.groupId, {
      type: 'heartbeat',
      memberId,
      memberEpoch,
      rackId,
      clientId: clientId ?? '',
      clientHost: connection.host,
      subscribedTopicNames,
    })
    return responseOf(answer)
  },
  errorResponse: (_body, errorCode) => refused(errorCode),
})

function responseOf(answer: HeartbeatAnswer): ResponseInput<typeof shareGroupHeartbeat> {
  const { assignment } = answer
  return {
    throttleTimeMs: 0,
    ...answer,
    assignment: assignment === null ? null : { topicPartitions: byTopic(assignment) },
  }
}

function refused(errorCode: number, errorMessage: string | null = null) {
  return responseOf({ ...EMPTY_HEARTBEAT_ANSWER, errorCode, errorMessage })
}

function problemWith(body: Body): string | undefined {
  const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = body
  if (memberId === '') return "MemberId can't be empty."
  if (groupId === '') return "GroupId can't be empty."
  if (rackId === '') return "RackId can't be empty."
  if (memberEpoch < LEAVE_EPOCH) return 'MemberEpoch is invalid.'
  if (memberEpoch === JOIN_EPOCH && (subscribedTopicNames ?? []).length === 0) {
    return 'SubscribedTopicNames must be set in first request.'
  }
  return undefined
}
