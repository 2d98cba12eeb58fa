/**
 * Moves of the KIP-848 membership machine that several of its states make: send a heartbeat, rest
 * until the next one, go on towards the target, lose what is owned, fail, leave. Pure, like the
 * machine itself.
 */
import type { KafkaError } from '@odradek/protocol'
import { pauseByChanceMs } from '../../cluster/backoff.ts'
import type { AssignedPartition } from '../shell/membership.ts'
import type {
  Effect,
  Event,
  Heartbeat,
  IdPartition,
  Member,
  State,
  Step,
  TargetPartition,
} from './membership-consumer.states.ts'

/**
 * News comes in rows: partitions that others give up, a pattern that the broker resolves, a plan
 * that it makes a second later. So after news the next heartbeats come sooner, doubling from this.
 */
const EARLY_BEAT_MS = 500
const MAX_DOUBLINGS = 20

export type StateOf<Name extends State['name']> = Extract<State, { readonly name: Name }>
export type EventOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }>
export type Living = StateOf<'joining' | 'stable' | 'reconciling'>

export function stay(state: State): Step {
  return { state, effects: [] }
}

export function after(effects: readonly Effect[], step: Step): Step {
  return { state: step.state, effects: [...effects, ...step.effects] }
}

export function isAwaited({ member }: Living, ticket: number): boolean {
  return member.beat.isSent && member.beat.ticket === ticket
}

export function join(member: Member, mayBeKnown: boolean): StateOf<'joining'> {
  return { name: 'joining', member, mayBeKnown, isReleasing: false }
}

function withMember<S extends Living>(state: S, member: Member): S {
  return { ...state, member }
}

export function sendBeat(state: Living): Step {
  const { member } = state
  const ticket = member.beat.ticket + 1
  const heartbeat = heartbeatOf(state)
  const beat = {
    ...member.beat,
    ticket,
    isSent: true,
    isUrgent: false,
    isFull: false,
    hasNewTopics: false,
    hasNewOwned: false,
  }
  return {
    state: withMember(state, { ...member, beat }),
    effects: [{ do: 'sendHeartbeat', ticket, heartbeat }],
  }
}

function heartbeatOf(state: Living): Heartbeat {
  const { epoch, beat } = state.member
  if (state.name === 'joining' && state.isReleasing) {
    return { memberEpoch: -2, isFull: false, subscription: null, owned: null }
  }
  const whole = fullHeartbeat(state)
  if (beat.isFull || epoch === 0) return whole
  const isSaid = beat.hasNewOwned || whole.owned.length === 0
  return {
    memberEpoch: epoch,
    isFull: false,
    subscription: beat.hasNewTopics ? whole.subscription : null,
    owned: isSaid ? whole.owned : null,
  }
}

/** Everything that a member stands for. */
export function fullHeartbeat({ member }: Living): Heartbeat & { owned: readonly IdPartition[] } {
  const { epoch, subscription, owned, target } = member
  // Naming what is being given up keeps it; not naming what we cannot name yet would lose it.
  const claim = [...owned, ...keptAside(target)]
  return { memberEpoch: epoch, isFull: true, subscription, owned: claim.map(idOf) }
}

function idOf({ topicId, partition }: IdPartition): IdPartition {
  return { topicId, partition }
}

/**
 * The loop was blocked, and the heartbeat thread heartbeat for us meanwhile. The coordinator may
 * have moved on, so everything is said again, in the epoch that it told the heartbeat thread; the
 * answer to whatever we sent before the block is older than that, and does not count.
 */
export function takeBack(state: Living, memberEpoch: number | undefined): Step {
  const { member } = failed(state)
  const epoch = memberEpoch ?? member.epoch
  const news: readonly Effect[] = epoch === member.epoch ? [] : [{ do: 'publishEpoch' }]
  return after(news, sendBeat(withMember(state, { ...member, epoch })))
}

/** The next heartbeat comes when its time has come, or at once when there is something to say. */
export function rest(state: Living): Step {
  const { heartbeatIntervalMs, beat } = state.member
  if (beat.isUrgent) return sendBeat(state)
  const earlyMs = EARLY_BEAT_MS * 2 ** Math.min(beat.quiet, MAX_DOUBLINGS)
  const afterMs = heartbeatIntervalMs > 0 ? Math.min(heartbeatIntervalMs, earlyMs) : earlyMs
  return { state, effects: [{ do: 'setBeat', afterMs }] }
}

/** A heartbeat as soon as may be. */
export function askSoon(state: Living): Step {
  const { member } = state
  if (!member.beat.isSent) return sendBeat(state)
  return stay(withMember(state, { ...member, beat: { ...member.beat, isUrgent: true } }))
}

/** What was said last may not have been heard. */
export function failed<S extends Living>(state: S): S {
  const { member } = state
  return withMember(state, { ...member, beat: { ...member.beat, isFull: true } })
}

/** Says everything again after a pause, which doubles with every failure. */
export function pace(state: Living, chance: number): Step {
  const { member } = state
  const { settings, heartbeatIntervalMs } = member
  const pauseMs = pauseByChanceMs(settings, member.failures, chance)
  const afterMs = heartbeatIntervalMs > 0 ? Math.min(heartbeatIntervalMs, pauseMs) : pauseMs
  const beat = { ...member.beat, isSent: false, isUrgent: false, isFull: true }
  return {
    state: withMember(state, { ...member, failures: member.failures + 1, beat }),
    effects: [{ do: 'setBeat', afterMs }],
  }
}

