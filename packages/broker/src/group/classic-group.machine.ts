/**
 * The classic group protocol as Kafka's coordinator decides it, one event at a time.
 *
 * | phase               | join                | sync                  | heartbeat   | leaves with                           |
 * | ------------------- | ------------------- | --------------------- | ----------- | ------------------------------------- |
 * | Empty               | begins a rebalance  | UNKNOWN_MEMBER_ID     | unknown     | the first join                        |
 * | PreparingRebalance  | waits for the rest  | REBALANCE_IN_PROGRESS | the same    | all joined, or the rebalance timeout  |
 * | CompletingRebalance | same answer, or new | waits for the leader  | fine        | the leader's sync, or somebody's join |
 * | Stable              | new if it changes   | the assignment        | fine        | joins, leaves, sessions that end      |
 * | Dead                | COORDINATOR_NOT_... | the same              | the same    | never                                 |
 *
 * Only what `persist` carries survives the coordinator: the generation with its members at the
 * moment of the leader's sync, or an empty group. A coordinator that loads a group gives every
 * member a fresh session.
 */
import { ErrorCode } from '@odradek/protocol'
import type {
  Event,
  HeartbeatEvent,
  LeaveEvent,
  Limits,
  Member,
  MemberIdentity,
  State,
  Step,
  SyncEvent,
} from './classic-group.ts'
import { GroupDraft } from './group-draft.ts'
import {
  handleJoin,
  handleJoinExpired,
  maybeCompleteJoin,
  rebalanceOrComplete,
} from './join-phase.ts'

const NO_BYTES = Buffer.alloc(0)
const NOT_PARKED = { for: 'nothing' } as const

export function transition(state: State, event: Event, limits: Limits): Step {
  const draft = new GroupDraft(state)
  switch (event.type) {
    case 'join':
      handleJoin(draft, event, limits)
      break
    case 'sync':
      handleSync(draft, event)
      break
    case 'heartbeat':
      handleHeartbeat(draft, event)
      break
    case 'leave':
      handleLeave(draft, event, limits)
      break
    case 'committed':
      handleCommitted(draft, event.memberId)
      break
    case 'sessionExpired':
      handleSessionExpired(draft, event.memberId, limits)
      break
    case 'joinExpired':
      handleJoinExpired(draft, limits)
      break
    case 'syncExpired':
      handleSyncExpired(draft, event.generationId, limits)
      break
    case 'loaded':
      for (const member of draft.members) draft.session(member)
      break
    case 'converted':
      for (const member of draft.members) draft.session(member)
      draft.persist()
      rebalanceOrComplete(draft, limits)
      break
    case 'unloaded':
      for (const member of draft.members) draft.refuseParked(member, event.errorCode)
      break
    case 'deleted':
      draft.phase = { name: 'Dead' }
      break
  }
  return draft.seal()
}

function handleSync(draft: GroupDraft, event: SyncEvent): void {
  const { request, memberId } = event
  const errorCode = syncError(draft, event)
  const member = draft.member(memberId)
  if (errorCode !== ErrorCode.NONE || member === undefined) {
    draft.refuseSync(request, errorCode)
    return
  }
  draft.pendingSync((pending) => pending.delete(memberId))
  if (draft.phase.name === 'Stable') {
    draft.answerSync(request, { errorCode: ErrorCode.NONE, assignment: member.assignment })
    draft.session(member)
    clearSyncTimer(draft)
    return
  }
  draft.update(memberId, { parked: { for: 'sync', request } })
  if (draft.leaderId === memberId) stabilize(draft, event.assignments)
}

