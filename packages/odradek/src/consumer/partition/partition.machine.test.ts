import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  type Effect,
  type Event,
  initialState,
  isFetchDue,
  isPaused,
  isReading,
  type Lookup,
  type PauseReason,
  requestOf,
  type State,
  transition,
} from './partition.machine.ts'

/**
 * A partition and the little of its surroundings that matters for progress: the resolver, the
 * fetcher (one broker, with one request in flight), its timer, and the buffer that readers take
 * from. Records are always to be had, and memory is always free.
 */
interface World {
  readonly state: State
  /** The resolver is looking at the present lookup (or pin). */
  readonly isLookedUp: boolean
  /** The fetcher includes the partition. */
  readonly isIncluded: boolean
  /** The fetcher will look at what is due. */
  readonly isFetcherWoken: boolean
  readonly isTimerSet: boolean
  /** A stale response is to a fetch from a former position. */
  readonly response: 'none' | 'current' | 'stale'
  readonly isOffered: boolean
}

type Machine = typeof transition

interface Move {
  readonly name: string
  readonly world: World
}

interface Found {
  readonly world: World
  readonly path: readonly string[]
}

const START: World = {
  state: initialState(),
  isLookedUp: false,
  isIncluded: false,
  isFetcherWoken: false,
  isTimerSet: false,
  response: 'none',
  isOffered: false,
}

/** Events after which a response to an earlier fetch is not wanted. */
const DROPS_FETCH = new Set(['positioned', 'startFound', 'corrupt', 'failed', 'revoked', 'ended'])

function dispatch(machine: Machine, world: World, event: Event): World {
  const { state, effects } = machine(world.state, event)
  const isSameLookup =
    state.name === world.state.name &&
    (state.name !== 'resolving' ||
      (world.state.name === 'resolving' && state.lookup === world.state.lookup))
  let next: World = {
    ...world,
    state,
    isLookedUp: world.isLookedUp && isSameLookup,
    isOffered: world.isOffered && state.name === 'buffered',
    response:
      DROPS_FETCH.has(event.type) && world.response === 'current' ? 'stale' : world.response,
  }
  for (const effect of effects) next = carryOut(next, effect)
  return next
}

function carryOut(world: World, effect: Effect): World {
  switch (effect) {
    case 'resolvePosition':
      return { ...world, isLookedUp: true }
    case 'startFetching':
      return { ...world, isIncluded: true, isFetcherWoken: true }
    case 'stopFetching':
      return { ...world, isIncluded: false }
    case 'wakeFetcher':
      return { ...world, isFetcherWoken: true }
    case 'offer':
      return { ...world, isOffered: true }
  }
}

/** What the user does, and what the cluster does by itself. */
function outsideEvents({ name }: State): readonly Event[] {
  const events: Event[] = [
    { type: 'paused', reason: 'user' },
    { type: 'resumed', reason: 'user' },
    { type: 'revoked' },
    { type: 'ended' },
  ]
  if (name === 'revoking' || name === 'ended') return events
  events.push({ type: 'positioned' })
  events.push(look({ of: 'timestamp', timestamp: 5 }))
  if (name === 'assigned') events.push({ type: 'hookReturned' })
  if (isReading({ name } as State)) {
    events.push(look({ of: 'recreated' }))
    events.push(look({ of: 'committed' }))
  }
  return events
}

function look(lookup: Lookup): Event {
  return { type: 'lookupNeeded', lookup }
}

/** What the resolver may find. */
function resolverEvents(state: State): readonly Event[] {
  if (state.name === 'pinning') return [{ type: 'pinned' }, { type: 'failed' }]
  if (state.name !== 'resolving') return []
  const { of } = state.lookup
  const events: Event[] = [{ type: 'positioned' }, { type: 'failed' }]
  if (of === 'committed') events.push(look({ of: 'start' }), look({ of: 'recreated' }))
  if (of === 'start') events.push({ type: 'startFound', offset: 7 })
  if (of === 'outOfRange') events.push({ type: 'confirmed', until: 9 })
  return events
}

