/**
 * Members of the classic protocol in a consumer group, while a group migrates: they join, sync and
 * heartbeat as in a classic group and are reconciled like the others. A join reports the owned
 * partitions, a generation is a member epoch, a sync returns the assignment, and a heartbeat gets
 * REBALANCE_IN_PROGRESS when the member must rejoin. No request is parked.
 */

import {
  decodeSubscription,
  ErrorCode,
  encodeAssignment,
  ProtocolError,
  type Subscription,
} from '@odradek/protocol'
import { byTopic, type PartitionKey, partitionKey } from '../cluster/topic-partitions.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import type { LeaveAnswer, SyncAnswer } from './classic-group.ts'
import {
  type BeatEvent,
  type JoinEvent,
  type LeaveEvent,
  type Member,
  type SyncEvent,
} from './consumer-group.ts'
import type { ConsumerGroupBuilder } from './consumer-group-builder.ts'
import { takeOver } from './consumer-heartbeat.ts'
import { type Refusal, refuse } from './heartbeat-answer.ts'
import { newMember } from './new-member.ts'

export const CONSUMER_PROTOCOL = 'consumer'

/**
 * The content of a blob, or undefined if it cannot be read. As Kafka does, a consumer group refuses
 * a subscription that ends before the last field of its version.
 */
export function readSubscription(metadata: Buffer | undefined): Subscription | undefined {
  try {
    return metadata === undefined ? undefined : decodeSubscription(metadata, 'all')
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** A member's assignment as the leader of a classic group would have encoded it. */
export function assignmentBlob(assigned: Iterable<PartitionKey>, topics: TopicsImage): Buffer {
  return encodeAssignment({
    assignedPartitions: byTopic(assigned).flatMap(({ topicId, partitions }) => {
      const name = topics.byId.get(topicId)?.name
      return name === undefined ? [] : [{ topic: name, partitions }]
    }),
    userData: null,
  })
}

export function partitionsByName(
  named: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  topics: TopicsImage,
): ReadonlySet<PartitionKey> {
  const keys = new Set<PartitionKey>()
  for (const { topic, partitions } of named) {
    const id = topics.byName.get(topic)?.id
    if (id === undefined) continue
    for (const partition of partitions) keys.add(partitionKey(id, partition))
  }
  return keys
}

export function handleClassicJoin(
  builder: ConsumerGroupBuilder,
  event: JoinEvent,
): Refusal | undefined {
  const { groupInstanceId, protocols } = event
  const { topics, limits } = builder.surroundings
  const isNew = event.memberId === ''
  const memberId = isNew ? event.newMemberId : event.memberId
  if (builder.size >= limits.maxSize && (isNew || builder.member(memberId) === undefined)) {
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, 'The group is full.')
  }
  const subscription = readSubscription(protocols[0]?.metadata)
  if (!supportsProtocols(builder, event) || subscription === undefined) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, 'The protocols are not supported.')
  }
  if (isNew && groupInstanceId === null && event.requiresKnownMemberId) {
    return refuse(ErrorCode.MEMBER_ID_REQUIRED, '')
  }
  const before = findMember(builder, memberId, event)
  if ('errorCode' in before) return before
  const names = [...new Set(subscription.topics)].sort()
  const hasNewSubscription =
    names.join() !== before.subscribedTopicNames.join() || before.subscribedTopicRegex !== ''
  const member: Member = {
    ...before,
    rackId: subscription.rackId ?? before.rackId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    subscribedTopicNames: names,
    subscribedTopicRegex: '',
    classic: { sessionTimeoutMs: event.sessionTimeoutMs, protocols },
  }
  builder.put(member)
  builder.refreshMetadata(builder.groupEpoch === 0 || hasNewSubscription)
  builder.updateTarget()
  const owned = partitionsByName(subscription.ownedPartitions, topics)
  builder.reconcile(memberId, owned, hasNewSubscription)
  const { memberEpoch } = builder.member(memberId) ?? member
  builder.effects.push(
    { do: 'clearTimer', timer: { name: 'join', memberId, groupEpoch: 0 } },
    {
      do: 'setTimer',
      timer: { name: 'sync', memberId, memberEpoch },
      afterMs: event.rebalanceTimeoutMs,
      keep: false,
    },
  )
  builder.session(memberId, event.sessionTimeoutMs)
  builder.effects.push({
    do: 'answerJoin',
    answer: {
      errorCode: ErrorCode.NONE,
      memberId,
      generationId: memberEpoch,
      protocolType: CONSUMER_PROTOCOL,
      protocolName: protocols[0]?.name ?? null,
      // The coordinator assigns: there is no leader.
      leader: '',
      skipAssignment: false,
      members: [],
    },
  })
  return undefined
}

function supportsProtocols(
  builder: ConsumerGroupBuilder,
  { protocolType, protocols }: JoinEvent,
): boolean {
  if (protocolType !== CONSUMER_PROTOCOL || protocols.length === 0) return false
  const classic = builder.members.flatMap((member) => member.classic ?? [])
  return protocols.some(({ name }) =>
    classic.every((traits) => traits.protocols.some((protocol) => protocol.name === name)),
  )
}