function syncError(draft: GroupDraft, event: SyncEvent): number {
  const { protocolType, protocolName } = event
  if (draft.phase.name === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const errorCode = draft.validate(event)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (event.generationId !== draft.generationId) return ErrorCode.ILLEGAL_GENERATION
  const isInconsistent =
    (protocolType !== null && protocolType !== draft.protocolType) ||
    (protocolName !== null && protocolName !== draft.protocolName)
  if (isInconsistent) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  if (draft.phase.name === 'Empty') return ErrorCode.UNKNOWN_MEMBER_ID
  if (draft.phase.name === 'PreparingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}

/** The leader has assigned: everybody who waits gets a share, those who come later too. */
function stabilize(draft: GroupDraft, assignments: ReadonlyMap<string, Buffer>): void {
  const { phase } = draft
  if (phase.name !== 'CompletingRebalance') return
  for (const { memberId } of draft.members) {
    draft.update(memberId, { assignment: assignments.get(memberId) ?? NO_BYTES })
  }
  draft.persist()
  draft.phase = { name: 'Stable', pendingSync: phase.pendingSync }
  for (const member of draft.members) {
    const { parked, assignment } = member
    if (parked.for !== 'sync') continue
    draft.answerSync(parked.request, { errorCode: ErrorCode.NONE, assignment })
    draft.update(member.memberId, { parked: NOT_PARKED })
    draft.session(member)
  }
  clearSyncTimer(draft)
}

function clearSyncTimer(draft: GroupDraft): void {
  const { phase, generationId } = draft
  if (phase.name !== 'Stable' || phase.pendingSync.size > 0) return
  draft.effects.push({ do: 'clearTimer', timer: { name: 'sync', generationId } })
}

function handleHeartbeat(draft: GroupDraft, event: HeartbeatEvent): void {
  const answer = heartbeatAnswer(draft, event)
  const member = draft.member(event.memberId)
  const isAlive = answer === ErrorCode.NONE || answer === ErrorCode.REBALANCE_IN_PROGRESS
  if (isAlive && member !== undefined) draft.session(member)
  draft.effects.push({ do: 'answerHeartbeat', request: event.request, answer })
}

function heartbeatAnswer(draft: GroupDraft, event: HeartbeatEvent): number {
  if (draft.phase.name === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const errorCode = draft.validate(event)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (event.generationId !== draft.generationId) return ErrorCode.ILLEGAL_GENERATION
  switch (draft.phase.name) {
    case 'Empty':
      return ErrorCode.UNKNOWN_MEMBER_ID
    case 'PreparingRebalance':
      return ErrorCode.REBALANCE_IN_PROGRESS
    case 'CompletingRebalance':
    case 'Stable':
      return ErrorCode.NONE
  }
}

/** Commits keep a session alive where a heartbeat would be welcome (not while completing). */
function handleCommitted(draft: GroupDraft, memberId: string): void {
  const { name } = draft.phase
  const member = draft.member(memberId)
  if (member !== undefined && (name === 'Stable' || name === 'PreparingRebalance')) {
    draft.session(member)
  }
}

function handleLeave(draft: GroupDraft, event: LeaveEvent, limits: Limits): void {
  const { request } = event
  if (draft.phase.name === 'Dead') {
    const errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE
    draft.effects.push({ do: 'answerLeave', request, answer: { errorCode, members: [] } })
    return
  }
  let hasRemoved = false
  const members = event.members.map((identity) => {
    const errorCode = removeLeaver(draft, identity)
    hasRemoved ||= errorCode === ErrorCode.NONE
    return { ...identity, errorCode }
  })
  draft.effects.push({
    do: 'answerLeave',
    request,
    answer: { errorCode: ErrorCode.NONE, members },
  })
  if (hasRemoved) afterRemoval(draft, limits)
}

function removeLeaver(draft: GroupDraft, identity: MemberIdentity): number {
  const { memberId, groupInstanceId } = identity
  if (draft.isPending(memberId)) {
    draft.removePending(memberId)
    return ErrorCode.NONE
  }
  // An administrator removes a static member by its instance id alone.
  const isByInstance = memberId === '' && groupInstanceId !== null
  const member = isByInstance ? draft.staticMember(groupInstanceId) : draft.member(memberId)
  const errorCode = isByInstance ? ErrorCode.NONE : draft.validate(identity)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  draft.refuseParked(member, ErrorCode.UNKNOWN_MEMBER_ID)
  draft.remove(member.memberId)
  return ErrorCode.NONE
}

function handleSessionExpired(draft: GroupDraft, memberId: string, limits: Limits): void {
  if (draft.phase.name === 'Dead') return
  if (draft.isPending(memberId)) {
    draft.removePending(memberId)
    maybeCompleteJoin(draft)
    return
  }
  const member = draft.member(memberId)
  if (member === undefined || isExcused(member)) return
  // The client may be there, waiting: with this answer it starts anew.
  draft.refuseParked(member, ErrorCode.UNKNOWN_MEMBER_ID)
  draft.remove(memberId)
  afterRemoval(draft, limits)
}

/** Who waits for the group need not heartbeat; new members have a longer, absolute deadline. */
function isExcused({ isNew, parked }: Member): boolean {
  return !isNew && parked.for !== 'nothing'
}

function handleSyncExpired(draft: GroupDraft, generationId: number, limits: Limits): void {
  const { phase } = draft
  if (generationId !== draft.generationId) return
  if (phase.name !== 'CompletingRebalance' && phase.name !== 'Stable') return
  if (phase.pendingSync.size === 0) return
  for (const memberId of phase.pendingSync) draft.remove(memberId)
  afterRemoval(draft, limits)
}

function afterRemoval(draft: GroupDraft, limits: Limits): void {
  switch (draft.phase.name) {
    case 'Stable':
    case 'CompletingRebalance':
      rebalanceOrComplete(draft, limits)
      break
    case 'PreparingRebalance':
      maybeCompleteJoin(draft)
      break
    case 'Empty':
    case 'Dead':
      break
  }
}
