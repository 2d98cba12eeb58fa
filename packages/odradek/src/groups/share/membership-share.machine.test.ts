import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError, ErrorCode, ProtocolError } from '@odradek/protocol'
import { ConnectionError } from '../../errors/errors.ts'
import { type Effect, type Event, type State, transition } from './membership-share.machine.ts'

const START: State = {
  name: 'unjoined',
  settings: { retryBackoffMs: 100, retryBackoffMaxMs: 1000 },
}
const ASSIGNMENT = new Map([['topic-1', [0, 1]]])
const ERRORS = [
  new BrokerError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
  new BrokerError(ErrorCode.NOT_COORDINATOR),
  new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID),
  new BrokerError(ErrorCode.FENCED_MEMBER_EPOCH),
  new BrokerError(ErrorCode.GROUP_AUTHORIZATION_FAILED),
  new BrokerError(ErrorCode.GROUP_MAX_SIZE_REACHED),
  new BrokerError(9999),
  new ConnectionError('The connection broke.', 'established'),
  new ProtocolError('No version in common', { code: 'UNSUPPORTED_VERSION' }),
]

function ticketOf(state: State): number {
  return 'member' in state ? state.member.ticket : 1
}

function sampleEvents(ticket: number): readonly Event[] {
  const answer = { type: 'answered', ticket, memberEpoch: 3, heartbeatIntervalMs: 5000 } as const
  return [
    { type: 'started' },
    { ...answer, assignment: ASSIGNMENT },
    { ...answer, assignment: new Map() },
    { ...answer, assignment: undefined },
    ...ERRORS.map((error): Event => ({ type: 'refused', ticket, error, chance: 0.5 })),
    { type: 'pauseOver', ticket },
    { type: 'takenBack', memberEpoch: 5 },
    { type: 'takenBack', memberEpoch: undefined },
    { type: 'restRequested' },
    { type: 'leaveRequested' },
    { type: 'leaveSettled' },
  ]
}

interface Seen {
  readonly state: State
  readonly asked: number
  readonly path: readonly string[]
}

function fingerprint({ state, asked }: Seen): string {
  const text = JSON.stringify(state, (key, value: unknown) => {
    if (key === 'ticket') return 0
    return key === 'failures' || key === 'emptyAnswers' ? Math.min(3, value as number) : value
  })
  return `${text} ${asked}`
}

function follow(seen: Seen, event: Event): { next: Seen; effects: readonly Effect[] } {
  const { state, effects } = transition(seen.state, event)
  const isAnswer = event.type === 'answered' || event.type === 'refused'
  const isCurrent = 'ticket' in event && event.ticket === ticketOf(seen.state)
  let { asked } = seen
  if (isAnswer && isCurrent && seen.state.name === 'asking') asked--
  // One from before a block is given up.
  if (event.type === 'takenBack' && effects.length > 0) asked = 0
  for (const effect of effects) {
    if (effect.do === 'sendHeartbeat') asked++
    // Whoever leaves does not wait for the heartbeat that is under way.
    if (effect.do === 'sendLeave') asked = 1
  }
  const { name } = seen.state
  if (event.type === 'leaveSettled' && (name === 'leaving' || name === 'resting')) {
    asked = effects.some((effect) => effect.do === 'sendHeartbeat') ? 1 : 0
  }
  return { next: { state, asked, path: [...seen.path, event.type] }, effects }
}

