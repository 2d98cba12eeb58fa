/**
 * Membership of a share group (KIP-932), decided in one place. One request does everything: a
 * heartbeat with epoch 0 joins, one with the member's epoch says that it lives and hears what it
 * reads, one with -1 leaves. Assignments are applied at once: partitions are shared, so there is
 * nothing to give up first, and what was acquired stays acquired whoever reads the partition next.
 *
 * | state    | meaning                                            | leaves it                      |
 * |----------|----------------------------------------------------|--------------------------------|
 * | unjoined | not started                                        | started                        |
 * | asking   | a heartbeat is under way (epoch 0: the one to join)| answered, refused -> waiting   |
 * | waiting  | until the next one is due                          | pause over -> asking           |
 * | resting  | out of the group for a while: nothing reads        | started -> asking              |
 * | leaving  | the last heartbeat is under way                    | settled -> left                |
 * | left     | over                                               | never                          |
 * | failed   | over, by an error that retrying cannot mend        | leave -> left                  |
 *
 * Laws. One heartbeat at a time, except that one from before a block of the loop is given up for
 * another when the right to heartbeat is taken back from the heartbeat thread (`liveness/`). Every
 * answer carries the ticket of what it answers, others are late and change nothing. A heartbeat
 * after a failure, or after the heartbeat thread, is full (it names the topics), because the
 * coordinator may have forgotten us, or told somebody else what we read. Who is not known any more
 * joins again with epoch 0, under the same member id. Nothing is sent after leaving. A member that
 * rests has left, and joins again at the earliest when its leave was answered, or given up.
 */
import type { KafkaError } from '@odradek/protocol'
import { pauseByChanceMs, type RetryBackoff } from '../../cluster/backoff.ts'
import { heartbeatInterval } from '../../cluster/broker-durations.ts'
import { reactionFor } from '../shell/member-reactions.ts'
import { MEMBERSHIP_REACTIONS } from './share-reactions.ts'

/** Partitions by the ids of their topics, as the coordinator names them. */
export type ShareAssignment = ReadonlyMap<string, readonly number[]>

interface Member {
  readonly settings: RetryBackoff
  /** 0 while this member is not counted in. */
  readonly memberEpoch: number
  readonly ticket: number
  readonly failures: number
  /** Answers in a row without any partition. */
  readonly emptyAnswers: number
  /** Somebody stood in: the next heartbeat is full, because its answers count for nothing here. */
  readonly mustSayAll: boolean
}

export type State =
  | { readonly name: 'unjoined'; readonly settings: RetryBackoff }
  | { readonly name: 'asking'; readonly member: Member }
  | { readonly name: 'waiting'; readonly member: Member }
  | {
      readonly name: 'resting'
      readonly member: Member
      /** The heartbeat that leaves is under way. */
      readonly isLeaving: boolean
      /** It joins again as soon as that one is settled. */
      readonly isWanted: boolean
    }
  | { readonly name: 'leaving' }
  | { readonly name: 'left' }
  | { readonly name: 'failed' }

export type Event =
  | { readonly type: 'started' }
  | {
      readonly type: 'answered'
      readonly ticket: number
      readonly memberEpoch: number
      readonly heartbeatIntervalMs: number
      /** Absent when it is as it was. */
      readonly assignment: ShareAssignment | undefined
    }
  | {
      readonly type: 'refused'
      readonly ticket: number
      readonly error: KafkaError
      /** In [0, 1): the jitter of the pause. */
      readonly chance: number
    }
  | { readonly type: 'pauseOver'; readonly ticket: number }
  /**
   * The right to heartbeat is taken back from the heartbeat thread, which was told this epoch last;
   * undefined when it was told none.
   */
  | { readonly type: 'takenBack'; readonly memberEpoch: number | undefined }
  /** Leave until `started` comes again. */
  | { readonly type: 'restRequested' }
  | { readonly type: 'leaveRequested' }
  | { readonly type: 'leaveSettled' }

export type Effect =
  | {
      readonly do: 'sendHeartbeat'
      readonly ticket: number
      readonly memberEpoch: number
      readonly isFull: boolean
    }
  | { readonly do: 'sendLeave' }
  | { readonly do: 'pause'; readonly ticket: number; readonly delayMs: number }
  | { readonly do: 'assign'; readonly assignment: ShareAssignment }
  /** The coordinator does not count us in any more; what was acquired stays ours. */
  | { readonly do: 'lose'; readonly error: KafkaError }
  /** This member gives up its partitions by itself. */
  | { readonly do: 'giveUp' }
  | { readonly do: 'forgetCoordinator' }
  | { readonly do: 'fail'; readonly error: KafkaError }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

const MAX_DOUBLINGS = 10
/** Until a coordinator prescribes an interval; Kafka's own default. */
const DEFAULT_INTERVAL_MS = 5000
/** The second heartbeat of a member that was assigned nothing. */
const FIRST_CHECK_MS = 200

export function transition(state: State, event: Event): Step {
  switch (state.name) {
    case 'unjoined':
      return stepUnjoined(state, event)
    case 'asking':
      return stepAsking(state.member, event)
    case 'waiting':
      return stepWaiting(state.member, event)
    case 'resting':
      return stepResting(state, event)
    case 'leaving':
      return event.type === 'leaveSettled' ? { state: { name: 'left' }, effects: [] } : stay(state)
    case 'failed':
      return event.type === 'leaveRequested'
        ? { state: { name: 'left' }, effects: [] }
        : stay(state)
    case 'left':
      return stay(state)
  }
}

function stay(state: State): Step {
  return { state, effects: [] }
}

