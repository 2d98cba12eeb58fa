/**
 * Membership of a classic group, decided in one place. JoinGroup gathers the members, SyncGroup
 * hands out the leader's plan, heartbeats say that we live and hear that others come and go.
 *
 * | state     | meaning                                          | leaves it                        |
 * |-----------|--------------------------------------------------|----------------------------------|
 * | unjoined  | not started                                      | started                          |
 * | preparing | hooks run before JoinGroup is written; the old   | hooks through -> joining         |
 * |           | generation still stands, so they can commit      |                                  |
 * | joining   | JoinGroup is under way, or parked by the broker  | answered -> syncing              |
 * | syncing   | we are in; the plan is made, or waited for       | answered -> stable               |
 * | stable    | the plan is in force; hooks about it may run     | rejoin wanted and hooks through  |
 * | waiting   | a pause after an error                           | pause over -> preparing          |
 * | resting   | out of the group until user code comes back      | started -> preparing             |
 * | leaving   | LeaveGroup is under way                          | answered, or given up -> left    |
 * | left      | over                                             | never                            |
 * | failed    | over, by an error that retrying cannot mend      | leave -> left                    |
 *
 * Laws. An eager generation gives up everything before the next JoinGroup, a cooperative one only
 * topics that we do not read any more. What is held is *lost* (not revoked) exactly when the
 * coordinator, or our own clock, ended the generation. A rejoin needs a reason: members come or go,
 * partitions were given up, topics changed. Every answer carries the ticket of what it answers;
 * outcomes of older tickets are late and change nothing.
 */
import type { TopicPartition } from '../../events/topic-partition.ts'
import { reactionFor } from '../shell/member-reactions.ts'
import { JOIN_REACTIONS, MEMBER_REACTIONS, SYNC_REACTIONS } from './classic-reactions.ts'
import {
  stay,
  prepare,
  dueBeforeJoin,
  loseAndRejoin,
  lose,
  distrust,
  doubtJoin,
  doubtSync,
  missSync,
  react,
  leave,
  rest,
  fail,
  withTicket,
  without,
  difference,
  fencedBy,
  type EventOf,
  type Living,
  type StateOf,
} from './membership-classic.transitions.ts'
import {
  type Effect,
  type Event,
  type Member,
  NO_CLAIM,
  NO_DOUBTS,
  NO_GENERATION,
  type State,
  type Step,
} from './membership-classic.states.ts'

export function transition(state: State, event: Event): Step {
  switch (state.name) {
    case 'unjoined':
      return stepUnjoined(state, event)
    case 'preparing':
      return stepPreparing(state, event)
    case 'joining':
      return stepJoining(state, event)
    case 'syncing':
      return stepSyncing(state, event)
    case 'stable':
      return stepStable(state, event)
    case 'waiting':
      return stepWaiting(state, event)
    case 'resting':
      return stepResting(state, event)
    case 'leaving':
      return event.type === 'leaveSettled' ? { state: { name: 'left' }, effects: [] } : stay(state)
    case 'failed':
      return event.type === 'leaveRequested' ? leave(state.member, event) : stay(state)
    case 'left':
      return stay(state)
  }
}

function stepUnjoined(state: StateOf<'unjoined'>, event: Event): Step {
  switch (event.type) {
    case 'started': {
      const { settings, topics } = state
      const member: Member = {
        settings,
        topics,
        memberId: '',
        generation: NO_GENERATION,
        claim: NO_CLAIM,
        ticket: 0,
        failures: 0,
      }
      return prepare(member, 'this member starts')
    }
    case 'topicsChanged':
      return stay({ ...state, topics: event.topics })
    case 'leaveRequested':
      return { state: { name: 'left' }, effects: [] }
    default:
      return stay(state)
  }
}

function stepPreparing(state: StateOf<'preparing'>, event: Event): Step {
  const { member, reason } = state
  switch (event.type) {
    case 'hookSettled': {
      if (event.ticket !== member.ticket) return stay(state)
      if (state.hook === 'revoked') return prepare(without(member, state.revoking), reason)
      return joinOrPrepare(member, reason)
    }
    case 'topicsChanged':
      return stay({ ...state, member: { ...member, topics: event.topics } })
    default:
      return stepLiving(state, event)
  }
}

/** The topics may have changed since the hooks ran. */
function joinOrPrepare(member: Member, reason: string): Step {
  return dueBeforeJoin(member).length > 0 ? prepare(member, reason) : join(member, reason)
}

function join(member: Member, reason: string): Step {
  const next = withTicket(member)
  return {
    state: { name: 'joining', member: next, rejoin: '', doubts: NO_DOUBTS },
    effects: [{ do: 'sendJoin', ticket: next.ticket, reason }],
  }
}

