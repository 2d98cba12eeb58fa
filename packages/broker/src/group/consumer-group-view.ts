/** A consumer group as outsiders see it: in events, in descriptions, in tests. */
import type { AssignedPartition, GroupView } from '../cluster/cluster-events.ts'
import { byTopic, type PartitionKey } from '../cluster/topic-partitions.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import { preferredAssignor } from './assignors/assignors.ts'
import { assignmentBlob, CONSUMER_PROTOCOL } from './classic-members.ts'
import { type State, stateNameOf } from './consumer-group.ts'

/** The assignor that the members want. */
export function assignorOf({ members }: State): string {
  return preferredAssignor([...members.values()].map((member) => member.serverAssignor))
}

export function namedPartitions(
  keys: Iterable<PartitionKey>,
  topics: TopicsImage,
): readonly AssignedPartition[] {
  return byTopic(keys).flatMap(({ topicId, partitions }) => {
    // A topic that was deleted has no name any more.
    const topic = topics.byId.get(topicId)?.name ?? ''
    return partitions.map((partition) => ({ topic, topicId, partition }))
  })
}

export function viewOfConsumerGroup(groupId: string, state: State, topics: TopicsImage): GroupView {
  const named = (keys: Iterable<PartitionKey>) => namedPartitions(keys, topics)
  return {
    groupId,
    type: 'consumer',
    state: stateNameOf(state),
    generationId: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    protocolType: CONSUMER_PROTOCOL,
    protocolName: assignorOf(state),
    leaderId: null,
    members: [...state.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.classic?.sessionTimeoutMs ?? -1,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      protocols: member.classic?.protocols ?? [],
      assignment: assignmentBlob(member.assigned.keys(), topics),
      modern: {
        isClassic: member.classic !== null,
        state: member.state,
        memberEpoch: member.memberEpoch,
        previousMemberEpoch: member.previousMemberEpoch,
        rackId: member.rackId,
        serverAssignor: member.serverAssignor,
        subscribedTopicNames: member.subscribedTopicNames,
        subscribedTopicRegex: member.subscribedTopicRegex,
        assigned: named(member.assigned.keys()),
        pendingRevocation: named(member.pendingRevocation.keys()),
        target: named(state.target.get(member.memberId) ?? []),
      },
    })),
  }
}

/** Whether the two differ in anything but the versions of topics that they were computed for. */
export function isVisibleConsumerChange(before: State, after: State): boolean {
  return (
    before.groupEpoch !== after.groupEpoch ||
    before.assignmentEpoch !== after.assignmentEpoch ||
    before.isDead !== after.isDead ||
    before.members.size !== after.members.size ||
    [...after.members].some(([memberId, member]) => before.members.get(memberId) !== member)
  )
}
