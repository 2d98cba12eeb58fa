/** Requests of the classic protocol as bodies, and what travels inside them. */
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type joinGroup,
  type leaveGroup,
  ProtocolError,
  type RequestInput,
  type ResponseOf,
  type syncGroup,
} from '@odradek/protocol'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { Purpose } from '../../cluster/index.ts'
import type { Assignor, GroupAssignment, GroupMember } from '../assignors/assignor.ts'
import { byTopic } from '../assignors/by-topic.ts'
import { compareText } from '../assignors/member-order.ts'
import type { Claim, Member } from './membership-classic.states.ts'

export const PROTOCOL_TYPE = 'consumer'

export interface GroupIdentity {
  readonly groupId: string
  readonly groupInstanceId: string | null
}

export interface JoinSettings extends GroupIdentity {
  /** The connections for joins, which may be parked for long; shared ones when absent. */
  readonly joinPurpose?: Purpose | undefined
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly assignors: readonly Assignor[]
  readonly clientRack: string | null
}

export type JoinAnswer = ResponseOf<typeof joinGroup>

/** `given` is what the last sync gave, which eager members have given up by now. */
export function joinBody(
  settings: JoinSettings,
  member: Member,
  given: Claim,
  reason: string,
): RequestInput<typeof joinGroup> {
  const { groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = settings
  return {
    groupId,
    groupInstanceId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    memberId: member.memberId,
    protocolType: PROTOCOL_TYPE,
    protocols: settings.assignors.map((assignor) => ({
      name: assignor.name,
      metadata: subscriptionOf(assignor, member, given, settings.clientRack),
    })),
    reason: shortened(reason),
  }
}

function subscriptionOf(
  assignor: Assignor,
  { topics, claim }: Member,
  given: Claim,
  rackId: string | null,
) {
  const { partitions, generationId } = claim
  const told = assignor.protocol === 'eager' ? given : claim
  return encodeSubscription({
    topics: [...new Set(topics)].sort(compareText),
    userData: assignor.userData?.(told.partitions, told.generationId) ?? null,
    ownedPartitions: byTopic(partitions),
    generationId,
    rackId,
  })
}

export function syncBody(
  identity: GroupIdentity,
  { memberId, generation }: Member,
  plan: GroupAssignment,
): RequestInput<typeof syncGroup> {
  return {
    ...identity,
    memberId,
    generationId: generation.generationId,
    protocolType: PROTOCOL_TYPE,
    protocolName: generation.protocolName,
    assignments: [...plan].map(([to, partitions]) => ({
      memberId: to,
      assignment: encodeAssignment({ assignedPartitions: byTopic(partitions) }),
    })),
  }
}

export function leaveBody(
  { groupId, groupInstanceId }: GroupIdentity,
  memberId: string,
  reason: string,
): (version: number) => RequestInput<typeof leaveGroup> {
  return (version) =>
    version < 3
      ? { groupId, memberId }
      : { groupId, members: [{ memberId, groupInstanceId, reason: shortened(reason) }] }
}

/** Brokers keep no more than this of a reason (KIP-800). */
function shortened(reason: string): string {
  return reason.slice(0, 255)
}

/**
 * What the coordinator reports to the leader about the members. Bytes of a member that cannot be
 * read must not bring the leader down: such a member gets nothing, and is reported.
 */
export function membersOf(
  answer: JoinAnswer,
  onUnreadable: (memberId: string, error: ProtocolError) => void = () => undefined,
): readonly GroupMember[] {
  return answer.members.map(({ memberId, groupInstanceId, metadata }) => {
    const { topics, ownedPartitions, ...rest } = readSubscription(metadata, (error) =>
      onUnreadable(memberId, error),
    )
    const flat = ownedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    return { memberId, groupInstanceId, topics, ownedPartitions: flat, ...rest }
  })
}

export function readSubscription(
  metadata: Buffer,
  onUnreadable: (error: ProtocolError) => void = () => undefined,
): ReturnType<typeof decodeSubscription> {
  try {
    return decodeSubscription(metadata)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    onUnreadable(error)
    return { topics: [], userData: null, ownedPartitions: [], generationId: -1, rackId: null }
  }
}

/** One's own share. No bytes at all are what a coordinator sends to a member without any. */
export function readAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const share = new Map<string, TopicPartition>()
  for (const { topic, partitions } of decodeAssignment(bytes).assignedPartitions) {
    for (const partition of partitions) {
      if (partition >= 0) share.set(partitionKey(topic, partition), { topic, partition })
    }
  }
  return [...share.values()]
}