function stepJoining(state: StateOf<'joining'>, event: Event): Step {
  const { member } = state
  switch (event.type) {
    case 'joinAnswered':
      return event.ticket === member.ticket ? joined(state, event) : stay(state)
    case 'joinRefused': {
      if (event.ticket !== member.ticket) return stay(state)
      const reaction = reactionFor(JOIN_REACTIONS, event.error)
      // Once is the protocol; whoever is asked twice is asked by a broker that is out of its mind.
      if (reaction === 'takeMemberId' && member.memberId === '') {
        const known = { ...member, memberId: event.memberId }
        return joinOrPrepare(known, 'the coordinator gave a member id')
      }
      return react(state, reaction, event)
    }
    case 'topicsChanged':
      return stay({
        ...state,
        member: { ...member, topics: event.topics },
        rejoin: 'this member reads other topics',
      })
    case 'sessionExpired': {
      if (event.generationId !== member.generation.generationId) return stay(state)
      if (state.doubts.isSuspect) return loseAndRejoin(state, 'the session expired', event.chance)
      // The join that is under way makes us a member again.
      const { member: lost, effects } = lose(state, 'the session expired')
      return { state: { ...state, member: lost }, effects }
    }
    case 'memberAcknowledged':
      return isCurrent(state, event) ? doubtJoin(state, event.chance) : stay(state)
    case 'memberRefused': {
      if (!isCurrent(state, event)) return stay(state)
      const { code } = event.error
      if (member.generation.generationId < 0) return joinWatched(state, event)
      if (code === 'REBALANCE_IN_PROGRESS') {
        // Whether for ours, or for others' joins alone.
        if (state.doubts.isSuspect) return doubtJoin(state, event.chance)
        return stay({ ...state, doubts: NO_DOUBTS })
      }
      // The answer to our join brings the new generation, if it is not lost.
      if (code === 'ILLEGAL_GENERATION') return doubtJoin(state, event.chance)
      return refused(state, event)
    }
    default:
      return stepLiving(state, event)
  }
}

/**
 * Who has no generation yet (or none any more) hears whether the coordinator knows its join at all:
 * a parked one is that of a member, who speaks in the name of a wrong generation.
 */
function joinWatched(state: StateOf<'joining'>, event: EventOf<'memberRefused'>): Step {
  switch (event.error.code) {
    case 'ILLEGAL_GENERATION':
    case 'REBALANCE_IN_PROGRESS':
      if (state.doubts.isSuspect) return doubtJoin(state, event.chance)
      return stay({ ...state, doubts: NO_DOUBTS })
    case 'UNKNOWN_MEMBER_ID':
      return doubtJoin(state, event.chance)
    default:
      return refused(state, event)
  }
}

function joined(state: StateOf<'joining'>, event: EventOf<'joinAnswered'>): Step {
  const { memberId, generation } = event
  const member = withTicket({ ...state.member, memberId, generation })
  const { ticket, claim } = member
  const effects: Effect[] = [{ do: 'startHeartbeats' }]
  if (!generation.isCooperative && claim.partitions.length > 0) {
    // The group went from a cooperative assignor to an eager one while we held partitions.
    effects.push({ do: 'callRevoked', ticket, partitions: claim.partitions, isUrgent: true })
    return {
      state: {
        name: 'syncing',
        member,
        phase: 'revoking',
        rejoin: state.rejoin,
        doubts: NO_DOUBTS,
      },
      effects,
    }
  }
  return sync(member, state.rejoin, effects)
}

/** Makes the plan first when we are the leader. */
function sync(member: Member, rejoin: string, before: readonly Effect[]): Step {
  const { ticket } = member
  if (member.generation.isLeader) {
    return {
      state: { name: 'syncing', member, phase: 'planning', rejoin, doubts: NO_DOUBTS },
      effects: [...before, { do: 'makePlan', ticket }],
    }
  }
  return {
    state: { name: 'syncing', member, phase: 'sent', rejoin, doubts: NO_DOUBTS },
    effects: [...before, { do: 'sendSync', ticket }],
  }
}

function stepSyncing(state: StateOf<'syncing'>, event: Event): Step {
  const { member, phase, rejoin } = state
  switch (event.type) {
    case 'hookSettled':
      if (event.ticket !== member.ticket || phase !== 'revoking') return stay(state)
      return sync(withTicket(without(member, member.claim.partitions)), rejoin, [])
    case 'planned':
      if (event.ticket !== member.ticket || phase !== 'planning') return stay(state)
      return {
        state: { ...state, phase: 'sent' },
        effects: [{ do: 'sendSync', ticket: member.ticket }],
      }
    case 'planFailed':
      return event.ticket === member.ticket ? fail(state, event.error) : stay(state)
    case 'syncAnswered':
      return event.ticket === member.ticket ? synced(state, event.partitions) : stay(state)
    case 'syncRefused':
      if (event.ticket !== member.ticket) return stay(state)
      return react(state, reactionFor(SYNC_REACTIONS, event.error), event)
    case 'topicsChanged':
      return stay({
        ...state,
        member: { ...member, topics: event.topics },
        rejoin: 'this member reads other topics',
      })
    case 'rejoinRequested':
      return stay({ ...state, rejoin: event.reason })
    case 'memberAcknowledged':
      return phase === 'sent' && isCurrent(state, event) ? doubtSync(state) : stay(state)
    case 'memberRefused':
      if (phase === 'sent' && isCurrent(state, event)) {
        if (event.error.code === 'REBALANCE_IN_PROGRESS') return missSync(state, event.chance)
      }
      return stepLiving(state, event)
    default:
      return stepLiving(state, event)
  }
}

