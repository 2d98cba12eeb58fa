/**
 * The classic group protocol as Kafka's coordinator decides it, one event at a time.
 *
 * | phase               | join                | sync                  | heartbeat   | leaves with                           |
 * | ------------------- | ------------------- | --------------------- | ----------- | ------------------------------------- |
 * | Empty               | begins a rebalance  | UNKNOWN_MEMBER_ID     | unknown     | the first join                        |
 * | PreparingRebalance  | waits for the rest  | REBALANCE_IN_PROGRESS | the same    | all joined, or the rebalance timeout  |
 * | CompletingRebalance | the same, or new    | waits for the leader  | fine        | the leader's sync, or a new join      |
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
import { GroupBuilder } from './group-builder.ts'
import {
  handleJoin,
  handleJoinExpired,
  maybeCompleteJoin,
  rebalanceOrComplete,
} from './join-phase.ts'

const NO_BYTES = Buffer.alloc(0)
const NOT_PARKED = { for: 'nothing' } as const

export function transition(state: State, event: Event, limits: Limits): Step {
  const builder = new GroupBuilder(state)
  switch (event.type) {
    case 'join':
      handleJoin(builder, event, limits)
      break
    case 'sync':
      handleSync(builder, event)
      break
    case 'heartbeat':
      handleHeartbeat(builder, event)
      break
    case 'leave':
      handleLeave(builder, event, limits)
      break
    case 'committed':
      handleCommitted(builder, event.memberId)
      break
    case 'sessionExpired':
      handleSessionExpired(builder, event.memberId, limits)
      break
    case 'joinExpired':
      handleJoinExpired(builder, limits)
      break
    case 'syncExpired':
      handleSyncExpired(builder, event.generationId, limits)
      break
    case 'loaded':
      for (const member of builder.members) builder.session(member)
      break
    case 'converted':
      for (const member of builder.members) builder.session(member)
      builder.persist()
      rebalanceOrComplete(builder, limits)
      break
    case 'unloaded':
      for (const member of builder.members) builder.refuseParked(member, event.errorCode)
      break
    case 'deleted':
      builder.phase = { name: 'Dead' }
      break
  }
  return builder.seal()
}

function handleSync(builder: GroupBuilder, event: SyncEvent): void {
  const { request, memberId } = event
  const errorCode = syncError(builder, event)
  const member = builder.member(memberId)
  if (errorCode !== ErrorCode.NONE || member === undefined) {
    builder.refuseSync(request, errorCode)
    return
  }
  builder.pendingSync((pending) => pending.delete(memberId))
  if (builder.phase.name === 'Stable') {
    builder.answerSync(request, { errorCode: ErrorCode.NONE, assignment: member.assignment })
    builder.session(member)
    clearSyncTimer(builder)
    return
  }
  builder.update(memberId, { parked: { for: 'sync', request } })
  if (builder.leaderId === memberId) stabilize(builder, event.assignments)
}

function syncError(builder: GroupBuilder, event: SyncEvent): number {
  const { protocolType, protocolName } = event
  if (builder.phase.name === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const errorCode = builder.validate(event)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (event.generationId !== builder.generationId) return ErrorCode.ILLEGAL_GENERATION
  const isInconsistent =
    (protocolType !== null && protocolType !== builder.protocolType) ||
    (protocolName !== null && protocolName !== builder.protocolName)
  if (isInconsistent) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  if (builder.phase.name === 'Empty') return ErrorCode.UNKNOWN_MEMBER_ID
  if (builder.phase.name === 'PreparingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}

/** The leader has assigned: members that wait get their assignment, and later ones too. */
function stabilize(builder: GroupBuilder, assignments: ReadonlyMap<string, Buffer>): void {
  const { phase } = builder
  if (phase.name !== 'CompletingRebalance') return
  for (const { memberId } of builder.members) {
    builder.update(memberId, { assignment: assignments.get(memberId) ?? NO_BYTES })
  }
  builder.persist()
  builder.phase = { name: 'Stable', pendingSync: phase.pendingSync }
  for (const member of builder.members) {
    const { parked, assignment } = member
    if (parked.for !== 'sync') continue
    builder.answerSync(parked.request, { errorCode: ErrorCode.NONE, assignment })
    builder.update(member.memberId, { parked: NOT_PARKED })
    builder.session(member)
  }
  clearSyncTimer(builder)
}

