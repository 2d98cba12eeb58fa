import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { testLaws } from '../shell/machine-laws.test-kit.ts'
import { transition } from './membership-consumer.machine.ts'
import { lateEvents, SAMPLE_TOPICS, sampleEvents } from './membership-consumer.fixtures.ts'
import {
  type Effect,
  type Event,
  type Heartbeat,
  type IdPartition,
  newMember,
  type State,
  type StateName,
} from './membership-consumer.states.ts'

const start = (isStatic = false): State => ({
  name: 'unjoined',
  member: newMember({
    settings: { retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
    subscription: { topics: SAMPLE_TOPICS[0] ?? [], pattern: null },
    memberId: 'm',
    isStatic,
  }),
})

/** A state as the world has come to see it. */
interface Seen {
  readonly state: State
  readonly owned: ReadonlySet<string>
  readonly isAlive: boolean
  /** A timer for the next heartbeat runs. */
  readonly isArmed: boolean
  /** The last heartbeat went wrong, and the next one has to say everything. */
  readonly mustSayAll: boolean
  readonly path: readonly string[]
}

const keysOf = (partitions: readonly IdPartition[]): readonly string[] =>
  partitions.map(({ topicId, partition }) => `${topicId} ${partition}`)

function memberOf(state: State) {
  return 'member' in state ? state.member : undefined
}

/** Tickets, topics and counts of failures differ without a difference. */
function fingerprint({ state, owned, isAlive, isArmed, mustSayAll }: Seen): string {
  const text = JSON.stringify(state, (key, value: unknown) => {
    if (['ticket', 'hookTicket', 'quiet', 'subscription'].includes(key)) return 0
    return key === 'failures' ? Math.min(1, value as number) : value
  })
  return `${text} ${[...owned].sort().join()} ${isAlive} ${isArmed} ${mustSayAll}`
}

function follow(seen: Seen, event: Event): { next: Seen; effects: readonly Effect[] } {
  const { state, effects } = transition(seen.state, event)
  const owned = new Set(seen.owned)
  let { isAlive, isArmed, mustSayAll } = seen
  if (event.type === 'beatDue') isArmed = false
  const { state: before } = seen
  if (before.name === 'reconciling' && before.phase === 'revoking') {
    if (event.type === 'hookSettled' && state !== before) {
      for (const key of keysOf(before.revoking)) owned.delete(key)
    }
  }
  const ticket = memberOf(before)?.beat.ticket
  if (event.type === 'refused' && event.ticket === ticket && state !== before) mustSayAll = true
  if (event.type === 'takenBack' && state !== before) mustSayAll = true
  for (const effect of effects) {
    switch (effect.do) {
      case 'callAssigned':
        for (const key of keysOf(effect.added)) {
          assert.ok(!owned.has(key), `${key} is assigned twice`)
          owned.add(key)
        }
        break
      case 'callRevoked':
        for (const key of keysOf(effect.partitions)) assert.ok(owned.has(key), `${key} is not held`)
        break
      case 'lose':
        for (const key of keysOf(effect.partitions)) {
          assert.ok(owned.delete(key), `${key} is lost, but was not held`)
        }
        break
      case 'confirmSession':
        isAlive = true
        break
      case 'stopSession':
        isAlive = false
        break
      case 'setBeat':
        isArmed = true
        break
      case 'sendHeartbeat':
        isArmed = false
        checkHeartbeat(effect.heartbeat, state, { mustSayAll, effects })
        mustSayAll = effect.heartbeat.memberEpoch === -2
        break
      default:
        break
    }
  }
  const path = [...seen.path, `${event.type}${'error' in event ? ` ${event.error.code}` : ''}`]
  return { next: { state, owned, isAlive, isArmed, mustSayAll, path }, effects }
}

interface Sending {
  readonly mustSayAll: boolean
  readonly effects: readonly Effect[]
}

function checkHeartbeat(heartbeat: Heartbeat, state: State, sending: Sending): void {
  const { mustSayAll, effects } = sending
  const member = memberOf(state)
  assert.ok(member?.beat.isSent, 'what is sent is awaited')
  if (heartbeat.memberEpoch === -2) return
  assert.equal(heartbeat.memberEpoch, member.epoch)
  if (mustSayAll) assert.ok(heartbeat.isFull, 'after a failure everything is said')
  if (heartbeat.memberEpoch === 0) {
    assert.ok(heartbeat.isFull)
    assert.deepEqual(heartbeat.owned, [], 'who joins owns nothing')
  }
  if (heartbeat.isFull) {
    assert.ok(heartbeat.owned !== null && heartbeat.subscription !== null)
  }
  const named = new Set(keysOf(heartbeat.owned ?? []))
  if (heartbeat.owned === null) {
    assert.ok(member.owned.length + member.target.length > 0, 'silence needs something owned')
    return
  }
  // What is taken up after it was sent is in the next one.
  const added = effects.flatMap((effect) => (effect.do === 'callAssigned' ? effect.added : []))
  const later = new Set(keysOf(added))
  for (const key of keysOf(member.owned)) {
    assert.ok(named.has(key) || later.has(key), `${key} is given up`)
  }
  for (const one of member.target) {
    if (one.topic === undefined) assert.ok(named.has(keysOf([one])[0] ?? ''), 'kept aside')
  }
}

function explore(isStatic: boolean): readonly Seen[] {
  const first: Seen = {
    state: start(isStatic),
    owned: new Set(),
    isAlive: false,
    isArmed: false,
    mustSayAll: false,
    path: [],
  }
  const visited = new Map([[fingerprint(first), first]])
  for (const seen of visited.values()) {
    for (const event of sampleEvents(seen.state)) {
      // The timer of the session runs only while there is one.
      if (event.type === 'sessionExpired' && !seen.isAlive) continue
      if (event.type === 'beatDue' && !seen.isArmed) continue
      try {
        const { next, effects } = follow(seen, event)
        check(seen, next, effects)
        const key = fingerprint(next)
        if (!visited.has(key)) visited.set(key, next)
      } catch (error) {
        const path = [...seen.path, event.type].join(', ')
        throw new Error(`After ${path}: ${String(error)}`, { cause: error })
      }
    }
  }
  return [...visited.values()]
}

const ENDS: readonly Effect['do'][] = ['stopSession', 'reportFenced', 'lose', 'fail', 'sendLeave']
const JOINED: readonly Effect['do'][] = [
  ...ENDS,
  'sendHeartbeat',
  'setBeat',
  'confirmSession',
  'publishEpoch',
  'callRevoked',
  'callAssigned',
  'forgetCoordinator',
  'reportRefused',
]
const MAY_DO: Readonly<Record<StateName, readonly Effect['do'][]>> = {
  unjoined: ['sendHeartbeat'],
  resting: ['sendHeartbeat'],
  joining: JOINED.filter((effect) => effect !== 'callRevoked' && effect !== 'lose'),
  stable: JOINED,
  reconciling: [...JOINED, 'reportReconciled'],
  leaving: [],
  left: [],
  failed: ['stopSession', 'sendLeave'],
}

function check(before: Seen, after: Seen, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const { name } = before.state
    assert.ok(MAY_DO[name].includes(effect.do), `${effect.do} is not for ${name}`)
  }
  const sent = effects.filter((effect) => effect.do === 'sendHeartbeat')
  assert.ok(sent.length <= 1, 'one heartbeat at a time')
  const { state } = after
  const isJoined = state.name === 'stable' || state.name === 'reconciling'
  assert.equal(after.isAlive, isJoined, 'there is a session exactly while we are counted in')
  if (!isJoined && state.name !== 'joining') return
  const { member } = state
  assert.ok(member.beat.isSent || after.isArmed, 'another heartbeat always comes')
  assert.equal(member.epoch > 0, isJoined)
  if (state.name === 'joining') assert.deepEqual([member.owned, member.target], [[], []])
  assert.deepEqual([...after.owned].sort(), [...keysOf(member.owned)].sort())
  if (state.name === 'stable') {
    const named = member.target.filter(({ topic }) => topic !== undefined)
    assert.deepEqual([...keysOf(member.owned)].sort(), [...keysOf(named)].sort())
  }
}