test('one heartbeat at a time, nothing after leaving, and late answers change nothing', () => {
  const first: Seen = { state: START, asked: 0, path: [] }
  const visited = new Map([[fingerprint(first), first]])
  for (const seen of visited.values()) {
    for (const event of sampleEvents(ticketOf(seen.state))) {
      const { next, effects } = follow(seen, event)
      const where = next.path.join(', ')
      assert.ok(next.asked <= 1, `two heartbeats after ${where}`)
      if (seen.state.name === 'left') assert.deepEqual(effects, [], where)
      if (seen.state.name === 'failed') assert.deepEqual(effects, [], where)
      if (next.state.name === 'resting' && seen.state.name === 'resting') {
        assert.deepEqual(effects, [], where)
      }
      const isRequested = event.type === 'started' || event.type === 'leaveSettled'
      if (seen.state.name === 'resting' && next.state.name === 'asking') {
        assert.ok(isRequested, where)
      }
      for (const effect of effects) {
        if (effect.do !== 'sendHeartbeat') continue
        const { memberEpoch, isFull } = effect
        if (memberEpoch === 0) assert.ok(isFull, `joining without topics after ${where}`)
      }
      const key = fingerprint(next)
      if (!visited.has(key)) visited.set(key, next)
    }
    const late = ticketOf(seen.state) - 1
    for (const event of sampleEvents(late).filter((one) => 'ticket' in one)) {
      assert.deepEqual(transition(seen.state, event), { state: seen.state, effects: [] })
    }
  }
  const names = new Set([...visited.values()].map(({ state }) => state.name))
  assert.deepEqual([...names].sort(), [
    'asking',
    'failed',
    'leaving',
    'left',
    'resting',
    'unjoined',
    'waiting',
  ])
})

function play(...events: readonly Event[]): { state: State; effects: readonly Effect[] } {
  return events.reduce<{ state: State; effects: readonly Effect[] }>(
    ({ state }, event) => transition(state, event),
    { state: START, effects: [] },
  )
}

const started: Event = { type: 'started' }
const joined: Event & { readonly type: 'answered' } = {
  type: 'answered',
  ticket: 1,
  memberEpoch: 3,
  heartbeatIntervalMs: 5000,
  assignment: ASSIGNMENT,
}
const refused = (ticket: number, error: number): Event => {
  return { type: 'refused', ticket, error: new BrokerError(error), chance: 0.5 }
}

test('joining is a heartbeat with epoch 0; assignments apply at once; the broker says how often', () => {
  assert.deepEqual(play(started).effects, [
    { do: 'sendHeartbeat', ticket: 1, memberEpoch: 0, isFull: true },
  ])
  assert.deepEqual(play(started, joined).effects, [
    { do: 'assign', assignment: ASSIGNMENT },
    { do: 'pause', ticket: 1, delayMs: 5000 },
  ])
  assert.deepEqual(play(started, joined, { type: 'pauseOver', ticket: 1 }).effects, [
    { do: 'sendHeartbeat', ticket: 2, memberEpoch: 3, isFull: false },
  ])
})

test('a member that the coordinator forgot loses its partitions and joins anew', () => {
  const pauseOver: Event = { type: 'pauseOver', ticket: 1 }
  for (const code of [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH]) {
    const { state, effects } = play(started, joined, pauseOver, refused(2, code))
    assert.deepEqual(
      effects.map((effect) => effect.do),
      ['lose', 'pause'],
    )
    assert.deepEqual(transition(state, { type: 'pauseOver', ticket: 2 }).effects, [
      { do: 'sendHeartbeat', ticket: 3, memberEpoch: 0, isFull: true },
    ])
  }
})

test('a member that rests leaves, and joins again when its leave is settled', () => {
  const rest: Event = { type: 'restRequested' }
  const settled: Event = { type: 'leaveSettled' }
  const join = [{ do: 'sendHeartbeat', ticket: 2, memberEpoch: 0, isFull: true }]
  assert.deepEqual(play(started, joined, rest).effects, [{ do: 'giveUp' }, { do: 'sendLeave' }])
  assert.deepEqual(play(started, joined, rest, settled, started).effects, join)
  assert.deepEqual(play(started, joined, rest, started).effects, [])
  assert.deepEqual(play(started, joined, rest, started, settled).effects, join)
  assert.deepEqual(play(started, joined, rest, started, rest, settled).effects, [])
  assert.equal(play(started, joined, rest, { type: 'leaveRequested' }).state.name, 'leaving')
  assert.equal(play(started, joined, rest, settled, { type: 'leaveRequested' }).state.name, 'left')
  assert.equal(play(rest).state.name, 'unjoined')
})