function synced(state: StateOf<'syncing'>, given: readonly TopicPartition[]): Step {
  const { claim, topics, generation } = state.member
  const wanted = given.filter(({ topic }) => topics.includes(topic))
  const revoking = difference(claim.partitions, wanted)
  const added = difference(wanted, claim.partitions)
  const member = withTicket({
    ...state.member,
    claim: { partitions: wanted, generationId: generation.generationId },
    failures: 0,
  })
  const rejoin = reasonToRejoin(state.rejoin, revoking.length > 0, given.length > wanted.length)
  const stable = { name: 'stable', member, revoking, added, rejoin } as const
  const settled: Effect = { do: 'becomeStable', revoked: revoking }
  const { ticket } = member
  if (revoking.length > 0) {
    return {
      state: { ...stable, phase: 'revoking' },
      effects: [settled, { do: 'callRevoked', ticket, partitions: revoking, isUrgent: false }],
    }
  }
  return {
    state: { ...stable, phase: 'assigning' },
    effects: [settled, { do: 'callAssigned', ticket, added }],
  }
}

function reasonToRejoin(pending: string, hasRevoked: boolean, hasStrays: boolean): string {
  if (pending !== '') return pending
  if (hasRevoked) return 'this member gave up partitions that move to others'
  return hasStrays ? 'this member was assigned topics that it does not read' : ''
}

function stepStable(state: StateOf<'stable'>, event: Event): Step {
  const { member, phase } = state
  switch (event.type) {
    case 'hookSettled': {
      if (event.ticket !== member.ticket) return stay(state)
      if (phase === 'revoking') {
        const next = withTicket(member)
        return {
          state: { ...state, member: next, phase: 'assigning', revoking: [] },
          effects: [{ do: 'callAssigned', ticket: next.ticket, added: state.added }],
        }
      }
      return rejoinWhenSettled({ ...state, phase: 'settled', added: [] })
    }
    case 'topicsChanged':
      return rejoinWhenSettled({
        ...state,
        member: { ...member, topics: event.topics },
        rejoin: 'this member reads other topics',
      })
    case 'rejoinRequested':
      return rejoinWhenSettled({ ...state, rejoin: state.rejoin || event.reason })
    default:
      return stepLiving(state, event)
  }
}

function rejoinWhenSettled(state: StateOf<'stable'>): Step {
  if (state.phase !== 'settled' || state.rejoin === '') return stay(state)
  return prepare(state.member, state.rejoin)
}

function stepWaiting(state: StateOf<'waiting'>, event: Event): Step {
  const { member } = state
  switch (event.type) {
    case 'pauseOver':
      return event.ticket === member.ticket ? prepare(member, state.reason) : stay(state)
    case 'topicsChanged':
      return stay({ ...state, member: { ...member, topics: event.topics } })
    default:
      return stepLiving(state, event)
  }
}

function stepResting(state: StateOf<'resting'>, event: Event): Step {
  const { member } = state
  switch (event.type) {
    case 'started':
      return prepare(member, 'this member is back')
    case 'topicsChanged':
      return stay({ ...state, member: { ...member, topics: event.topics } })
    case 'leaveRequested':
      return { state: { name: 'left' }, effects: [] }
    default:
      return stay(state)
  }
}

/** What may happen to a member whatever it is about. */
function stepLiving(state: Living, event: Event): Step {
  switch (event.type) {
    case 'memberRefused':
      return isCurrent(state, event) ? refused(state, event) : stay(state)
    case 'sessionExpired':
      if (event.generationId !== state.member.generation.generationId) return stay(state)
      return loseAndRejoin(state, 'the session expired', event.chance)
    case 'restRequested':
      return rest(state, event)
    case 'leaveRequested':
      return leave(state.member, event)
    default:
      return stay(state)
  }
}

/** An answer to what was sent in an older generation's name says nothing about this one. */
function isCurrent(
  { member }: Living,
  event: EventOf<'memberRefused' | 'memberAcknowledged'>,
): boolean {
  const { memberId, generation } = member
  return event.memberId === memberId && event.generationId === generation.generationId
}

function refused(state: Living, event: EventOf<'memberRefused'>): Step {
  const { error, chance } = event
  const reaction = reactionFor(MEMBER_REACTIONS, error)
  switch (reaction) {
    case 'atOnce':
      return state.name === 'stable'
        ? rejoinWhenSettled({ ...state, rejoin: state.rejoin || 'the group rebalances' })
        : stay(state)
    case 'resetGeneration':
      return loseAndRejoin(state, fencedBy(error), chance, state.member.memberId)
    case 'resetMember':
      return loseAndRejoin(state, fencedBy(error), chance, '')
    case 'fatal':
      return fail(state, error)
    case 'coordinator':
      return distrust(state)
    case 'paced':
    case 'forOneSession':
    case 'takeMemberId':
      return stay(state)
  }
}