/** What the reader that has the partition may do. */
function readerEvents(): readonly Event[] {
  const pauses: readonly PauseReason[] = ['unfinishedRecords', 'deadLetter']
  return [
    { type: 'drained' },
    { type: 'returned' },
    { type: 'corrupt' },
    ...pauses.map((reason): Event => ({ type: 'paused', reason })),
  ]
}

function movesOf(machine: Machine, world: World): readonly Move[] {
  const moves: Move[] = []
  const add = (event: Event, from: World = world): void => {
    moves.push({ name: event.type, world: dispatch(machine, from, event) })
  }
  const { state } = world
  for (const event of outsideEvents(state)) add(event)
  if (world.isLookedUp) for (const event of resolverEvents(state)) add(event)
  for (const reason of state.pausedBy) if (reason !== 'user') add({ type: 'resumed', reason })
  if (world.isOffered && state.name === 'buffered' && !isPaused(state)) {
    add({ type: 'taken' }, { ...world, isOffered: false })
  }
  if (state.name === 'delivering') for (const event of readerEvents()) add(event)
  const canBeEvicted =
    (state.name === 'buffered' && isPaused(state)) ||
    (state.name === 'delivering' && state.next.name === 'buffered')
  if (canBeEvicted) add({ type: 'evicted' })
  if (world.isFetcherWoken) moves.push(...scans(machine, world))
  if (world.isTimerSet) {
    moves.push({ name: 'timer', world: { ...world, isTimerSet: false, isFetcherWoken: true } })
  }
  if (world.response !== 'none') moves.push(...responses(machine, world))
  return moves
}

/** The fetcher looks at what is due. */
function scans(machine: Machine, before: World): readonly Move[] {
  const world: World = { ...before, isFetcherWoken: false }
  const nothing = { name: 'scan', world }
  if (!world.isIncluded || isPaused(world.state) || world.response !== 'none') return [nothing]
  const send = (from: World): Move => {
    const sent = dispatch(machine, from, { type: 'fetchSent' })
    return { name: 'scan, sent', world: { ...sent, response: 'current' } }
  }
  if (isFetchDue(world.state)) return [send(world)]
  if (requestOf(world.state)?.name !== 'backoff') return [nothing]
  const elapsed = dispatch(machine, world, { type: 'backoffElapsed' })
  return [{ name: 'scan, timer', world: { ...world, isTimerSet: true } }, send(elapsed)]
}

function responses(machine: Machine, before: World): readonly Move[] {
  const world: World = { ...before, response: 'none' }
  // After a response that is not wanted the fetcher looks at what is due by itself.
  const unwanted: World = { ...world, isFetcherWoken: true }
  if (before.response === 'stale') return [{ name: 'stale response', world: unwanted }]
  const ended: Event = { type: 'fetchEnded' }
  if (requestOf(world.state)?.name !== 'inFlight') {
    return [{ name: 'unwanted response', world: dispatch(machine, unwanted, ended) }]
  }
  const events: readonly Event[] = [
    ended,
    { type: 'fetched' },
    { type: 'fetchFailed', until: 9 },
    look({ of: 'outOfRange', offset: 3 }),
  ]
  return events.map((event) => ({ name: event.type, world: dispatch(machine, world, event) }))
}

/** Every situation that can be reached, breadth first, with the shortest way to it. */
function* explore(machine: Machine = transition): Generator<Found> {
  const found = new Map<string, Found>([[JSON.stringify(START), { world: START, path: [] }]])
  for (const one of found.values()) {
    yield one
    for (const move of movesOf(machine, one.world)) {
      const key = JSON.stringify(move.world)
      if (!found.has(key)) found.set(key, { world: move.world, path: [...one.path, move.name] })
    }
  }
}

/** What is under way for a partition that should make progress; undefined: it is stuck. */
function underWay(world: World): string | undefined {
  const { state } = world
  if (isPaused(state)) return 'paused'
  switch (state.name) {
    case 'assigned':
      return 'the hook'
    case 'resolving':
    case 'pinning':
      return world.isLookedUp ? 'the resolver' : undefined
    case 'buffered':
      return world.isOffered ? 'a reader that was offered its records' : undefined
    case 'fetching':
    case 'delivering':
      return fetchUnderWay(world)
    default:
      return 'nothing is to happen'
  }
}