function findMember(
  builder: ConsumerGroupBuilder,
  memberId: string,
  { memberId: given, groupInstanceId, clientId, clientHost }: JoinEvent,
): Member | Refusal {
  const fresh = newMember({ memberId, instanceId: groupInstanceId, clientId, clientHost })
  if (groupInstanceId === null) return builder.member(memberId) ?? fresh
  const known = builder.staticMember(groupInstanceId)
  if (given !== '') return known === undefined ? unknown() : (fencing(known, memberId) ?? known)
  return known === undefined ? fresh : takeOver(builder, known, memberId)
}

function unknown(): Refusal {
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, 'The member is unknown.')
}

function fencing(known: Member, memberId: string): Refusal | undefined {
  if (known.memberId === memberId) return undefined
  return refuse(ErrorCode.FENCED_INSTANCE_ID, 'The instance id is owned by another member.')
}

interface Speaker {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

/** The classic member that sent the request, if it is one and its epoch is current. */
function speakerOf(builder: ConsumerGroupBuilder, speaker: Speaker): (Member & Classic) | Refusal {
  const { memberId, groupInstanceId, generationId } = speaker
  const known =
    groupInstanceId === null ? builder.member(memberId) : builder.staticMember(groupInstanceId)
  if (known === undefined) return unknown()
  const fenced = fencing(known, memberId)
  if (fenced !== undefined) return fenced
  const { classic } = known
  if (classic === null) return unknown()
  if (known.memberEpoch !== generationId) {
    return refuse(ErrorCode.ILLEGAL_GENERATION, 'The generation is not the member epoch.')
  }
  return { ...known, classic }
}

type Classic = { readonly classic: NonNullable<Member['classic']> }

export function handleClassicSync(
  builder: ConsumerGroupBuilder,
  event: SyncEvent,
): Refusal | undefined {
  const member = speakerOf(builder, event)
  if ('errorCode' in member) return member
  const { memberId, classic, assigned, memberEpoch, state } = member
  const name = classic.protocols[0]?.name ?? null
  const { protocolType, protocolName } = event
  if (
    (protocolType !== null && protocolType !== CONSUMER_PROTOCOL) ||
    (protocolName !== null && protocolName !== name)
  ) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, 'The protocol is another one.')
  }
  if (builder.groupEpoch > memberEpoch && state !== 'UnrevokedPartitions') {
    awaitRejoin(builder, member)
    return refuse(ErrorCode.REBALANCE_IN_PROGRESS, 'The group has moved on.')
  }
  builder.effects.push({ do: 'clearTimer', timer: { name: 'sync', memberId, memberEpoch } })
  builder.session(memberId, classic.sessionTimeoutMs)
  const answer: SyncAnswer = {
    errorCode: ErrorCode.NONE,
    protocolType: CONSUMER_PROTOCOL,
    protocolName: name,
    assignment: assignmentBlob(assigned.keys(), builder.surroundings.topics),
  }
  builder.effects.push({ do: 'answerSync', answer })
  return undefined
}

export function handleClassicHeartbeat(
  builder: ConsumerGroupBuilder,
  event: BeatEvent,
): Refusal | undefined {
  const member = speakerOf(builder, event)
  if ('errorCode' in member) return member
  builder.session(member.memberId, member.classic.sessionTimeoutMs)
  const hasToRejoin =
    member.memberEpoch < builder.groupEpoch ||
    member.state === 'UnrevokedPartitions' ||
    (member.state === 'UnreleasedPartitions' && !isWaiting(builder, member))
  if (hasToRejoin) awaitRejoin(builder, member)
  const answer = hasToRejoin ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  builder.effects.push({ do: 'answerBeat', answer })
  return undefined
}

/** Whether another member still has a partition of this member's target. */
function isWaiting(builder: ConsumerGroupBuilder, { memberId, assigned }: Member): boolean {
  for (const key of builder.targetOf(memberId)) {
    if (!assigned.has(key) && builder.isHeldByOthers(key, memberId)) return true
  }
  return false
}

function awaitRejoin(
  builder: ConsumerGroupBuilder,
  { memberId, rebalanceTimeoutMs }: Member,
): void {
  const timer = { name: 'join', memberId, groupEpoch: builder.groupEpoch } as const
  builder.effects.push({ do: 'setTimer', timer, afterMs: rebalanceTimeoutMs, keep: true })
}

export function handleClassicLeave(builder: ConsumerGroupBuilder, event: LeaveEvent): void {
  const members = event.members.map((identity): LeaveAnswer['members'][number] => {
    const { memberId, groupInstanceId } = identity
    const known =
      groupInstanceId === null ? builder.member(memberId) : builder.staticMember(groupInstanceId)
    // An administrator removes a static member by its instance id alone.
    const isByInstance = memberId === '' && groupInstanceId !== null
    if (known === undefined || (known.classic === null && !isByInstance)) {
      return { ...identity, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }
    }
    if (!isByInstance && known.memberId !== memberId) {
      return { ...identity, errorCode: ErrorCode.FENCED_INSTANCE_ID }
    }
    builder.remove(known.memberId)
    return { ...identity, errorCode: ErrorCode.NONE }
  })
  builder.effects.push({ do: 'answerLeave', answer: { errorCode: ErrorCode.NONE, members } })
}
