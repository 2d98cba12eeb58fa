/**
 * A group changes its protocol while it lives (KIP-848, `group.consumer.migration.policy`): a
 * classic group becomes a consumer group when a member of the new protocol joins, with its members
 * and their partitions, and classic again when the last such member has left.
 */

import { decodeAssignment, ProtocolError } from '@odradek/protocol'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { State as ClassicState, Snapshot } from './classic-group.ts'
import {
  assignmentBlob,
  CONSUMER_PROTOCOL,
  partitionsByName,
  readSubscription,
} from './classic-members.ts'
import { EMPTY_CONSUMER_GROUP, type Member, type State } from './consumer-group.ts'
import { selectProtocol } from './protocol-vote.ts'

/** The classic group as a consumer group; undefined if its members' bytes cannot be read. */
export function fromClassic(group: ClassicState, topics: TopicsImage): State | undefined {
  const { generationId, protocolName } = group
  const members = new Map<string, Member>()
  for (const member of group.members.values()) {
    const { memberId, clientId, clientHost, protocols, rebalanceTimeoutMs } = member
    const chosen = protocols.find(({ name }) => name === protocolName) ?? protocols[0]
    const subscription = readSubscription(chosen?.metadata)
    const partitions = readAssignment(member.assignment)
    if (subscription === undefined || partitions === undefined) return undefined
    members.set(memberId, {
      memberId,
      instanceId: member.groupInstanceId,
      rackId: subscription.rackId,
      clientId,
      clientHost,
      memberEpoch: generationId,
      previousMemberEpoch: generationId,
      state: 'Stable',
      rebalanceTimeoutMs,
      subscribedTopicNames: [...new Set(subscription.topics)].sort(),
      subscribedTopicRegex: '',
      serverAssignor: null,
      assigned: new Map(
        [...partitionsByName(partitions, topics)].map((key) => [key, generationId]),
      ),
      pendingRevocation: new Map(),
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols },
    })
  }
  return {
    ...EMPTY_CONSUMER_GROUP,
    members,
    groupEpoch: members.size === 0 ? 0 : generationId,
    assignmentEpoch: members.size === 0 ? 0 : generationId,
    target: new Map(
      [...members].map(([memberId, { assigned }]) => [memberId, new Set(assigned.keys())]),
    ),
  }
}

function readAssignment(blob: Buffer) {
  if (blob.length === 0) return []
  try {
    return decodeAssignment(blob, 'all').assignedPartitions
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** The consumer group, all of whose members are classic ones, as a classic group. */
export function toClassic({ members, groupEpoch }: State, topics: TopicsImage): Snapshot {
  const classic = [...members.values()].flatMap((member) => {
    if (member.classic === null) return []
    const { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs } = member
    return {
      memberId,
      groupInstanceId: instanceId,
      clientId,
      clientHost,
      sessionTimeoutMs: member.classic.sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocols: member.classic.protocols,
      assignment: assignmentBlob(member.assigned.keys(), topics),
      parked: { for: 'nothing' } as const,
      isNew: false,
    }
  })
  return {
    generationId: groupEpoch,
    protocolType: CONSUMER_PROTOCOL,
    protocolName: selectProtocol(classic),
    leaderId: classic[0]?.memberId ?? null,
    members: classic,
  }
}