test('after a failure the heartbeat is full, and keeps its epoch', () => {
  const pauseOver: Event = { type: 'pauseOver', ticket: 1 }
  const { state, effects } = play(started, joined, pauseOver, refused(2, ErrorCode.NOT_COORDINATOR))
  assert.deepEqual(
    effects.map((effect) => effect.do),
    ['forgetCoordinator', 'pause'],
  )
  assert.deepEqual(transition(state, { type: 'pauseOver', ticket: 2 }).effects, [
    { do: 'sendHeartbeat', ticket: 3, memberEpoch: 3, isFull: true },
  ])
})

test('after the heartbeat thread everything is said at once, under the epoch that it was told', () => {
  const asking = play(started, joined, { type: 'pauseOver', ticket: 1 }).state
  const back = transition(asking, { type: 'takenBack', memberEpoch: 7 })
  assert.deepEqual(back.effects, [{ do: 'sendHeartbeat', ticket: 3, memberEpoch: 7, isFull: true }])
  const late = { ...joined, ticket: 2 }
  assert.deepEqual(transition(back.state, late), { state: back.state, effects: [] })
  const waiting = transition(back.state, { ...joined, ticket: 3, memberEpoch: 7 }).state
  assert.deepEqual(transition(waiting, { type: 'pauseOver', ticket: 3 }).effects, [
    { do: 'sendHeartbeat', ticket: 4, memberEpoch: 7, isFull: false },
  ])
  assert.deepEqual(transition(waiting, { type: 'takenBack', memberEpoch: undefined }).effects, [
    { do: 'sendHeartbeat', ticket: 4, memberEpoch: 7, isFull: true },
  ])
})

test('a member with nothing to read asks again soon, then at longer intervals', () => {
  let { state, effects } = play(started)
  const pauses: number[] = []
  for (let ticket = 1; ticket <= 7; ticket++) {
    const assignment = ticket === 1 ? new Map<string, number[]>() : undefined
    ;({ state, effects } = transition(state, { ...joined, ticket, assignment }))
    for (const effect of effects) if (effect.do === 'pause') pauses.push(effect.delayMs)
    ;({ state } = transition(state, { type: 'pauseOver', ticket }))
  }
  assert.deepEqual(pauses, [200, 400, 800, 1600, 3200, 5000, 5000])
})

test('what retrying cannot mend ends the membership; what it can is paced', () => {
  const outcome = (error: number): string => play(started, refused(1, error)).state.name
  assert.equal(outcome(ErrorCode.GROUP_AUTHORIZATION_FAILED), 'failed')
  assert.equal(outcome(ErrorCode.GROUP_ID_NOT_FOUND), 'failed')
  assert.equal(outcome(ErrorCode.UNSUPPORTED_VERSION), 'failed')
  assert.equal(outcome(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS), 'waiting')
  assert.equal(outcome(ErrorCode.UNKNOWN_SERVER_ERROR), 'waiting')
  assert.equal(outcome(4711), 'waiting')
})

test('an interval that makes no sense is none: heartbeats come neither without a pause nor never', () => {
  const pauseAfter = (heartbeatIntervalMs: number): unknown => {
    const { state } = transition(START, { type: 'started' })
    const event = { type: 'answered', ticket: 1, memberEpoch: 3, heartbeatIntervalMs } as const
    const { effects } = transition(state, { ...event, assignment: ASSIGNMENT })
    return effects.find((one) => one.do === 'pause')?.delayMs
  }
  const intervals = [-(2 ** 31), -1, 0, 1, 3000, 2 ** 31 - 1]
  assert.deepEqual(intervals.map(pauseAfter), [5000, 5000, 5000, 100, 3000, 60_000])
})
