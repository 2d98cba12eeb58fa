/** A share group as outsiders see it: in events, in descriptions, in tests. */
import type { GroupView } from '../cluster/cluster-events.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import { assignmentBlob } from './classic-members.ts'
import { namedPartitions } from './consumer-group-view.ts'
import { type State, stateNameOf } from './share-group.ts'

const SHARE_PROTOCOL = 'share'
const ASSIGNOR = 'simple'

export function viewOfShareGroup(groupId: string, state: State, topics: TopicsImage): GroupView {
  return {
    groupId,
    type: 'share',
    state: stateNameOf(state),
    generationId: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    protocolType: SHARE_PROTOCOL,
    protocolName: ASSIGNOR,
    leaderId: null,
    members: [...state.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: null,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: -1,
      rebalanceTimeoutMs: -1,
      protocols: [],
      assignment: assignmentBlob(member.assigned, topics),
      modern: {
        isClassic: false,
        state: 'Stable',
        memberEpoch: member.memberEpoch,
        previousMemberEpoch: member.previousMemberEpoch,
        rackId: member.rackId,
        serverAssignor: null,
        subscribedTopicNames: member.subscribedTopicNames,
        subscribedTopicRegex: '',
        assigned: namedPartitions(member.assigned, topics),
        pendingRevocation: [],
        target: namedPartitions(state.target.get(member.memberId) ?? [], topics),
      },
    })),
  }
}

export function isVisibleShareChange(before: State, after: State): boolean {
  return (
    before.groupEpoch !== after.groupEpoch ||
    before.assignmentEpoch !== after.assignmentEpoch ||
    before.isDead !== after.isDead ||
    before.members !== after.members
  )
}
