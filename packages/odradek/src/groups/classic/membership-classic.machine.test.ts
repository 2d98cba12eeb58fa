import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import { testLaws } from '../shell/machine-laws.test-kit.ts'
import { transition } from './membership-classic.machine.ts'
import { lateEvents, SAMPLE_TOPICS, sampleEvents } from './membership-classic.fixtures.ts'
import type { Effect, Event, State, StateName } from './membership-classic.states.ts'

const START: State = {
  name: 'unjoined',
  settings: { sessionTimeoutMs: 9000, patience: 2, retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
  topics: SAMPLE_TOPICS[0] ?? [],
}

/** A state as the world has come to see it: what the hooks were told, whether heartbeats run. */
interface Seen {
  readonly state: State
  readonly owned: ReadonlySet<string>
  readonly isBeating: boolean
  readonly path: readonly string[]
}

const keysOf = (partitions: readonly TopicPartition[]): readonly string[] =>
  partitions.map(({ topic, partition }) => partitionKey(topic, partition))

function memberOf(state: State) {
  return 'member' in state ? state.member : undefined
}

/** Tickets and counts of failures differ without a difference. */
function fingerprint({ state, owned, isBeating }: Seen): string {
  const text = JSON.stringify(state, (key, value: unknown) => {
    if (key === 'ticket' || key === 'reason') return 0
    if (key === 'rejoin') return value !== ''
    return key === 'failures' ? Math.min(4, value as number) : value
  })
  return `${text} ${[...owned].sort().join()} ${isBeating}`
}

function follow(seen: Seen, event: Event): { next: Seen; effects: readonly Effect[] } {
  const { state, effects } = transition(seen.state, event)
  const owned = new Set(seen.owned)
  let { isBeating } = seen
  for (const effect of effects) {
    if (effect.do === 'callAssigned') {
      for (const key of keysOf(effect.added)) {
        assert.ok(!owned.has(key), `${key} is assigned twice`)
        owned.add(key)
      }
    } else if (effect.do === 'startHeartbeats') isBeating = true
    else if (effect.do === 'stopHeartbeats') isBeating = false
    else if (effect.do === 'callRevoked') {
      for (const key of keysOf(effect.partitions)) assert.ok(owned.has(key), `${key} is not held`)
    } else if (effect.do === 'lose') {
      for (const key of keysOf(effect.partitions)) {
        assert.ok(owned.delete(key), `${key} is lost, but was not held`)
      }
    }
  }
  if (event.type === 'hookSettled' && state !== seen.state) {
    for (const key of keysOf(revokingOf(seen.state))) owned.delete(key)
  }
  const path = [...seen.path, `${event.type}${'error' in event ? ` ${event.error.code}` : ''}`]
  return { next: { state, owned, isBeating, path }, effects }
}

function revokingOf(state: State): readonly TopicPartition[] {
  if (state.name === 'preparing') return state.revoking
  if (state.name === 'stable' && state.phase === 'revoking') return state.revoking
  if (state.name === 'syncing' && state.phase === 'revoking') return state.member.claim.partitions
  return []
}

function explore(): readonly Seen[] {
  const first: Seen = { state: START, owned: new Set(), isBeating: false, path: [] }
  const visited = new Map([[fingerprint(first), first]])
  for (const seen of visited.values()) {
    for (const event of sampleEvents(seen.state)) {
      const { next, effects } = follow(seen, event)
      try {
        check(seen, next, effects)
      } catch (error) {
        throw new Error(`After ${next.path.join(', ')}: ${String(error)}`, { cause: error })
      }
      const key = fingerprint(next)
      if (!visited.has(key)) visited.set(key, next)
    }
  }
  return [...visited.values()]
}

const ENDS: readonly Effect['do'][] = [
  'stopHeartbeats',
  'reportFenced',
  'lose',
  'forgetCoordinator',
  'dropConnection',
  'sendLeave',
  'fail',
]
const TRIES: readonly Effect['do'][] = [...ENDS, 'callJoining', 'callRevoked', 'pause']
const MAY_DO: Readonly<Record<StateName, readonly Effect['do'][]>> = {
  unjoined: ['callJoining'],
  preparing: [...TRIES, 'sendJoin'],
  joining: [...TRIES, 'sendJoin', 'startHeartbeats', 'makePlan', 'sendSync'],
  syncing: [...TRIES, 'makePlan', 'sendSync', 'becomeStable', 'callAssigned'],
  stable: [...TRIES, 'callAssigned'],
  waiting: TRIES.filter((effect) => effect !== 'pause'),
  resting: ['callJoining'],
  leaving: [],
  left: [],
  failed: ['stopHeartbeats', 'sendLeave'],
}

function check(before: Seen, after: Seen, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const { name } = before.state
    assert.ok(MAY_DO[name].includes(effect.do), `${effect.do} is not for ${name}`)
  }
  const member = memberOf(after.state)
  assert.equal(
    after.isBeating,
    (member?.generation.generationId ?? -1) >= 0,
    'heartbeats run exactly while there is a generation',
  )
  if (member === undefined) return
  if (member.generation.generationId < 0) {
    assert.deepEqual(member.claim.partitions, [], 'nothing is claimed without a generation')
  }
  if (effects.some((effect) => effect.do === 'sendJoin')) {
    const { claim, topics, generation } = member
    assert.ok(generation.isCooperative || claim.partitions.length === 0, 'eager gives up first')
    assert.ok(claim.partitions.every(({ topic }) => topics.includes(topic)))
  }
  const isSettled = after.state.name === 'stable' && after.state.phase === 'settled'
  if (isSettled || after.state.name === 'joining') {
    assert.deepEqual([...after.owned].sort(), [...keysOf(member.claim.partitions)].sort())
  }
}

