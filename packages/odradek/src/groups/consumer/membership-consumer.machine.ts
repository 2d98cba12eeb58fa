/**
 * Membership of a KIP-848 group, decided in one place. One request does it all: each heartbeat says
 * who we are and what has changed on our side; each answer, what the coordinator wants us to have.
 *
 * | state       | meaning                                            | leaves it                      |
 * |-------------|----------------------------------------------------|--------------------------------|
 * | unjoined    | not started                                        | started -> joining             |
 * | joining     | heartbeats with epoch 0 ask to be counted in       | answered -> reconciling        |
 * | stable      | we own what the coordinator wants us to            | other target -> reconciling    |
 * | reconciling | hooks take away and give, on the way to the target | hooks through, target reached  |
 * | resting     | out of the group for a while                       | started -> joining             |
 * | leaving     | the last heartbeat (-1 or -2) is under way         | answered, or given up -> left  |
 * | left        | over                                               | never                          |
 * | failed      | over, by an error that retrying cannot mend        | leave -> left                  |
 *
 * Laws. One heartbeat is under way at a time, and only the newest one's answer counts. Heartbeats
 * never wait for hooks: while one takes partitions away they go on, and do not say that they are
 * given up; that is acknowledged when the hook is through, before anything new is taken up. The
 * heartbeat after any failure says everything, and so does the first after a block through which
 * the heartbeat thread kept the session. Partitions whose topic we cannot name yet are
 * claimed and kept aside, never taken for a revocation. What is owned is *lost* exactly when the
 * coordinator, or our own clock, ended the membership.
 */
import { heartbeatInterval } from '../../cluster/broker-durations.ts'
import { reactionFor } from '../shell/member-reactions.ts'
import { BrokerError } from '@odradek/protocol'
import { HEARTBEAT_REACTIONS, JOIN_REACTIONS, MEMBER_REACTIONS } from './consumer-reactions.ts'
import {
  after,
  askSoon,
  difference,
  fail,
  failed,
  fencedBy,
  isAwaited,
  join,
  keptAside,
  type EventOf,
  leave,
  type Living,
  loseAndRejoin,
  pace,
  recline,
  rest,
  sendBeat,
  settle,
  type StateOf,
  stay,
  takeBack,
  tidy,
  withTopics,
} from './membership-consumer.transitions.ts'
import type { Effect, Event, Member, State, Step } from './membership-consumer.states.ts'

export function transition(state: State, event: Event): Step {
  switch (state.name) {
    case 'unjoined':
      return stepUnjoined(state, event)
    case 'joining':
      return stepJoining(state, event)
    case 'stable':
      return stepJoined(state, event)
    case 'reconciling':
      return stepReconciling(state, event)
    case 'resting':
      return stepResting(state, event)
    case 'leaving':
      return event.type === 'leaveSettled' ? { state: { name: 'left' }, effects: [] } : stay(state)
    case 'failed':
      return event.type === 'leaveRequested' ? leave(state, event) : stay(state)
    case 'left':
      return stay(state)
  }
}

function stepResting(state: StateOf<'resting'>, event: Event): Step {
  switch (event.type) {
    case 'started':
      return sendBeat(join(state.member, true))
    case 'leaveSettled':
      return stay({ ...state, isLeaving: false })
    case 'topicsChanged':
      return stay({ ...state, member: withTopics(state.member, event.topics) })
    case 'leaveRequested':
      return stay(state.isLeaving ? { name: 'leaving', member: state.member } : { name: 'left' })
    default:
      return stay(state)
  }
}

function stepUnjoined(state: StateOf<'unjoined'>, event: Event): Step {
  switch (event.type) {
    case 'started':
      return sendBeat(join(state.member, false))
    case 'topicsChanged':
      return stay({ ...state, member: withTopics(state.member, event.topics) })
    case 'leaveRequested':
      return { state: { name: 'left' }, effects: [] }
    default:
      return stay(state)
  }
}