const all = [...explore(false), ...explore(true)]

testLaws({
  ...{ all, mayDo: MAY_DO, transition, sampleEvents, lateEvents, answered, isAtRest },
  leaveRequested: { type: 'leaveRequested', tellsGroup: true },
  farewells: ['stopSession', 'sendLeave'],
})

test('no answer but the one that is awaited counts', () => {
  for (const { state } of all) {
    const member = memberOf(state)
    if (member === undefined || member.beat.isSent) continue
    for (const event of sampleEvents(state)) {
      if (event.type !== 'answered' && event.type !== 'refused') continue
      assert.equal(transition(state, event).state, state)
    }
  }
})

function isAtRest(state: State): boolean {
  if (state.name !== 'stable') return false
  const { beat } = state.member
  return !beat.isSent && !beat.isUrgent && !beat.isFull && !beat.hasNewOwned && !beat.hasNewTopics
}

/** The state after what it waits for went well. */
function answered(state: State): State {
  const member = memberOf(state)
  if (state.name === 'unjoined' || state.name === 'resting') {
    return transition(state, { type: 'started' }).state
  }
  if (state.name === 'reconciling') {
    return transition(state, { type: 'hookSettled', ticket: member?.hookTicket ?? 0 }).state
  }
  if (member?.beat.isSent !== true) return transition(state, { type: 'beatDue' }).state
  return transition(state, {
    type: 'answered',
    ticket: member.beat.ticket,
    memberEpoch: Math.max(1, member.epoch),
    heartbeatIntervalMs: 5000,
    assignment: null,
    chance: 0.5,
  }).state
}

