/**
 * ConsumerGroupHeartbeat: a member joins, reports its partitions, and gets its assignment. The
 * steps are in Kafka's order: identify the member and check its epoch, update its subscription,
 * recompute the target, reconcile the member, and include the assignment if it has changed.
 */

import { ErrorCode } from '@odradek/protocol'
import { hasSameKeys, type PartitionKey } from '../cluster/topic-partitions.ts'
import { type HeartbeatEvent, type Member } from './consumer-group.ts'
import type { ConsumerGroupBuilder } from './consumer-group-builder.ts'
import { EMPTY_HEARTBEAT_ANSWER, type Refusal, refuse } from './heartbeat-answer.ts'
import { newMember } from './new-member.ts'
import { compileTopicPattern } from './topic-pattern.ts'

const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1
const PAUSE_EPOCH = -2

/** The refusal, or undefined if the response is among the effects. */
export function handleHeartbeat(
  builder: ConsumerGroupBuilder,
  event: HeartbeatEvent,
): Refusal | undefined {
  const { memberEpoch } = event
  if (memberEpoch === LEAVE_EPOCH || memberEpoch === PAUSE_EPOCH) return handleLeave(builder, event)
  const memberId = event.memberId === '' ? event.newMemberId : event.memberId
  const before = findMember(builder, memberId, event)
  if ('errorCode' in before) return before
  const member = changed(before, event)
  const { subscribedTopicRegex: pattern } = member
  const hasNewNames = !isEqual(before.subscribedTopicNames, member.subscribedTopicNames)
  const hasNewPattern = before.subscribedTopicRegex !== pattern
  if (hasNewPattern && pattern !== '' && compileTopicPattern(pattern) === undefined) {
    return refuse(
      ErrorCode.INVALID_REGULAR_EXPRESSION,
      `SubscribedTopicRegex \`${pattern}\` is not a valid regular expression.`,
    )
  }
  builder.put(member)
  // A new group starts at epoch 1, and the subscription of its first member is a change.
  if (builder.groupEpoch === 0) builder.groupEpoch = 1
  // A pattern that is not resolved yet makes an epoch of its own later.
  const isResolvedNow = hasNewPattern && (pattern === '' || builder.isResolved(pattern))
  builder.refreshMetadata(hasNewNames || isResolvedNow)
  if (builder.needsResolution) {
    const timer = { name: 'resolution' } as const
    builder.effects.push({ do: 'setTimer', timer, afterMs: 0, keep: true })
  }
  builder.updateTarget()
  builder.reconcile(memberId, event.owned, hasNewNames || hasNewPattern)
  const { sessionTimeoutMs } = builder.surroundings.limits
  builder.session(memberId, sessionTimeoutMs)
  answer(builder, event, before, builder.member(memberId) ?? member)
  return undefined
}

function answer(
  builder: ConsumerGroupBuilder,
  event: HeartbeatEvent,
  before: Member,
  { memberId, memberEpoch, assigned }: Member,
): void {
  const isFull =
    event.rebalanceTimeoutMs !== -1 &&
    (event.subscribedTopicNames !== null || event.subscribedTopicRegex !== null) &&
    event.owned !== null
  const hasAssignment =
    event.memberEpoch === JOIN_EPOCH || isFull || !hasSameKeys(before.assigned, assigned)
  builder.effects.push({
    do: 'answerHeartbeat',
    answer: {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      memberId,
      memberEpoch,
      heartbeatIntervalMs: builder.surroundings.limits.heartbeatIntervalMs,
      assignment: hasAssignment ? new Set(assigned.keys()) : null,
    },
  })
}