function stepJoining(state: StateOf<'joining'>, event: Event): Step {
  switch (event.type) {
    case 'answered': {
      if (!isAwaited(state, event.ticket)) return stay(state)
      if (state.isReleasing) return sendBeat(released(state))
      // An epoch that is none counts us in nowhere; whoever answers so is asked again.
      if (event.memberEpoch <= 0) return pace(state, event.chance)
      return accepted(state, event)
    }
    case 'refused':
      return isAwaited(state, event.ticket) ? joinRefused(state, event) : stay(state)
    case 'topicsChanged':
      return askSoon({ ...state, member: withTopics(state.member, event.topics) })
    default:
      return stepLiving(state, event)
  }
}

/** The group instance id is nobody's now, or not ours: join. */
function released(state: StateOf<'joining'>): StateOf<'joining'> {
  const { member } = state
  const beat = { ...member.beat, isSent: false, isFull: true }
  return { ...state, member: { ...member, beat }, mayBeKnown: false, isReleasing: false }
}

function joinRefused(state: StateOf<'joining'>, event: EventOf<'refused'>): Step {
  const { error, chance } = event
  const reaction = reactionFor(JOIN_REACTIONS, error)
  if (state.isReleasing) {
    const isSettled = reaction !== 'paced' && reaction !== 'coordinator'
    const next = isSettled ? released(state) : { ...state, isReleasing: false }
    const step = pace(next, chance)
    return reaction === 'coordinator' ? after([{ do: 'forgetCoordinator' }], step) : step
  }
  switch (reaction) {
    case 'paced':
    case 'told':
    case 'stale':
    case 'rejoin':
      return after(reportsOf(state, event), pace(state, chance))
    case 'coordinator': {
      // Without an answer: it may have heard us.
      const mayBeKnown = state.mayBeKnown || !(error instanceof BrokerError)
      return after([{ do: 'forgetCoordinator' }], pace({ ...state, mayBeKnown }, chance))
    }
    case 'forOneSession':
      if (state.mayBeKnown) return pace({ ...state, isReleasing: true }, chance)
      return event.hasWaitedForSession ? fail(state, error) : pace(state, chance)
    case 'fatal':
      return fail(state, error)
  }
}

/** The first of several refusals in a row is told, when it needs people. */
function reportsOf({ member }: Living, { error }: EventOf<'refused'>): readonly Effect[] {
  const isTold = reactionFor(HEARTBEAT_REACTIONS, error) === 'told' && member.failures === 0
  return isTold ? [{ do: 'reportRefused', error }] : []
}

/** The coordinator counts us in, and says what it wants us to have. */
function accepted(state: Living, event: EventOf<'answered'>): Step {
  const { member } = state
  const { assignment, ticket } = event
  const epoch = event.memberEpoch > 0 ? event.memberEpoch : member.epoch
  const target =
    assignment === null ? member.target : tidy(assignment, [...member.target, ...member.owned])
  const isNewEpoch = epoch !== member.epoch
  const isNews =
    isNewEpoch ||
    difference(target, member.target).length > 0 ||
    difference(member.target, target).length > 0
  const [aside, stillAside] = [keptAside(member.target), keptAside(target)]
  // What was only claimed is given up without a hook.
  const hasGivenUp = difference(aside, target).length > 0
  const hasNewOwned = hasGivenUp || difference(stillAside, aside).length > 0
  const { beat } = member
  const intervalMs = heartbeatInterval(event.heartbeatIntervalMs)
  const next: Member = {
    ...member,
    epoch,
    target,
    heartbeatIntervalMs: intervalMs ?? member.heartbeatIntervalMs,
    failures: 0,
    beat: {
      ...beat,
      isSent: false,
      isUrgent: beat.isUrgent || hasGivenUp,
      hasNewOwned: beat.hasNewOwned || hasNewOwned,
      quiet: isNews ? 0 : beat.quiet + 1,
    },
  }
  // An epoch whose partitions have no names yet is told of when they have.
  const isTold = isNews && stillAside.length === 0
  const settled =
    state.name === 'reconciling' ? stay({ ...state, member: next }) : settle(next, isTold)
  // What was given up since the heartbeat was sent is not acknowledged by it.
  const isCalm = !beat.hasNewOwned && difference(member.owned, target).length === 0
  const news: Effect[] = [{ do: 'confirmSession', ticket, isCalm }]
  if (isNewEpoch) news.push({ do: 'publishEpoch' })
  const rested = rest(settled.state as Living)
  return { state: rested.state, effects: [...news, ...settled.effects, ...rested.effects] }
}