function stepUnjoined(state: State & { readonly name: 'unjoined' }, event: Event): Step {
  if (event.type === 'leaveRequested') return { state: { name: 'left' }, effects: [] }
  if (event.type !== 'started') return stay(state)
  return ask({
    settings: state.settings,
    memberEpoch: 0,
    ticket: 0,
    failures: 0,
    emptyAnswers: 0,
    mustSayAll: false,
  })
}

function ask(member: Member): Step {
  const next = { ...member, ticket: member.ticket + 1 }
  const { ticket, memberEpoch, failures, mustSayAll } = next
  const isFull = memberEpoch === 0 || failures > 0 || mustSayAll
  return {
    state: { name: 'asking', member: next },
    effects: [{ do: 'sendHeartbeat', ticket, memberEpoch, isFull }],
  }
}

function stepAsking(member: Member, event: Event): Step {
  const state: State = { name: 'asking', member }
  switch (event.type) {
    case 'answered':
      return event.ticket === member.ticket ? answered(member, event) : stay(state)
    case 'refused':
      return event.ticket === member.ticket ? refused(member, event) : stay(state)
    case 'takenBack':
      return takeBack(state, event.memberEpoch)
    case 'restRequested':
      return rest(member)
    case 'leaveRequested':
      return leave()
    default:
      return stay(state)
  }
}

/**
 * The heartbeat thread was told of epochs, and perhaps of partitions, that this member knows
 * nothing of: it says everything at once under the newest epoch, and so hears everything again. A
 * heartbeat of its own from before the block is not waited for.
 */
function takeBack(
  state: State & { readonly name: 'asking' | 'waiting' },
  told: number | undefined,
): Step {
  const { member } = state
  if (member.memberEpoch === 0) return stay(state)
  return ask({ ...member, memberEpoch: told ?? member.memberEpoch, mustSayAll: true })
}

/**
 * A member that joins a new group hears first that it reads nothing, because the group is still
 * being set up: it asks again soon, not a whole interval later.
 */
function answered(member: Member, event: Event & { readonly type: 'answered' }): Step {
  const { memberEpoch, assignment } = event
  const heartbeatIntervalMs = heartbeatInterval(event.heartbeatIntervalMs) ?? DEFAULT_INTERVAL_MS
  const isEmpty = assignment === undefined ? member.emptyAnswers > 0 : assignment.size === 0
  const emptyAnswers = isEmpty ? member.emptyAnswers + 1 : 0
  const counted = { ...member, memberEpoch, failures: 0, emptyAnswers, mustSayAll: false }
  const assign: readonly Effect[] = assignment === undefined ? [] : [{ do: 'assign', assignment }]
  const soonMs = FIRST_CHECK_MS * 2 ** Math.min(member.emptyAnswers, MAX_DOUBLINGS)
  return pause(
    counted,
    isEmpty ? Math.min(heartbeatIntervalMs, soonMs) : heartbeatIntervalMs,
    assign,
  )
}

function pause(member: Member, delayMs: number, before: readonly Effect[]): Step {
  return {
    state: { name: 'waiting', member },
    effects: [...before, { do: 'pause', ticket: member.ticket, delayMs }],
  }
}

function refused(member: Member, event: Event & { readonly type: 'refused' }): Step {
  const { error, chance } = event
  const failed = { ...member, failures: member.failures + 1 }
  const pauseMs = pauseByChanceMs(member.settings, member.failures, chance)
  switch (reactionFor(MEMBERSHIP_REACTIONS, error)) {
    case 'fatal':
      return { state: { name: 'failed' }, effects: [{ do: 'fail', error }] }
    case 'coordinator':
      return pause(failed, pauseMs, [{ do: 'forgetCoordinator' }])
    case 'rejoin': {
      const effects: readonly Effect[] = member.memberEpoch > 0 ? [{ do: 'lose', error }] : []
      return pause({ ...failed, memberEpoch: 0, emptyAnswers: 0 }, pauseMs, effects)
    }
    case 'paced':
      return pause(failed, pauseMs, [])
  }
}

function stepWaiting(member: Member, event: Event): Step {
  switch (event.type) {
    case 'pauseOver':
      return event.ticket === member.ticket ? ask(member) : stay({ name: 'waiting', member })
    case 'takenBack':
      return takeBack({ name: 'waiting', member }, event.memberEpoch)
    case 'restRequested':
      return rest(member)
    case 'leaveRequested':
      return leave()
    default:
      return stay({ name: 'waiting', member })
  }
}

/** The ticket stays: responses to what was sent before are late. */
function rest(member: Member): Step {
  const retired: Member = {
    ...member,
    memberEpoch: 0,
    failures: 0,
    emptyAnswers: 0,
    mustSayAll: false,
  }
  return {
    state: { name: 'resting', member: retired, isLeaving: true, isWanted: false },
    effects: [{ do: 'giveUp' }, { do: 'sendLeave' }],
  }
}

function stepResting(state: State & { readonly name: 'resting' }, event: Event): Step {
  const { member, isLeaving, isWanted } = state
  switch (event.type) {
    case 'started':
      // A leave that is late must not end the membership that follows.
      return isLeaving ? stay({ ...state, isWanted: true }) : ask(member)
    case 'restRequested':
      return stay({ ...state, isWanted: false })
    case 'leaveSettled':
      return isWanted ? ask(member) : stay({ ...state, isLeaving: false })
    case 'leaveRequested':
      return stay({ name: isLeaving ? 'leaving' : 'left' })
    default:
      return stay(state)
  }
}

/** Also when no answer came yet: the coordinator may count us in all the same. */
function leave(): Step {
  return { state: { name: 'leaving' }, effects: [{ do: 'sendLeave' }] }
}