/** The next step from what is owned to what the coordinator wants. */
export function settle(member: Member, isNews: boolean): Step {
  const revoking = difference(member.owned, member.target)
  const added = difference(member.target.filter(isNamed), member.owned)
  if (revoking.length === 0 && added.length === 0 && !isNews) {
    return stay({ name: 'stable', member })
  }
  const ticket = member.hookTicket + 1
  if (revoking.length > 0) {
    return {
      state: {
        name: 'reconciling',
        member: { ...member, hookTicket: ticket },
        phase: 'revoking',
        revoking,
      },
      effects: [{ do: 'callRevoked', ticket, partitions: revoking }],
    }
  }
  const hasNewOwned = member.beat.hasNewOwned || added.length > 0
  return {
    state: {
      name: 'reconciling',
      member: {
        ...member,
        hookTicket: ticket,
        owned: [...member.owned, ...added],
        beat: { ...member.beat, hasNewOwned },
      },
      phase: 'assigning',
      revoking: [],
    },
    effects: [{ do: 'callAssigned', ticket, added }],
  }
}

/** The membership ended without us: what we held is lost; join anew after a moment of jitter,
 * because whatever it was may have happened to the whole group. */
export function loseAndRejoin(state: Living, reason: string, chance: number): Step {
  const { member } = state
  const effects: Effect[] = [{ do: 'stopSession' }, { do: 'reportFenced', reason }]
  if (member.owned.length > 0) effects.push({ do: 'lose', partitions: member.owned, reason })
  const afterMs = Math.floor(chance * member.settings.retryBackoffMs)
  effects.push({ do: 'setBeat', afterMs })
  return { state: join(retired(member), true), effects }
}

/** Nothing that is under way counts any more. */
function retired(member: Member): Member {
  const { beat } = member
  return {
    ...member,
    epoch: 0,
    owned: [],
    target: [],
    hookTicket: member.hookTicket + 1,
    beat: { ...beat, ticket: beat.ticket + 1, isSent: false, isFull: true, isUrgent: false },
  }
}

export function fail(state: Living, error: KafkaError): Step {
  const { member } = state
  const { epoch, owned } = member
  const reason = fencedBy(error)
  const isFenced = error.code === 'FENCED_INSTANCE_ID'
  const effects: Effect[] = [{ do: 'stopSession' }]
  if (isFenced) effects.push({ do: 'reportFenced', reason })
  if (owned.length > 0) effects.push({ do: 'lose', partitions: owned, reason })
  // Whoever has our place must not be thrown out of it when we leave.
  const rests = { ...retired(member), epoch: isFenced ? 0 : epoch }
  return { state: { name: 'failed', member: rests }, effects: [...effects, { do: 'fail', error }] }
}

/**
 * A static member that remains says so: that lets go of its group instance id, so that whoever
 * replaces it need not wait for a session to pass, and keeps its partitions where they are.
 */
export function leave(state: Living | StateOf<'failed'>, event: EventOf<'leaveRequested'>): Step {
  const goodbye = goodbyeOf(state, event.tellsGroup)
  const isOver = goodbye.length === 0
  return {
    state: isOver ? { name: 'left' } : { name: 'leaving', member: retired(state.member) },
    effects: [{ do: 'stopSession' }, ...goodbye],
  }
}

/** Nobody needs to be told of a member that nobody knows. */
function goodbyeOf(state: Living | StateOf<'failed'>, tellsGroup: boolean): readonly Effect[] {
  const { epoch, beat, isStatic } = state.member
  const mayBeKnown = epoch > 0 || beat.isSent || (state.name === 'joining' && state.mayBeKnown)
  if (!mayBeKnown || (!tellsGroup && !isStatic)) return []
  return [{ do: 'sendLeave', memberEpoch: tellsGroup ? -1 : -2 }]
}

/** Leaves, to come back some time; what is owned is lost. */
export function recline(state: Living, event: EventOf<'restRequested'>): Step {
  const { member } = state
  const { tellsGroup, reason } = event
  const effects: Effect[] = [{ do: 'stopSession' }]
  if (member.owned.length > 0) effects.push({ do: 'lose', partitions: member.owned, reason })
  const goodbye = goodbyeOf(state, tellsGroup)
  return {
    state: { name: 'resting', member: retired(member), isLeaving: goodbye.length > 0 },
    effects: [...effects, ...goodbye],
  }
}

export function withTopics(member: Member, topics: readonly string[]): Member {
  const { pattern } = member.subscription
  return {
    ...member,
    subscription: { topics, pattern: pattern === null ? null : '' },
    beat: { ...member.beat, hasNewTopics: true },
  }
}

export function fencedBy({ code, message }: KafkaError): string {
  return code === 'USAGE' ? message : `the coordinator answered ${code}`
}

/** Each partition once, no numbers that are none, and the names that are known already. */
export function tidy(
  assignment: readonly TargetPartition[],
  known: readonly TargetPartition[],
): readonly TargetPartition[] {
  const names = new Map(known.map(({ topicId, topic }) => [topicId, topic]))
  const seen = new Map<string, TargetPartition>()
  for (const one of assignment) {
    if (one.partition < 0) continue
    seen.set(keyOf(one), { ...one, topic: one.topic ?? names.get(one.topicId) })
  }
  return [...seen.values()]
}

/** Partitions that are ours, and that nobody can be told of before their topics have names. */
export function keptAside(target: readonly TargetPartition[]): readonly TargetPartition[] {
  return target.filter((one) => !isNamed(one))
}

function isNamed(one: TargetPartition): one is AssignedPartition {
  return one.topic !== undefined
}

export function difference<T extends IdPartition>(
  all: readonly T[],
  less: readonly IdPartition[],
): readonly T[] {
  const keys = new Set(less.map(keyOf))
  return all.filter((one) => !keys.has(keyOf(one)))
}

function keyOf({ topicId, partition }: IdPartition): string {
  return `${topicId} ${partition}`
}
