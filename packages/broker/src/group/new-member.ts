/** A member of a consumer group before it has joined. */
import type { Member } from './consumer-group.ts'

type Identity = Pick<Member, 'memberId' | 'instanceId' | 'clientId' | 'clientHost'>

export function newMember({ memberId, instanceId, clientId, clientHost }: Identity): Member {
  return {
    memberId,
    instanceId,
    rackId: null,
    clientId,
    clientHost,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: 'Stable',
    rebalanceTimeoutMs: 0,
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    serverAssignor: null,
    assigned: new Map(),
    pendingRevocation: new Map(),
    classic: null,
  }
}
