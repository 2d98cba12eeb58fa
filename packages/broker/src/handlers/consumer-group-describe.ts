/** State and members of KIP-848 groups: their assignments and their targets. */
import { consumerGroupDescribe } from '@odradek/protocol'
import type { GroupMemberView } from '../cluster/cluster-events.ts'
import { byTopicName, describeGroups, failedDescriptions } from './group-description.ts'
import { handler } from './handler.ts'

const CLASSIC_MEMBER = 0
const CONSUMER_MEMBER = 1

export const consumerGroupDescribeHandler = handler({
  api: consumerGroupDescribe,
  handle: (body, context) => describeGroups(body, { kind: 'consumer', memberOf }, context),
  errorResponse: failedDescriptions,
})

function memberOf({ memberId, groupInstanceId, clientId, clientHost, modern }: GroupMemberView) {
  const { assigned = [], pendingRevocation = [], target = [] } = modern ?? {}
  return {
    memberId,
    instanceId: groupInstanceId,
    rackId: modern?.rackId ?? null,
    memberEpoch: modern?.memberEpoch ?? 0,
    clientId,
    clientHost,
    subscribedTopicNames: modern?.subscribedTopicNames ?? [],
    subscribedTopicRegex: modern?.subscribedTopicRegex ?? '',
    // A partition that the member has not released yet is shown as its own.
    assignment: byTopicName([...assigned, ...pendingRevocation]),
    targetAssignment: byTopicName(target),
    memberType: modern?.isClassic === true ? CLASSIC_MEMBER : CONSUMER_MEMBER,
  }
}
