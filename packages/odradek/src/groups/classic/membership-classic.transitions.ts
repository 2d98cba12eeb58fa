/**
 * Moves of the classic membership machine that several of its states make: begin to join, pause,
 * lose what is held, fail, leave. Pure, like the machine itself.
 */
import type { KafkaError } from '@odradek/protocol'
import { pauseByChanceMs } from '../../cluster/backoff.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { Reaction } from './classic-reactions.ts'
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

/** So many tries in a row follow at once where the protocol says so; a broker that always says it
 * must not be asked in a tight loop. */
const TRIES_AT_ONCE = 3

export type StateOf<Name extends State['name']> = Extract<State, { readonly name: Name }>
export type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>
export type Living = StateOf<'preparing' | 'joining' | 'syncing' | 'stable' | 'waiting'>

export function stay(state: State): Step {
  return { state, effects: [] }
}

export function after(effects: readonly Effect[], step: Step): Step {
  return { state: step.state, effects: [...effects, ...step.effects] }
}

/** Runs the hooks that come before a JoinGroup, one after the other, then writes it. */
export function prepare(member: Member, reason: string): Step {
  const next = withTicket(member)
  const { ticket } = next
  const revoking = dueBeforeJoin(next)
  if (revoking.length > 0) {
    return {
      state: { name: 'preparing', member: next, hook: 'revoked', revoking, reason },
      effects: [{ do: 'callRevoked', ticket, partitions: revoking, isUrgent: false }],
    }
  }
  return {
    state: { name: 'preparing', member: next, hook: 'joining', revoking: [], reason },
    effects: [{ do: 'callJoining', ticket }],
  }
}

export function dueBeforeJoin({ generation, claim, topics }: Member): readonly TopicPartition[] {
  if (!generation.isCooperative) return claim.partitions
  return claim.partitions.filter(({ topic }) => !topics.includes(topic))
}

export function again(member: Member, reason: string, chance: number): Step {
  if (member.failures <= TRIES_AT_ONCE) return prepare(member, reason)
  return wait(member, reason, backoff(member, chance))
}

function wait(member: Member, reason: string, delayMs: number): Step {
  const next = withTicket(member)
  return {
    state: { name: 'waiting', member: next, reason },
    effects: [{ do: 'pause', ticket: next.ticket, delayMs }],
  }
}

function backoff({ settings, failures }: Member, chance: number): number {
  return pauseByChanceMs(settings, Math.max(0, failures - 1), chance)
}

export function react(
  state: StateOf<'joining' | 'syncing'>,
  reaction: Reaction,
  event: EventOf<'joinRefused' | 'syncRefused'>,
): Step {
  const { error, chance } = event
  const failures = state.member.failures + 1
  const tried: Member = { ...state.member, failures }
  const reason = `the last try was answered with ${error.code}`
  switch (reaction) {
    case 'atOnce':
      return again(tried, reason, chance)
    case 'paced':
      return wait(tried, reason, backoff(tried, chance))
    case 'takeMemberId': {
      const { memberId } = event.type === 'joinRefused' ? event : tried
      return wait({ ...tried, memberId }, reason, backoff(tried, chance))
    }
    case 'coordinator':
      return after([{ do: 'forgetCoordinator' }], wait(tried, reason, backoff(tried, chance)))
    case 'resetGeneration': {
      const { member, effects } = lose(state, fencedBy(error))
      return after(effects, again({ ...member, failures }, reason, chance))
    }
    case 'resetMember': {
      const { member, effects } = lose(state, fencedBy(error))
      return after(effects, again({ ...member, failures, memberId: '' }, reason, chance))
    }
    case 'forOneSession': {
      const isOver =
        event.type === 'joinRefused' && event.unsettledMs > tried.settings.sessionTimeoutMs
      return isOver ? fail(state, error) : wait(tried, reason, backoff(tried, chance))
    }
    case 'fatal':
      return fail(state, error)
  }
}

/** A join or a sync is written, and its answer is what this member waits for. */
function isAwaited(state: Living): state is StateOf<'joining' | 'syncing'> {
  return state.name === 'joining' || (state.name === 'syncing' && state.phase === 'sent')
}

/** What comes next must not wait behind a request that we wait for no more. */
function dropUnderWay(state: Living): readonly Effect[] {
  return isAwaited(state) ? [{ do: 'dropConnection' }] : []
}

/**
 * A heartbeat found no coordinator, or got no answer. The connection for joins is likely to have
 * died of the same: it is replaced at once when nothing is under way on it, and otherwise when the
 * next heartbeat is answered, which tells that there is somebody to write to.
 */
export function distrust(state: Living): Step {
  const forget: Effect = { do: 'forgetCoordinator' }
  if (!isAwaited(state)) return { state, effects: [forget, { do: 'dropConnection' }] }
  return {
    state: { ...state, doubts: { ...state.doubts, isSuspect: true } },
    effects: [forget],
  }
}

/**
 * While our join is parked the coordinator answers every heartbeat with REBALANCE_IN_PROGRESS. If
 * it goes on not to, the join sits in a dead connection, or died with the coordinator before this
 * one: nothing is lost, but nothing would happen before its long deadline.
 */
export function doubtJoin(state: StateOf<'joining'>, chance: number): Step {
  const doubted = withDoubt(state, 1)
  return isTooMuch(doubted) ? abandon(state, 'the last join went unnoticed', chance) : stay(doubted)
}

/** Heartbeats say the same before a sync as after it, so it is written again now and then: that
 * changes nothing in a group that waits for its leader. */