const all = explore()

testLaws({
  ...{ all, mayDo: MAY_DO, transition, sampleEvents, lateEvents, answered, isAtRest },
  leaveRequested: { type: 'leaveRequested', tellsGroup: true, reason: 'closing' },
  farewells: ['stopHeartbeats', 'sendLeave'],
})

function isAtRest(state: State): boolean {
  return state.name === 'stable' && state.phase === 'settled'
}

/** The state after what it waits for went well. */
function answered(state: State): State {
  const member = memberOf(state)
  const ticket = member?.ticket ?? 0
  const generation = {
    generationId: 9,
    protocolName: 'cooperative-sticky',
    isCooperative: true,
    isLeader: false,
  }
  const partitions = member?.claim.partitions ?? []
  const good: Readonly<Partial<Record<StateName, Event>>> = {
    unjoined: { type: 'started' },
    preparing: { type: 'hookSettled', ticket },
    joining: { type: 'joinAnswered', ticket, memberId: 'm', generation },
    stable: { type: 'hookSettled', ticket },
    waiting: { type: 'pauseOver', ticket },
    resting: { type: 'started' },
  }
  if (state.name !== 'syncing') return transition(state, good[state.name] as Event).state
  const event: Event =
    state.phase === 'sent'
      ? {
          type: 'syncAnswered',
          ticket,
          partitions: partitions.filter(({ topic }) => member?.topics.includes(topic)),
        }
      : { type: state.phase === 'planning' ? 'planned' : 'hookSettled', ticket }
  return transition(state, event).state
}

test('a member that rests is out of the group, has lost what it held, and can come back', () => {
  for (const { state } of all) {
    const event: Event = { type: 'restRequested', tellsGroup: true, reason: 'held for too long' }
    const { state: next, effects } = transition(state, event)
    if (next.name !== 'resting' || state.name === 'resting') continue
    const { memberId } = memberOf(state) ?? { memberId: '' }
    assert.equal(
      effects.some((effect) => effect.do === 'sendLeave' && effect.memberId === memberId),
      memberId !== '',
    )
    assert.equal(next.member.memberId, '')
    assert.equal(transition(next, { type: 'started' }).state.name, 'preparing')
  }
})

test('pauses double up to the longest, with jitter', () => {
  const delays: number[] = []
  let { state } = transition(START, { type: 'started' })
  for (let tries = 0; tries < 6; tries++) {
    state = answered(state)
    const ticket = memberOf(state)?.ticket ?? 0
    const error = new BrokerError(ErrorCode.NOT_COORDINATOR)
    const step = transition(state, {
      type: 'joinRefused',
      ticket,
      error,
      memberId: '',
      unsettledMs: 0,
      chance: 0.5,
    })
    for (const effect of step.effects) if (effect.do === 'pause') delays.push(effect.delayMs)
    assert.ok(step.effects.some((effect) => effect.do === 'forgetCoordinator'))
    state = answered(step.state)
  }
  assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000])
})

test('an answer that asks for another try at once is paced after a few', () => {
  let { state } = transition(START, { type: 'started' })
  const atOnce: boolean[] = []
  for (let tries = 0; tries < 5; tries++) {
    state = answered(state)
    const step = transition(state, {
      type: 'joinRefused',
      ticket: memberOf(state)?.ticket ?? 0,
      error: new BrokerError(ErrorCode.REBALANCE_IN_PROGRESS),
      memberId: '',
      unsettledMs: 0,
      chance: 0,
    })
    atOnce.push(step.state.name === 'preparing')
    state = step.state.name === 'waiting' ? answered(step.state) : step.state
  }
  assert.deepEqual(atOnce, [true, true, true, false, false])
})

/** Every state of a member that waits for the answer to what it wrote. */
const awaiting = all.filter(
  ({ state }) => state.name === 'joining' || (state.name === 'syncing' && state.phase === 'sent'),
)

test('what is under way is written again when a heartbeat failed and the next one is answered', () => {
  const chance = 0.5
  for (const { state } of awaiting) {
    const member = memberOf(state)
    if (member === undefined || member.generation.generationId < 0) continue
    const { memberId, generation } = member
    const life = { memberId, generationId: generation.generationId, chance }
    const silent = new BrokerError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const suspect = transition(state, { type: 'memberRefused', ...life, error: silent })
    assert.deepEqual(suspect.effects, [{ do: 'forgetCoordinator' }])
    const rebalances = new BrokerError(ErrorCode.REBALANCE_IN_PROGRESS)
    for (const answer of [
      { type: 'memberAcknowledged', ...life },
      { type: 'memberRefused', ...life, error: rebalances },
    ] as const) {
      const { state: next, effects } = transition(suspect.state, answer)
      assert.equal(effects[0]?.do, 'dropConnection')
      assert.notEqual(memberOf(next)?.ticket, member.ticket, 'a late answer counts for nothing')
      assert.deepEqual(memberOf(next)?.claim, member.claim, 'nothing is lost')
    }
  }
})