/** The member that sent the request, new or known, or a refusal. */
function findMember(
  builder: ConsumerGroupBuilder,
  memberId: string,
  event: HeartbeatEvent,
): Member | Refusal {
  const { instanceId, memberEpoch } = event
  const known = builder.member(memberId)
  const { maxSize } = builder.surroundings.limits
  if (known === undefined && builder.size >= maxSize) {
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${maxSize} members.`,
    )
  }
  if (instanceId !== null) return findStaticMember(builder, memberId, instanceId, event)
  if (known === undefined) {
    return memberEpoch === JOIN_EPOCH
      ? newMember({ ...event, memberId })
      : unknown(builder, memberId)
  }
  return checkEpoch(known, event) ?? known
}

function findStaticMember(
  builder: ConsumerGroupBuilder,
  memberId: string,
  instanceId: string,
  event: HeartbeatEvent,
): Member | Refusal {
  const known = builder.staticMember(instanceId)
  if (event.memberEpoch !== JOIN_EPOCH) {
    if (known === undefined) return unknownInstance(instanceId)
    if (known.memberId !== memberId) return fencedInstance(memberId, known)
    return checkEpoch(known, event) ?? known
  }
  if (known === undefined) return newMember({ ...event, memberId })
  if (known.classic === null && known.memberEpoch !== PAUSE_EPOCH) {
    return refuse(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because ` +
        `the instance id is owned by ${known.memberId} member.`,
    )
  }
  return takeOver(builder, known, memberId)
}

/** The new member has the old one's partitions and begins at epoch 0. */
export function takeOver(builder: ConsumerGroupBuilder, old: Member, memberId: string): Member {
  const member: Member = { ...old, memberId, memberEpoch: 0, previousMemberEpoch: 0 }
  builder.replace(old, member)
  return member
}

/** The member with the fields of its request; nulls change nothing. */
function changed(member: Member, event: HeartbeatEvent): Member {
  const { clientId, clientHost, rebalanceTimeoutMs, subscribedTopicNames } = event
  const names = subscribedTopicNames === null ? null : [...new Set(subscribedTopicNames)].sort()
  const next: Member = {
    ...member,
    rackId: event.rackId ?? member.rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: event.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames:
      names === null || isEqual(names, member.subscribedTopicNames)
        ? member.subscribedTopicNames
        : names,
    subscribedTopicRegex: event.subscribedTopicRegex ?? member.subscribedTopicRegex,
    classic: null,
  }
  const keys = Object.keys(next) as (keyof Member)[] // The object has the keys of its type alone.
  return keys.every((key) => next[key] === member[key]) ? member : next
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}

/** The previous epoch is accepted: the response with the new one may have been lost. */
function checkEpoch(member: Member, { memberEpoch, owned }: HeartbeatEvent): Refusal | undefined {
  const { memberEpoch: current, previousMemberEpoch, assigned } = member
  if (memberEpoch === JOIN_EPOCH || memberEpoch === current) return undefined
  const isForgiven = memberEpoch === previousMemberEpoch && isSubset(owned, assigned)
  if (memberEpoch < current && isForgiven) return undefined
  const comparison = memberEpoch > current ? 'greater' : 'smaller'
  return refuse(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${comparison} member epoch (${memberEpoch}) than the one ` +
      `known by the group coordinator (${current}). The member must abandon all its partitions ` +
      'and rejoin.',
  )
}

function isSubset(owned: HeartbeatEvent['owned'], assigned: Member['assigned']): boolean {
  return owned !== null && [...owned].every((key: PartitionKey) => assigned.has(key))
}

function handleLeave(builder: ConsumerGroupBuilder, event: HeartbeatEvent): Refusal | undefined {
  const { memberId, instanceId, memberEpoch } = event
  const member = instanceId === null ? builder.member(memberId) : builder.staticMember(instanceId)
  if (member === undefined) {
    return instanceId === null ? unknown(builder, memberId) : unknownInstance(instanceId)
  }
  if (member.memberId !== memberId) return fencedInstance(memberId, member)
  if (memberEpoch === PAUSE_EPOCH) {
    // It rejoins before its session ends, or is removed then; its pending revocations are released.
    builder.put({ ...member, memberEpoch: PAUSE_EPOCH, pendingRevocation: new Map() })
  } else builder.remove(memberId)
  builder.effects.push({
    do: 'answerHeartbeat',
    answer: { ...EMPTY_HEARTBEAT_ANSWER, memberId, memberEpoch },
  })
  return undefined
}

function unknown({ surroundings }: ConsumerGroupBuilder, memberId: string): Refusal {
  const { groupId } = surroundings
  const message = `Member ${memberId} is not a member of group ${groupId}.`
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, message)
}

function unknownInstance(instanceId: string): Refusal {
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
}

function fencedInstance(memberId: string, { instanceId, memberId: owner }: Member): Refusal {
  return refuse(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId ?? ''} was fenced by member ${owner}.`,
  )
}
