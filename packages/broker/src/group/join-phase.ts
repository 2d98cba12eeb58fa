/**
 * The join phase: members come (or come back), and when all known ones are there, or the rebalance
 * timeout has passed, a new generation begins. A group that was empty waits a moment longer, so
 * that members that start together end up in one generation. The leader keeps its role as long as
 * it comes back.
 */
import { ErrorCode } from '@odradek/protocol'
import type { JoinEvent, Limits, Member } from './classic-group.ts'
import type { GroupDraft } from './group-draft.ts'

const NOT_PARKED = { for: 'nothing' } as const
const NO_BYTES = Buffer.alloc(0)

export function handleJoin(draft: GroupDraft, event: JoinEvent, limits: Limits): void {
  const { request, memberId } = event
  if (!accepts(draft, memberId, limits)) {
    draft.refuseJoin(request, ErrorCode.GROUP_MAX_SIZE_REACHED, '')
    return
  }
  if (draft.phase.name === 'Dead') {
    draft.refuseJoin(request, ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId)
    return
  }
  if (!draft.supportsProtocols(event.protocolType, event.protocols)) {
    draft.refuseJoin(request, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId)
    return
  }
  if (memberId === '') joinNewMember(draft, event, limits)
  else joinExistingMember(draft, event, limits)
}

/** A group at its limit takes no new members; which ones count depends on its phase. */
function accepts(draft: GroupDraft, memberId: string, { maxSize }: Limits): boolean {
  const member = draft.member(memberId)
  switch (draft.phase.name) {
    case 'Empty':
    case 'Dead':
      return true
    case 'PreparingRebalance':
      // Those who wait are counted, so that the last to rejoin an oversized group are kept out.
      return member?.parked.for === 'join' || draft.awaitingJoinCount < maxSize
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || draft.size < maxSize
  }
}

function joinNewMember(draft: GroupDraft, event: JoinEvent, limits: Limits): void {
  const { request, newMemberId, groupInstanceId } = event
  if (groupInstanceId !== null) {
    const known = draft.staticMember(groupInstanceId)
    if (known === undefined) addMember(draft, event, newMemberId, limits)
    else replaceStaticMember(draft, event, known, limits)
    return
  }
  if (event.requiresKnownMemberId) {
    draft.addPending(newMemberId)
    draft.effects.push({
      do: 'setTimer',
      timer: { name: 'session', memberId: newMemberId },
      afterMs: event.sessionTimeoutMs,
    })
    draft.refuseJoin(request, ErrorCode.MEMBER_ID_REQUIRED, newMemberId)
    return
  }
  addMember(draft, event, newMemberId, limits)
}

function joinExistingMember(draft: GroupDraft, event: JoinEvent, limits: Limits): void {
  const { request, memberId } = event
  if (draft.isPending(memberId)) {
    addMember(draft, event, memberId, limits)
    return
  }
  const errorCode = draft.validate(event)
  const member = draft.member(memberId)
  if (errorCode !== ErrorCode.NONE || member === undefined) {
    draft.refuseJoin(request, errorCode, memberId)
    return
  }
  switch (draft.phase.name) {
    case 'PreparingRebalance':
      updateMember(draft, event, member)
      maybeCompleteJoin(draft)
      return
    case 'CompletingRebalance':
      // The answer to its join may have been lost: it gets the same one again.
      if (matches(member, event)) draft.answerJoin(request, draft.generationFor(memberId))
      else rejoin(draft, event, member, limits)
      return
    case 'Stable':
      // A leader that joins wants a rebalance; so does a member whose metadata changed.
      if (draft.leaderId === memberId || !matches(member, event)) {
        rejoin(draft, event, member, limits)
      } else draft.answerJoin(request, draft.generationFor(memberId))
      return
    case 'Empty':
    case 'Dead':
      draft.refuseJoin(request, ErrorCode.UNKNOWN_MEMBER_ID, '')
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

function rejoin(draft: GroupDraft, event: JoinEvent, member: Member, limits: Limits): void {
  updateMember(draft, event, member)
  prepareRebalance(draft, limits)
}

function updateMember(draft: GroupDraft, event: JoinEvent, { memberId }: Member): void {
  draft.update(memberId, {
    protocols: event.protocols,
    sessionTimeoutMs: event.sessionTimeoutMs,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    clientId: event.clientId,
    clientHost: event.clientHost,
    parked: { for: 'join', request: event.request },
  })
}

function addMember(draft: GroupDraft, event: JoinEvent, memberId: string, limits: Limits): void {
  const { phase } = draft
  if (phase.name === 'PreparingRebalance' && phase.initial !== null) {
    draft.phase = { ...phase, initial: { ...phase.initial, hasNewMember: true } }
  }
  if (draft.size === 0) draft.protocolType = event.protocolType
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
  draft.add(member)
  // It cannot heartbeat before it is answered; if its client gave up, it must go some day.
  draft.session(member, limits.newMemberJoinTimeoutMs)
  rebalanceOrComplete(draft, limits)
}

/**
 * A static member came back without its member id: it takes the old one's place. A stable group
 * that would choose the same protocol is not disturbed.
 */
function replaceStaticMember(
  draft: GroupDraft,
  event: JoinEvent,
  old: Member,
  limits: Limits,
): void {
  const { request, newMemberId: memberId } = event
  const formerLeader = draft.leaderId ?? ''
  // Whoever still waits under the old id is a duplicate.
  draft.refuseParked(old, ErrorCode.FENCED_INSTANCE_ID)
  const isLeader = draft.leaderId === old.memberId
  draft.remove(old.memberId)
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
  draft.add(member)
  if (isLeader) draft.leaderId = memberId
  draft.session(member)
  if (draft.phase.name !== 'Stable' || draft.vote() !== draft.protocolName) {
    rebalanceOrComplete(draft, limits)
    return
  }
  draft.persist()
  draft.update(memberId, { parked: NOT_PARKED })
  const answer = draft.generationFor(memberId)
  if (event.supportsSkippingAssignment) {
    draft.answerJoin(request, { ...answer, skipAssignment: isLeader })
  } else {
    // Under the old leader's name it does not think that it has to assign.
    draft.answerJoin(request, { ...answer, leader: formerLeader, members: [] })
  }
}

/** Begins a rebalance if the phase allows one, else sees whether the one under way is complete. */
export function rebalanceOrComplete(draft: GroupDraft, limits: Limits): void {
  if (draft.phase.name === 'PreparingRebalance') maybeCompleteJoin(draft)
  else prepareRebalance(draft, limits)
}

function prepareRebalance(draft: GroupDraft, limits: Limits): void {
  const { phase } = draft
  if (phase.name === 'CompletingRebalance') {
    for (const member of draft.members) {
      if (member.parked.for === 'sync') {
        draft.refuseParked(member, ErrorCode.REBALANCE_IN_PROGRESS)
      }
      draft.update(member.memberId, { assignment: NO_BYTES })
    }
  }
  draft.effects.push({
    do: 'clearTimer',
    timer: { name: 'sync', generationId: draft.generationId },
  })
  if (phase.name === 'Empty') {
    const delayMs = limits.initialRebalanceDelayMs
    const remainingMs = Math.max(draft.rebalanceTimeoutMs - delayMs, 0)
    draft.phase = {
      name: 'PreparingRebalance',
      initial: { delayMs, remainingMs, hasNewMember: false },
    }
    draft.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs: delayMs })
    return
  }
  draft.phase = { name: 'PreparingRebalance', initial: null }
  if (hasAllJoined(draft)) completeJoin(draft)
  else {
    const afterMs = draft.rebalanceTimeoutMs
    draft.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs })
  }
}