function clearSyncTimer(builder: GroupBuilder): void {
  const { phase, generationId } = builder
  if (phase.name !== 'Stable' || phase.pendingSync.size > 0) return
  builder.effects.push({ do: 'clearTimer', timer: { name: 'sync', generationId } })
}

function handleHeartbeat(builder: GroupBuilder, event: HeartbeatEvent): void {
  const answer = heartbeatAnswer(builder, event)
  const member = builder.member(event.memberId)
  const isAlive = answer === ErrorCode.NONE || answer === ErrorCode.REBALANCE_IN_PROGRESS
  if (isAlive && member !== undefined) builder.session(member)
  builder.effects.push({ do: 'answerHeartbeat', request: event.request, answer })
}

function heartbeatAnswer(builder: GroupBuilder, event: HeartbeatEvent): number {
  if (builder.phase.name === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const errorCode = builder.validate(event)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (event.generationId !== builder.generationId) return ErrorCode.ILLEGAL_GENERATION
  switch (builder.phase.name) {
    case 'Empty':
      return ErrorCode.UNKNOWN_MEMBER_ID
    case 'PreparingRebalance':
      return ErrorCode.REBALANCE_IN_PROGRESS
    case 'CompletingRebalance':
    case 'Stable':
      return ErrorCode.NONE
  }
}

/** Commits extend a session in the phases in which heartbeats do (not while completing). */
function handleCommitted(builder: GroupBuilder, memberId: string): void {
  const { name } = builder.phase
  const member = builder.member(memberId)
  if (member !== undefined && (name === 'Stable' || name === 'PreparingRebalance')) {
    builder.session(member)
  }
}

function handleLeave(builder: GroupBuilder, event: LeaveEvent, limits: Limits): void {
  const { request } = event
  if (builder.phase.name === 'Dead') {
    const errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE
    builder.effects.push({ do: 'answerLeave', request, answer: { errorCode, members: [] } })
    return
  }
  let hasRemoved = false
  const members = event.members.map((identity) => {
    const errorCode = removeLeaver(builder, identity)
    hasRemoved ||= errorCode === ErrorCode.NONE
    return { ...identity, errorCode }
  })
  builder.effects.push({
    do: 'answerLeave',
    request,
    answer: { errorCode: ErrorCode.NONE, members },
  })
  if (hasRemoved) afterRemoval(builder, limits)
}

function removeLeaver(builder: GroupBuilder, identity: MemberIdentity): number {
  const { memberId, groupInstanceId } = identity
  if (builder.isPending(memberId)) {
    builder.removePending(memberId)
    return ErrorCode.NONE
  }
  // An administrator removes a static member by its instance id alone.
  const isByInstance = memberId === '' && groupInstanceId !== null
  const member = isByInstance ? builder.staticMember(groupInstanceId) : builder.member(memberId)
  const errorCode = isByInstance ? ErrorCode.NONE : builder.validate(identity)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  builder.refuseParked(member, ErrorCode.UNKNOWN_MEMBER_ID)
  builder.remove(member.memberId)
  return ErrorCode.NONE
}

function handleSessionExpired(builder: GroupBuilder, memberId: string, limits: Limits): void {
  if (builder.phase.name === 'Dead') return
  if (builder.isPending(memberId)) {
    builder.removePending(memberId)
    maybeCompleteJoin(builder)
    return
  }
  const member = builder.member(memberId)
  if (member === undefined || isExcused(member)) return
  // The client may still wait: this response makes it rejoin as a new member.
  builder.refuseParked(member, ErrorCode.UNKNOWN_MEMBER_ID)
  builder.remove(memberId)
  afterRemoval(builder, limits)
}

/** Members with a parked request need not heartbeat; new ones have a longer, absolute deadline. */
function isExcused({ isNew, parked }: Member): boolean {
  return !isNew && parked.for !== 'nothing'
}

function handleSyncExpired(builder: GroupBuilder, generationId: number, limits: Limits): void {
  const { phase } = builder
  if (generationId !== builder.generationId) return
  if (phase.name !== 'CompletingRebalance' && phase.name !== 'Stable') return
  if (phase.pendingSync.size === 0) return
  for (const memberId of phase.pendingSync) builder.remove(memberId)
  afterRemoval(builder, limits)
}

function afterRemoval(builder: GroupBuilder, limits: Limits): void {
  switch (builder.phase.name) {
    case 'Stable':
    case 'CompletingRebalance':
      rebalanceOrComplete(builder, limits)
      break
    case 'PreparingRebalance':
      maybeCompleteJoin(builder)
      break
    case 'Empty':
    case 'Dead':
      break
  }
}
