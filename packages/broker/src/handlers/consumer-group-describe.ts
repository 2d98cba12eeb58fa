/** State and members of KIP-848 groups: what they have, and what they are to have. */
import { consumerGroupDescribe, ErrorCode, type ResponseInput } from '@odradek/protocol'
import type { AssignedPartition, GroupMemberView } from '../cluster/cluster-events.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'
import { GROUP_OPERATIONS, operationsBits } from './operations.ts'

type GroupResponse = ResponseInput<typeof consumerGroupDescribe>['groups'][number]

const CLASSIC_MEMBER = 0
const CONSUMER_MEMBER = 1

export const consumerGroupDescribeHandler = handler({
  api: consumerGroupDescribe,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    groups: body.groupIds.map((groupId) => {
      const group = describe(groupId, context)
      return body.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
        ? { ...group, authorizedOperations: operationsBits(GROUP_OPERATIONS) }
        : group
    }),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    groups: body.groupIds.map((groupId) => nothing(groupId, errorCode)),
  }),
})

function nothing(
  groupId: string,
  errorCode: number,
  errorMessage: string | null = null,
): GroupResponse {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}

function describe(groupId: string, { node, cluster }: RequestContext): GroupResponse {
  if (cluster.options.features['group.version'] === 0) {
    return nothing(groupId, ErrorCode.UNSUPPORTED_VERSION)
  }
  const located = node.groups.locate(groupId)
  if (located.errorCode !== ErrorCode.NONE) return nothing(groupId, located.errorCode)
  const { group } = located
  if (group?.kind !== 'consumer') {
    const why = group === undefined ? 'not found' : 'is not a consumer group'
    return nothing(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${why}.`)
  }
  const view = group.view()
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: view.state,
    groupEpoch: view.generationId,
    assignmentEpoch: view.assignmentEpoch,
    assignorName: view.protocolName ?? '',
    members: view.members.flatMap(memberOf),
  }
}

function memberOf({ memberId, groupInstanceId, clientId, clientHost, modern }: GroupMemberView) {
  if (modern === null) return []
  return [
    {
      memberId,
      instanceId: groupInstanceId,
      rackId: modern.rackId,
      memberEpoch: modern.memberEpoch,
      clientId,
      clientHost,
      subscribedTopicNames: modern.subscribedTopicNames,
      subscribedTopicRegex: modern.subscribedTopicRegex,
      // What it has not let go of yet is shown as its own.
      assignment: byTopicName([...modern.assigned, ...modern.pendingRevocation]),
      targetAssignment: byTopicName(modern.target),
      memberType: modern.isClassic ? CLASSIC_MEMBER : CONSUMER_MEMBER,
    },
  ]
}

/** Topics that do not exist any more have no name to be shown by. */
export function byTopicName(assigned: readonly AssignedPartition[]) {
  const topics = new Map<string, { topicId: string; topicName: string; partitions: number[] }>()
  for (const { topic, topicId, partition } of assigned) {
    if (topic === '') continue
    const entry = topics.get(topicId)
    if (entry !== undefined) entry.partitions.push(partition)
    else topics.set(topicId, { topicId, topicName: topic, partitions: [partition] })
  }
  return { topicPartitions: [...topics.values()] }
}
