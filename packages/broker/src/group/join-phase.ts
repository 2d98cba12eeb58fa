/**
 * The join phase: members join or rejoin, and when all known ones have, or the rebalance timeout
 * has passed, a new generation begins. A group that was empty waits for the initial rebalance
 * delay, so that members that start together get one generation. The leader keeps its role if it
 * rejoins.
 */
import { ErrorCode } from '@odradek/protocol'
import type { JoinEvent, Limits, Member } from './classic-group.ts'
import type { GroupBuilder } from './group-builder.ts'

const NOT_PARKED = { for: 'nothing' } as const
const NO_BYTES = Buffer.alloc(0)

export function handleJoin(builder: GroupBuilder, event: JoinEvent, limits: Limits): void {
  const { request, memberId } = event
  if (!accepts(builder, memberId, limits)) {
    builder.refuseJoin(request, ErrorCode.GROUP_MAX_SIZE_REACHED, '')
    return
  }
  if (builder.phase.name === 'Dead') {
    builder.refuseJoin(request, ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId)
    return
  }
  if (!builder.supportsProtocols(event.protocolType, event.protocols)) {
    builder.refuseJoin(request, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId)
    return
  }
  if (memberId === '') joinNewMember(builder, event, limits)
  else joinExistingMember(builder, event, limits)
}

/** A full group refuses new members; which members count depends on its phase. */
function accepts(builder: GroupBuilder, memberId: string, { maxSize }: Limits): boolean {
  const member = builder.member(memberId)
  switch (builder.phase.name) {
    case 'Empty':
    case 'Dead':
      return true
    case 'PreparingRebalance':
      // Parked joins are counted, so that the last to rejoin an oversized group are refused.
      return member?.parked.for === 'join' || builder.awaitingJoinCount < maxSize
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || builder.size < maxSize
  }
}

function joinNewMember(builder: GroupBuilder, event: JoinEvent, limits: Limits): void {
  const { request, newMemberId, groupInstanceId } = event
  if (groupInstanceId !== null) {
    const known = builder.staticMember(groupInstanceId)
    if (known === undefined) addMember(builder, event, newMemberId, limits)
    else replaceStaticMember(builder, event, known, limits)
    return
  }
  if (event.requiresKnownMemberId) {
    builder.addPending(newMemberId)
    builder.effects.push({
      do: 'setTimer',
      timer: { name: 'session', memberId: newMemberId },
      afterMs: event.sessionTimeoutMs,
    })
    builder.refuseJoin(request, ErrorCode.MEMBER_ID_REQUIRED, newMemberId)
    return
  }
  addMember(builder, event, newMemberId, limits)
}

function joinExistingMember(builder: GroupBuilder, event: JoinEvent, limits: Limits): void {
  const { request, memberId } = event
  if (builder.isPending(memberId)) {
    addMember(builder, event, memberId, limits)
    return
  }
  const errorCode = builder.validate(event)
  const member = builder.member(memberId)
  if (errorCode !== ErrorCode.NONE || member === undefined) {
    builder.refuseJoin(request, errorCode, memberId)
    return
  }
  switch (builder.phase.name) {
    case 'PreparingRebalance':
      updateMember(builder, event, member)
      maybeCompleteJoin(builder)
      return
    case 'CompletingRebalance':
      // The response to its join may have been lost: it gets the same one again.
      if (matches(member, event)) builder.answerJoin(request, builder.generationFor(memberId))
      else rejoin(builder, event, member, limits)
      return
    case 'Stable':
      // A join of the leader starts a rebalance, as does a join with changed metadata.
      if (builder.leaderId === memberId || !matches(member, event)) {
        rejoin(builder, event, member, limits)
      } else builder.answerJoin(request, builder.generationFor(memberId))
      return
    case 'Empty':
    case 'Dead':
      builder.refuseJoin(request, ErrorCode.UNKNOWN_MEMBER_ID, '')
  }
}

function matches({ protocols }: Member, event: JoinEvent): boolean {
  return (
    protocols.length === event.protocols.length &&
    protocols.every((protocol, index) => {
      const other = event.protocols[index]
      return protocol.name === other?.name && protocol.metadata.equals(other.metadata)
    })
  )
}

function rejoin(builder: GroupBuilder, event: JoinEvent, member: Member, limits: Limits): void {
  updateMember(builder, event, member)
  prepareRebalance(builder, limits)
}

function updateMember(builder: GroupBuilder, event: JoinEvent, { memberId }: Member): void {
  builder.update(memberId, {
    protocols: event.protocols,
    sessionTimeoutMs: event.sessionTimeoutMs,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    clientId: event.clientId,
    clientHost: event.clientHost,
    parked: { for: 'join', request: event.request },
  })
}

function addMember(
  builder: GroupBuilder,
  event: JoinEvent,
  memberId: string,
  limits: Limits,
): void {
  const { phase } = builder
  if (phase.name === 'PreparingRebalance' && phase.initial !== null) {
    builder.phase = { ...phase, initial: { ...phase.initial, hasNewMember: true } }
  }
  if (builder.size === 0) builder.protocolType = event.protocolType
  const member: Member = {
    memberId,
    groupInstanceId: event.groupInstanceId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    sessionTimeoutMs: event.sessionTimeoutMs,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    protocols: event.protocols,
    assignment: NO_BYTES,
    parked: { for: 'join', request: event.request },
    isNew: true,
  }
  builder.add(member)
  // It cannot heartbeat before it gets a response; this deadline removes it if its client is gone.
  builder.session(member, limits.newMemberJoinTimeoutMs)
  rebalanceOrComplete(builder, limits)
}

/**
 * A static member rejoined without its member id: it replaces the old one. A stable group that
 * would choose the same protocol does not rebalance.
 */
