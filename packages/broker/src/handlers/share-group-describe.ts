/** State and members of share groups. */
import { shareGroupDescribe } from '@odradek/protocol'
import type { GroupMemberView } from '../cluster/cluster-events.ts'
import { byTopicName, describeGroups, failedDescriptions } from './group-description.ts'
import { handler } from './handler.ts'

export const shareGroupDescribeHandler = handler({
  api: shareGroupDescribe,
  handle: (body, context) => describeGroups(body, { kind: 'share', memberOf }, context),
  errorResponse: failedDescriptions,
})

function memberOf({ memberId, clientId, clientHost, modern }: GroupMemberView) {
  return {
    memberId,
    rackId: modern?.rackId ?? null,
    memberEpoch: modern?.memberEpoch ?? 0,
    clientId,
    clientHost,
    subscribedTopicNames: modern?.subscribedTopicNames ?? [],
    assignment: byTopicName(modern?.assigned ?? []),
  }
}