/** Goes along with events, which may look at the state they meet. */
function walk(isStatic: boolean, ...events: readonly ((state: State) => Event)[]) {
  let state = start(isStatic)
  let effects: readonly Effect[] = []
  for (const event of events) ({ state, effects } = transition(state, event(state)))
  return { state, effects }
}

const started = (): Event => ({ type: 'started' })
const beatDue = (): Event => ({ type: 'beatDue' })
const refused =
  (errorCode: number, hasWaitedForSession = false) =>
  (state: State): Event => ({
    type: 'refused',
    ticket: memberOf(state)?.beat.ticket ?? 0,
    error: new BrokerError(errorCode),
    hasWaitedForSession,
    chance: 0.5,
  })
const answer =
  (memberEpoch: number, partitions: readonly number[] | null = null) =>
  (state: State): Event => ({
    type: 'answered',
    ticket: memberOf(state)?.beat.ticket ?? 0,
    memberEpoch,
    heartbeatIntervalMs: 5000,
    assignment:
      partitions?.map((partition) => ({ topicId: 'id', partition, topic: 'orders' })) ?? null,
    chance: 0.5,
  })
const hookSettled = (state: State): Event => ({
  type: 'hookSettled',
  ticket: memberOf(state)?.hookTicket ?? 0,
})

test('pauses double up to the longest, with jitter', () => {
  const delays: number[] = []
  let { state } = transition(start(), started())
  for (let tries = 0; tries < 6; tries++) {
    const step = transition(state, refused(ErrorCode.NOT_COORDINATOR)(state))
    for (const effect of step.effects) if (effect.do === 'setBeat') delays.push(effect.afterMs)
    assert.ok(step.effects.some((effect) => effect.do === 'forgetCoordinator'))
    state = transition(step.state, beatDue()).state
  }
  assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000])
})

test('after news the next heartbeats come sooner, then as often as the broker says', () => {
  const delays: number[] = []
  let { state, effects } = walk(false, started, answer(1, [0]))
  for (let beats = 0; beats < 6; beats++) {
    for (const effect of effects) if (effect.do === 'setBeat') delays.push(effect.afterMs)
    state = transition(state, beatDue()).state
    ;({ state, effects } = transition(state, answer(1)(state)))
  }
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 5000, 5000])
})