function stepReconciling(state: StateOf<'reconciling'>, event: Event): Step {
  if (event.type !== 'hookSettled') return stepJoined(state, event)
  const { member, phase, revoking } = state
  if (event.ticket !== member.hookTicket) return stay(state)
  if (phase === 'assigning') return after([{ do: 'reportReconciled' }], settle(member, false))
  const owned = difference(member.owned, revoking)
  const given = { ...member, owned, beat: { ...member.beat, hasNewOwned: true } }
  const acknowledged = askSoon({ name: 'stable', member: given })
  // What was given up has made room: whatever comes instead is taken up now.
  return after(acknowledged.effects, settle((acknowledged.state as Living).member, true))
}

/** The coordinator counts us in. */
function stepJoined(state: StateOf<'stable' | 'reconciling'>, event: Event): Step {
  switch (event.type) {
    case 'answered':
      return isAwaited(state, event.ticket) ? accepted(state, event) : stay(state)
    case 'refused':
      return isAwaited(state, event.ticket) ? heartbeatRefused(state, event) : stay(state)
    case 'topicsChanged':
      return askSoon({ ...state, member: withTopics(state.member, event.topics) })
    case 'namesLearned': {
      const { member } = state
      const target = member.target.map((one) => {
        const topic = one.topic ?? event.names.get(one.topicId)
        return topic === one.topic ? one : { ...one, topic }
      })
      if (target.every((one, index) => one === member.target[index])) return stay(state)
      const next = { ...member, target }
      return state.name === 'stable' ? settle(next, false) : stay({ ...state, member: next })
    }
    case 'memberRefused': {
      const { member } = state
      const isCurrent = event.memberId === member.memberId && event.memberEpoch === member.epoch
      return isCurrent ? memberRefused(state, event) : stay(state)
    }
    case 'takenBack':
      return takeBack(state, event.memberEpoch)
    case 'sessionExpired':
      return loseAndRejoin(state, 'the session expired', event.chance)
    default:
      return stepLiving(state, event)
  }
}

function heartbeatRefused(
  state: StateOf<'stable' | 'reconciling'>,
  event: EventOf<'refused'>,
): Step {
  const { error, chance } = event
  switch (reactionFor(HEARTBEAT_REACTIONS, error)) {
    case 'paced':
    case 'told':
    case 'stale':
    case 'forOneSession':
      return after(reportsOf(state, event), pace(state, chance))
    case 'coordinator':
      return after([{ do: 'forgetCoordinator' }], pace(state, chance))
    case 'rejoin':
      return loseAndRejoin(state, fencedBy(error), chance)
    case 'fatal':
      return fail(state, error)
  }
}

function memberRefused(
  state: StateOf<'stable' | 'reconciling'>,
  event: EventOf<'memberRefused'>,
): Step {
  const { error, chance } = event
  switch (reactionFor(MEMBER_REACTIONS, error)) {
    case 'stale':
      return askSoon(failed(state))
    case 'coordinator':
      return { state, effects: [{ do: 'forgetCoordinator' }] }
    case 'rejoin':
      return loseAndRejoin(state, fencedBy(error), chance)
    case 'fatal':
      return error.code === 'FENCED_INSTANCE_ID' ? fail(state, error) : stay(state)
    case 'paced':
    case 'told':
    case 'forOneSession':
      return stay(state)
  }
}

/** What may happen to a member whatever it is about. */
function stepLiving(state: Living, event: Event): Step {
  switch (event.type) {
    case 'beatDue':
      return state.member.beat.isSent ? stay(state) : sendBeat(state)
    case 'checkWanted':
      return askSoon(failed(state))
    case 'restRequested':
      return recline(state, event)
    case 'leaveRequested':
      return leave(state, event)
    default:
      return stay(state)
  }
}