function hasAllJoined(draft: GroupDraft): boolean {
  return draft.pendingCount === 0 && draft.awaitingJoinCount === draft.size
}

export function maybeCompleteJoin(draft: GroupDraft): void {
  const { phase } = draft
  if (phase.name !== 'PreparingRebalance' || phase.initial !== null) return
  if (hasAllJoined(draft)) completeJoin(draft)
}

/** The time to join is over: the first gathering may be put off, otherwise it is complete. */
export function handleJoinExpired(draft: GroupDraft, limits: Limits): void {
  const { phase } = draft
  if (phase.name !== 'PreparingRebalance') return
  const { initial } = phase
  if (initial === null || !initial.hasNewMember || initial.remainingMs === 0) {
    completeJoin(draft)
    return
  }
  const delayMs = Math.min(limits.initialRebalanceDelayMs, initial.remainingMs)
  const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0)
  draft.phase = { ...phase, initial: { delayMs, remainingMs, hasNewMember: false } }
  draft.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs: delayMs })
}

function completeJoin(draft: GroupDraft): void {
  draft.effects.push({ do: 'clearTimer', timer: { name: 'join' } })
  for (const member of draft.members) {
    const isAbsent = member.parked.for !== 'join'
    if (isAbsent && member.groupInstanceId === null) draft.remove(member.memberId)
  }
  if (draft.size > 0 && !electLeader(draft)) {
    // Only absent static members are left: their sessions decide.
    draft.phase = { name: 'PreparingRebalance', initial: null }
    const afterMs = draft.rebalanceTimeoutMs
    draft.effects.push({ do: 'setTimer', timer: { name: 'join' }, afterMs })
    return
  }
  draft.generationId = draft.generationId === 0x7fff_ffff ? 1 : draft.generationId + 1
  if (draft.size === 0) {
    draft.phase = { name: 'Empty' }
    draft.protocolName = null
    draft.persist()
    return
  }
  draft.protocolName = draft.vote()
  draft.phase = {
    name: 'CompletingRebalance',
    pendingSync: new Set(draft.members.map(({ memberId }) => memberId)),
  }
  for (const member of draft.members) {
    const { memberId, parked } = member
    if (parked.for === 'join') draft.answerJoin(parked.request, draft.generationFor(memberId))
    draft.update(memberId, { parked: NOT_PARKED, isNew: false })
    draft.session(member)
  }
  draft.effects.push({
    do: 'setTimer',
    timer: { name: 'sync', generationId: draft.generationId },
    afterMs: draft.rebalanceTimeoutMs,
  })
}

/** The leader stays if it came back; else the first that came leads. */
function electLeader(draft: GroupDraft): boolean {
  const leader = draft.leaderId === null ? undefined : draft.member(draft.leaderId)
  if (leader?.parked.for === 'join') return true
  const successor = draft.members.find((member) => member.parked.for === 'join')
  if (successor === undefined) return false
  draft.leaderId = successor.memberId
  return true
}