function fetchUnderWay(world: World): string | undefined {
  const request = requestOf(world.state)
  if (request === undefined) return 'the reader that has it'
  if (request.name === 'inFlight') return world.response === 'current' ? 'a response' : undefined
  if (!world.isIncluded) return undefined
  if (world.isFetcherWoken || world.response !== 'none') return 'the fetcher'
  return request.name === 'backoff' && world.isTimerSet ? 'a timer' : undefined
}

function firstViolation(found: Iterable<Found>): string | undefined {
  for (const { world, path } of found) {
    const trail = `${JSON.stringify(world)} after ${path.join(', ')}`
    if (underWay(world) === undefined) return `stuck: ${trail}`
    if (world.isIncluded && !isReading(world.state)) return `fetched without a position: ${trail}`
  }
  return undefined
}

const ALL = [...explore()]

test('a partition with records to read that is not paused always waits for something under way', () => {
  assert.equal(firstViolation(ALL), undefined)
  assert.ok(ALL.length > 1000, `${ALL.length} situations`)
})

test('the law is violated by a machine that forgets any one effect', () => {
  const forgotten: string[] = []
  for (const { state, event, effect } of effectsOfAll()) {
    const forgetful: Machine = (from, given) => {
      const step = transition(from, given)
      if (from.name !== state || given.type !== event) return step
      return { ...step, effects: step.effects.filter((one) => one !== effect) }
    }
    if (firstViolation(explore(forgetful)) === undefined) {
      forgotten.push(`${state}, ${event}: ${effect}`)
    }
  }
  assert.deepEqual(forgotten.sort(), REDUNDANT)
})

/** What is for other partitions: there is room for theirs now. */
const REDUNDANT: readonly string[] = ['delivering, drained: wakeFetcher']

/** Every effect that some state has at some event. */
function effectsOfAll(): readonly { state: string; event: string; effect: Effect }[] {
  const found = new Map<string, { state: string; event: string; effect: Effect }>()
  const recording: Machine = (state, event) => {
    const step = transition(state, event)
    for (const effect of step.effects) {
      const one = { state: state.name, event: event.type, effect }
      found.set(JSON.stringify(one), one)
    }
    return step
  }
  for (const _ of explore(recording));
  return [...found.values()]
}

test('a partition that has ended stays so, and does nothing', () => {
  const ended = ALL.filter(({ world }) => world.state.name === 'ended')
  assert.ok(ended.length > 0)
  for (const { world } of ended) {
    for (const event of [...outsideEvents(initialState()), ...readerEvents()]) {
      assert.deepEqual(transition(world.state, event), { state: world.state, effects: [] })
    }
  }
})

test('a partition that is being revoked is neither fetched nor offered', () => {
  for (const { world } of ALL) {
    if (world.state.name !== 'revoking') continue
    assert.equal(world.isIncluded, false)
    assert.equal(world.isOffered, false)
  }
})

test('the table in the header names every state, and every event that leaves it', () => {
  const header = readFileSync(SOURCE, 'utf8').split('*/')[0] ?? ''
  const rows = [...header.matchAll(/^ \* \| (\w+) +\| [^|]+ \| ([^|]*) \|$/gm)]
    .map(([, state = '', events = '']) => [state, events.trim()] as const)
    .filter(([state]) => state !== 'state')
  assert.deepEqual(new Map(rows), leavingEvents())
})

const SOURCE = new URL(import.meta.url.replace('/dist/esm/', '/src/').replace('.test.js', '.ts'))

/** Those that leave any state are left out: the header names them once. */
const LEAVE_ANY = new Set(['positioned', 'lookupNeeded', 'failed', 'revoked', 'ended'])

function leavingEvents(): ReadonlyMap<string, string> {
  const events = new Map<string, Set<string>>()
  const recording: Machine = (state, event) => {
    const step = transition(state, event)
    const ofState = events.get(state.name) ?? new Set()
    events.set(state.name, ofState)
    if (step.state.name !== state.name && !LEAVE_ANY.has(event.type)) ofState.add(event.type)
    return step
  }
  for (const _ of explore(recording));
  return new Map([...events].map(([state, ofState]) => [state, [...ofState].join(', ')]))
}