export function doubtSync(state: StateOf<'syncing'>): Step {
  const doubted = withDoubt(state, 1)
  if (!isTooMuch(doubted)) return stay(doubted)
  const member = withTicket(state.member)
  return {
    state: { ...state, member, doubts: NO_DOUBTS },
    effects: [{ do: 'dropConnection' }, { do: 'sendSync', ticket: member.ticket }],
  }
}

/** The group rebalances, which every parked sync is told at once: the answer to ours is due. */
export function missSync(state: StateOf<'syncing'>, chance: number): Step {
  const doubted = withDoubt(state, Math.ceil(state.member.settings.patience / 2))
  return isTooMuch(doubted) ? abandon(state, 'the group rebalances', chance) : stay(doubted)
}

function withDoubt<S extends StateOf<'joining' | 'syncing'>>(state: S, more: number): S {
  return { ...state, doubts: { ...state.doubts, count: state.doubts.count + more } }
}

function isTooMuch({ doubts, member }: StateOf<'joining' | 'syncing'>): boolean {
  return doubts.isSuspect || doubts.count >= member.settings.patience
}

/** Whatever was under way is written off, and the member joins again with all that it holds. */
function abandon({ member }: StateOf<'joining' | 'syncing'>, reason: string, chance: number): Step {
  const tried = { ...member, failures: member.failures + 1 }
  return after([{ do: 'dropConnection' }], again(tried, reason, chance))
}

/** The generation ended without us: what we held is lost; rejoin after a moment of jitter, because
 * whatever it was may have happened to the whole group. */
export function loseAndRejoin(
  state: Living,
  reason: string,
  chance: number,
  memberId: string = state.member.memberId,
): Step {
  const lost = lose(state, reason)
  const effects = [...dropUnderWay(state), ...lost.effects]
  const next: Member = { ...lost.member, memberId }
  // A pause that is under way goes on.
  if (state.name === 'waiting') return { state: { ...state, member: next }, effects }
  const delayMs = Math.floor(chance * next.settings.retryBackoffMs)
  return after(effects, wait({ ...next, failures: next.failures + 1 }, reason, delayMs))
}

export function lose(
  state: Living,
  reason: string,
): { readonly member: Member; readonly effects: readonly Effect[] } {
  const { member } = state
  const partitions = inHand(state)
  const effects: Effect[] = [
    { do: 'stopHeartbeats' },
    { do: 'reportFenced', memberId: member.memberId, reason },
  ]
  if (partitions.length > 0) effects.push({ do: 'lose', partitions, reason })
  return { member: { ...member, generation: NO_GENERATION, claim: NO_CLAIM }, effects }
}

/** What the hooks were told of and not yet rid of: the claim, and what is just being revoked. */
function inHand(state: Living): readonly TopicPartition[] {
  const { partitions } = state.member.claim
  if (state.name !== 'stable') return partitions
  const known = state.phase === 'revoking' ? difference(partitions, state.added) : partitions
  return [...known, ...state.revoking]
}

export function fail(state: Living, error: KafkaError): Step {
  const { member } = state
  const partitions = inHand(state)
  const isFenced = error.code === 'FENCED_INSTANCE_ID'
  const reason = fencedBy(error)
  const effects: Effect[] = [{ do: 'stopHeartbeats' }]
  if (isFenced) effects.push({ do: 'reportFenced', memberId: member.memberId, reason })
  if (partitions.length > 0) effects.push({ do: 'lose', partitions, reason })
  const rest = retired(isFenced ? { ...member, memberId: '' } : member)
  return {
    state: { name: 'failed', member: rest },
    effects: [...effects, { do: 'fail', error }],
  }
}

export function leave(member: Member, event: EventOf<'leaveRequested'>): Step {
  const { memberId } = member
  if (!event.tellsGroup || memberId === '') {
    return { state: { name: 'left' }, effects: [{ do: 'stopHeartbeats' }] }
  }
  return {
    state: { name: 'leaving', member: withTicket(retired(member)) },
    effects: [{ do: 'stopHeartbeats' }, { do: 'sendLeave', memberId, reason: event.reason }],
  }
}

/**
 * Out of the group, to come back: what is held is lost, late marks and commits count for nothing.
 */
export function rest(state: Living, event: EventOf<'restRequested'>): Step {
  const { memberId } = state.member
  const { member, effects } = lose(state, event.reason)
  // It goes by itself: nobody fenced it.
  const asked: Effect[] = [
    ...dropUnderWay(state),
    ...effects.filter((effect) => effect.do !== 'reportFenced'),
  ]
  if (event.tellsGroup && memberId !== '') {
    asked.push({ do: 'sendLeave', memberId, reason: event.reason })
  }
  return {
    state: { name: 'resting', member: withTicket({ ...member, memberId: '', failures: 0 }) },
    effects: asked,
  }
}

function retired(member: Member): Member {
  return { ...member, generation: NO_GENERATION, claim: NO_CLAIM }
}

export function fencedBy({ code, message }: KafkaError): string {
  return code === 'USAGE' ? message : `the coordinator answered ${code}`
}

export function withTicket(member: Member): Member {
  return { ...member, ticket: member.ticket + 1 }
}

export function without(member: Member, partitions: readonly TopicPartition[]): Member {
  const { claim } = member
  const rest = difference(claim.partitions, partitions)
  return { ...member, claim: { ...claim, partitions: rest } }
}

export function difference(
  all: readonly TopicPartition[],
  less: readonly TopicPartition[],
): readonly TopicPartition[] {
  const keys = new Set(less.map(({ topic, partition }) => partitionKey(topic, partition)))
  return all.filter(({ topic, partition }) => !keys.has(partitionKey(topic, partition)))
}