test('what is revoked is acknowledged after the hook, and before anything new is assigned', () => {
  const before = walk(false, started, answer(1, [0, 1]), hookSettled, beatDue, answer(1, [1, 2]))
  assert.deepEqual(
    before.effects.map((effect) => effect.do),
    ['confirmSession', 'callRevoked', 'setBeat'],
  )
  const meanwhile = transition(before.state, beatDue())
  const [quiet] = meanwhile.effects
  assert.ok(quiet?.do === 'sendHeartbeat' && quiet.heartbeat.owned === null)
  const rested = transition(meanwhile.state, answer(1)(meanwhile.state))
  const { effects } = transition(rested.state, hookSettled(rested.state))
  const [acknowledged, assigned] = effects
  assert.ok(acknowledged?.do === 'sendHeartbeat')
  assert.deepEqual(acknowledged.heartbeat.owned, [{ topicId: 'id', partition: 1 }])
  assert.ok(assigned?.do === 'callAssigned')
  assert.deepEqual(
    assigned.added.map(({ partition }) => partition),
    [2],
  )
})

test('a heartbeat that has to be repeated while the hook runs still names what is revoked', () => {
  const { state, effects } = walk(
    false,
    ...[started, answer(1, [0, 1]), hookSettled, beatDue, answer(1, [1])],
    ...[beatDue, refused(ErrorCode.NOT_COORDINATOR), beatDue],
  )
  assert.equal(state.name, 'reconciling')
  const [sent] = effects
  assert.ok(sent?.do === 'sendHeartbeat' && sent.heartbeat.isFull)
  assert.equal(sent.heartbeat.owned?.length, 2)
})

test('a static member that is refused its own instance id lets go of it, and joins', () => {
  const fenced = [started, answer(3, [0]), hookSettled, beatDue]
  const { state } = walk(true, ...fenced, refused(ErrorCode.FENCED_MEMBER_EPOCH), beatDue)
  const unreleased = transition(state, refused(ErrorCode.UNRELEASED_INSTANCE_ID)(state))
  const [release] = transition(unreleased.state, beatDue()).effects
  assert.ok(release?.do === 'sendHeartbeat' && release.heartbeat.memberEpoch === -2)
  const releasing = transition(unreleased.state, beatDue()).state
  const [again] = transition(releasing, answer(-2)(releasing)).effects
  assert.ok(again?.do === 'sendHeartbeat' && again.heartbeat.memberEpoch === 0)
  // Somebody else has it: that is waited for, up to a session.
  const other = transition(releasing, refused(ErrorCode.FENCED_INSTANCE_ID)(releasing))
  assert.equal(other.state.name, 'joining')
  const asked = transition(other.state, beatDue()).state
  const waits = transition(asked, refused(ErrorCode.UNRELEASED_INSTANCE_ID)(asked))
  assert.ok(waits.state.name === 'joining' && !waits.state.isReleasing)
  const over = transition(asked, refused(ErrorCode.UNRELEASED_INSTANCE_ID, true)(asked))
  assert.equal(over.state.name, 'failed')
})

test('after a block everything is said, in the epoch that the heartbeat thread was told; older answers do not count', () => {
  const before = walk(false, started, answer(1, [0, 1]), hookSettled, beatDue)
  const late = answer(2, [0])(before.state)
  const back = transition(before.state, { type: 'takenBack', memberEpoch: 3 })
  assert.deepEqual(
    back.effects.map((effect) => effect.do),
    ['publishEpoch', 'sendHeartbeat'],
  )
  const beat = back.effects.at(-1)
  assert.ok(beat?.do === 'sendHeartbeat')
  assert.deepEqual([beat.heartbeat.memberEpoch, beat.heartbeat.isFull], [3, true])
  assert.equal(beat.heartbeat.owned?.length, 2, 'nothing is given up')
  assert.equal(transition(back.state, late).state, back.state)
})

test('a heartbeat thread that was told nothing leaves the epoch as it is; everything is said all the same', () => {
  const before = walk(false, started, answer(1, [0]), hookSettled)
  const { effects } = transition(before.state, { type: 'takenBack', memberEpoch: undefined })
  const [beat, ...more] = effects
  assert.deepEqual(more, [])
  assert.ok(beat?.do === 'sendHeartbeat' && beat.heartbeat.isFull)
  assert.equal(beat.heartbeat.memberEpoch, 1)
})
