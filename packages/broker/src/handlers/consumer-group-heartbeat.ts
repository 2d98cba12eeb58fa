/**
 * The heartbeat of a KIP-848 group member. Invalid requests are refused before the group gets them.
 */

import {
  consumerGroupHeartbeat,
  ErrorCode,
  type RequestOf,
  type ResponseInput,
} from '@odradek/protocol'
import { byTopic, keysOf } from '../cluster/topic-partitions.ts'
import { ASSIGNORS } from '../group/assignors/assignors.ts'
import {
  type HeartbeatAnswer,
  type Refusal,
  refuse,
  refusedHeartbeat,
} from '../group/heartbeat-answer.ts'
import { handler } from './handler.ts'

type Body = RequestOf<typeof consumerGroupHeartbeat>

const MEMBER_ID_FROM_VERSION = 1
const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1
const PAUSE_EPOCH = -2
const MEMBER_ID_BYTES = 16

export const consumerGroupHeartbeatHandler = handler({
  api: consumerGroupHeartbeat,
  handle(body, { node, cluster, connection, clientId, version }) {
    if (cluster.options.features['group.version'] === 0) {
      return refused(ErrorCode.UNSUPPORTED_VERSION, null)
    }
    const refusal = problemWith(body, version)
    if (refusal !== undefined) return responseOf(refusedHeartbeat(refusal))
    const { errorCode } = node.groups.locate(body.groupId)
    if (errorCode !== ErrorCode.NONE) return refused(errorCode, null)
    const { memberId, memberEpoch, instanceId, rackId, rebalanceTimeoutMs } = body
    const answer = node.groups.consumerHeartbeat(body.groupId, {
      type: 'heartbeat',
      memberId,
      newMemberId: node.environment.random.bytes(MEMBER_ID_BYTES).toString('base64url'),
      memberEpoch,
      instanceId,
      rackId,
      clientId: clientId ?? '',
      clientHost: connection.host,
      rebalanceTimeoutMs,
      subscribedTopicNames: body.subscribedTopicNames,
      subscribedTopicRegex: body.subscribedTopicRegex,
      serverAssignor: body.serverAssignor,
      owned: body.topicPartitions === null ? null : keysOf(body.topicPartitions),
    })
    return responseOf(answer)
  },
  errorResponse: (_body, errorCode) => refused(errorCode, null),
})

function refused(errorCode: number, errorMessage: string | null) {
  return responseOf(refusedHeartbeat({ errorCode, errorMessage: errorMessage ?? '' }))
}

function responseOf(answer: HeartbeatAnswer): ResponseInput<typeof consumerGroupHeartbeat> {
  const { assignment, errorMessage, ...rest } = answer
  return {
    throttleTimeMs: 0,
    ...rest,
    errorMessage: errorMessage === '' ? null : errorMessage,
    assignment: assignment === null ? null : { topicPartitions: byTopic(assignment) },
  }
}

function problemWith(body: Body, version: number): Refusal | undefined {
  const { memberId, memberEpoch, instanceId, rackId, groupId, serverAssignor } = body
  const needsMemberId = version >= MEMBER_ID_FROM_VERSION || memberEpoch !== JOIN_EPOCH
  if (needsMemberId && memberId === '') return invalid("MemberId can't be empty.")
  if (groupId === '') return invalid("GroupId can't be empty.")
  if (instanceId === '') return invalid("InstanceId can't be empty.")
  if (rackId === '') return invalid("RackId can't be empty.")
  if (memberEpoch < PAUSE_EPOCH) return invalid('MemberEpoch is invalid.')
  if (memberEpoch === PAUSE_EPOCH && instanceId === null)
    return invalid("InstanceId can't be null.")
  if (memberEpoch === LEAVE_EPOCH) return undefined
  if (memberEpoch === JOIN_EPOCH) {
    const problem = problemWithJoin(body)
    if (problem !== undefined) return problem
  }
  if (serverAssignor !== null && !ASSIGNORS.has(serverAssignor)) {
    return refuse(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ` +
        `${[...ASSIGNORS.keys()].join(', ')}.`,
    )
  }
  return undefined
}

/** A join must contain all fields, and no owned partitions. */
function problemWithJoin(body: Body): Refusal | undefined {
  if (body.rebalanceTimeoutMs === -1) {
    return invalid('RebalanceTimeoutMs must be provided in first request.')
  }
  if (body.topicPartitions === null || body.topicPartitions.length > 0) {
    return invalid('TopicPartitions must be empty when (re-)joining.')
  }
  if (body.subscribedTopicNames === null && body.subscribedTopicRegex === null) {
    return invalid(
      'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
    )
  }
  return undefined
}

function invalid(message: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, message)
}