function replaceStaticMember(
  builder: GroupBuilder,
  event: JoinEvent,
  old: Member,
  limits: Limits,
): void {
  const { request, newMemberId: memberId } = event
  const formerLeader = builder.leaderId ?? ''
  // A request that is parked under the old id is a duplicate.
  builder.refuseParked(old, ErrorCode.FENCED_INSTANCE_ID)
  const isLeader = builder.leaderId === old.memberId
  builder.remove(old.memberId)
  const member: Member = {
    ...old,
    memberId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    sessionTimeoutMs: event.sessionTimeoutMs,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    protocols: event.protocols,
    parked: { for: 'join', request },
    isNew: false,
  }
  builder.add(member)
  if (isLeader) builder.leaderId = memberId
  builder.session(member)
  if (builder.phase.name !== 'Stable' || builder.vote() !== builder.protocolName) {
    rebalanceOrComplete(builder, limits)
    return
  }
  builder.persist()
  builder.update(memberId, { parked: NOT_PARKED })
  const answer = builder.generationFor(memberId)
  if (event.supportsSkippingAssignment) {
    builder.answerJoin(request, { ...answer, skipAssignment: isLeader })
  } else {
    // With the old leader's id in the response it does not compute an assignment.
    builder.answerJoin(request, { ...answer, leader: formerLeader, members: [] })
  }
}

/** Starts a rebalance if the phase allows one, else checks whether the current one is complete. */
export function rebalanceOrComplete(builder: GroupBuilder, limits: Limits): void {
  if (builder.phase.name === 'PreparingRebalance') maybeCompleteJoin(builder)
  else prepareRebalance(builder, limits)
}

function prepareRebalance(builder: GroupBuilder, limits: Limits): void {
  const { phase } = builder
  if (phase.name === 'CompletingRebalance') {
    for (const member of builder.members) {
      if (member.parked.for === 'sync') {
        builder.refuseParked(member, ErrorCode.REBALANCE_IN_PROGRESS)
      }
      builder.update(member.memberId, { assignment: NO_BYTES })
    }
  }
  builder.effects.push({
    do: 'clearTimer',
    timer: { name: 'sync', generationId: builder.generationId },
  })
  if (phase.name === 'Empty') {
    const delayMs = limits.initialRebalanceDelayMs
    const remainingMs = Math.max(builder.rebalanceTimeoutMs - delayMs, 0)
    builder.phase = {
      name: 'PreparingRebalance',
      initial: { delayMs, remainingMs, hasNewMember: false },
    }
    builder.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs: delayMs })
    return
  }
  builder.phase = { name: 'PreparingRebalance', initial: null }
  if (hasAllJoined(builder)) completeJoin(builder)
  else {
    const afterMs = builder.rebalanceTimeoutMs
    builder.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs })
  }
}

function hasAllJoined(builder: GroupBuilder): boolean {
  return builder.pendingCount === 0 && builder.awaitingJoinCount === builder.size
}

export function maybeCompleteJoin(builder: GroupBuilder): void {
  const { phase } = builder
  if (phase.name !== 'PreparingRebalance' || phase.initial !== null) return
  if (hasAllJoined(builder)) completeJoin(builder)
}

/** The time to join has passed: the initial delay may be extended, otherwise it is complete. */
export function handleJoinExpired(builder: GroupBuilder, limits: Limits): void {
  const { phase } = builder
  if (phase.name !== 'PreparingRebalance') return
  const { initial } = phase
  if (initial === null || !initial.hasNewMember || initial.remainingMs === 0) {
    completeJoin(builder)
    return
  }
  const delayMs = Math.min(limits.initialRebalanceDelayMs, initial.remainingMs)
  const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0)
  builder.phase = { ...phase, initial: { delayMs, remainingMs, hasNewMember: false } }
  builder.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs: delayMs })
}

function completeJoin(builder: GroupBuilder): void {
  builder.effects.push({ do: 'clearTimer', timer: { name: 'join' } })
  for (const member of builder.members) {
    const isAbsent = member.parked.for !== 'join'
    if (isAbsent && member.groupInstanceId === null) builder.remove(member.memberId)
  }
  if (builder.size > 0 && !electLeader(builder)) {
    // Only absent static members are left: their sessions decide.
    builder.phase = { name: 'PreparingRebalance', initial: null }
    const afterMs = builder.rebalanceTimeoutMs
    builder.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs })
    return
  }
  builder.generationId = builder.generationId === 0x7fff_ffff ? 1 : builder.generationId + 1
  if (builder.size === 0) {
    builder.phase = { name: 'Empty' }
    builder.protocolName = null
    builder.persist()
    return
  }
  builder.protocolName = builder.vote()
  builder.phase = {
    name: 'CompletingRebalance',
    pendingSync: new Set(builder.members.map(({ memberId }) => memberId)),
  }
  for (const member of builder.members) {
    const { memberId, parked } = member
    if (parked.for === 'join') builder.answerJoin(parked.request, builder.generationFor(memberId))
    builder.update(memberId, { parked: NOT_PARKED, isNew: false })
    builder.session(member)
  }
  builder.effects.push({
    do: 'setTimer',
    timer: { name: 'sync', generationId: builder.generationId },
    afterMs: builder.rebalanceTimeoutMs,
  })
}

/** The leader stays if it rejoined; else the first member that joined leads. */
function electLeader(builder: GroupBuilder): boolean {
  const leader = builder.leaderId === null ? undefined : builder.member(builder.leaderId)
  if (leader?.parked.for === 'join') return true
  const successor = builder.members.find((member) => member.parked.for === 'join')
  if (successor === undefined) return false
  builder.leaderId = successor.memberId
  return true
}
