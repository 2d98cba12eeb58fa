/**
 * What happens to one assigned partition, from its assignment to its end.
 *
 * | state      | meaning                                              | leaves it by                       |
 * |------------|------------------------------------------------------|------------------------------------|
 * | assigned   | the `onAssigned` hook runs, and may seek             | hookReturned                       |
 * | resolving  | its position is looked up                            | startFound, confirmed              |
 * | pinning    | its start is committed before anything is fetched    | pinned                             |
 * | fetching   | nothing is buffered: a fetch is due, in flight, or   | fetched                            |
 * |            | waits for a backoff                                  |                                    |
 * | buffered   | fetched records wait for a reader                    | taken, evicted                     |
 * | delivering | a reader delivers records, the next fetch is made    | drained, returned, corrupt         |
 * | failed     | an error was reported                                |                                    |
 * | revoking   | records in flight are finished and committed         |                                    |
 * | ended      | it is not assigned any more                          |                                    |
 *
 * Every state but the last two is left by positioned, lookupNeeded, failed, revoked and ended too,
 * and `revoking` by ended. A failed partition is read again after a seek.
 *
 * A pause does not change the state: it has a reason (the user, too many unfinished records, a dead
 * letter that is being written), and what it holds up resumes when the last reason is gone.
 *
 * The law that `partition.machine.test.ts` holds: a partition that is not paused, and has not
 * failed or ended, always waits for something that is under way: a lookup, a fetch that the fetcher
 * has been woken for, a response, a timer, or a reader to which its records were offered.
 */

/** What must be found before records can be fetched. */
export type Lookup =
  /** The group's committed offset. */
  | { readonly of: 'committed' }
  /** Nothing is committed: the start, as `startFrom` says. */
  | { readonly of: 'start' }
  /** The first offset at or after a timestamp (ms since the epoch, or Kafka's -1 and -2). */
  | { readonly of: 'timestamp'; readonly timestamp: number }
  /** The broker has no records at this offset. */
  | { readonly of: 'outOfRange'; readonly offset: number }
  /** The topic was deleted and created again: the beginning of the new one. */
  | { readonly of: 'recreated' }

export type PauseReason =
  | 'user'
  /** So many records are unfinished behind the oldest one that no more are delivered. */
  | 'unfinishedRecords'
  /** A record that cannot be decoded is being written to a dead letter topic. */
  | 'deadLetter'

/** `backoff` waits until the time in `until`, by the monotonic clock. */
export type Request =
  | { readonly name: 'due' }
  | { readonly name: 'inFlight' }
  | { readonly name: 'backoff'; readonly until: number }

interface Pauses {
  readonly pausedBy: readonly PauseReason[]
}

export type State = Pauses &
  (
    | { readonly name: 'assigned' }
    | { readonly name: 'resolving'; readonly lookup: Lookup }
    | { readonly name: 'pinning'; readonly offset: number }
    | { readonly name: 'fetching'; readonly request: Request }
    /** The response to a fetch that is still in flight is not wanted: these records come first. */
    | { readonly name: 'buffered'; readonly isInFlight: boolean }
    | { readonly name: 'delivering'; readonly next: Request | { readonly name: 'buffered' } }
    | { readonly name: 'failed' }
    | { readonly name: 'revoking' }
    | { readonly name: 'ended' }
  )

export type Event =
  | { readonly type: 'hookReturned' }
  /** The answer to a lookup is another lookup. */
  | { readonly type: 'lookupNeeded'; readonly lookup: Lookup }
  /** The start was found and must be committed before anything is fetched. */
  | { readonly type: 'startFound'; readonly offset: number }
  | { readonly type: 'pinned' }
  /** The position is known: reading begins there, and everything fetched before is dropped. */
  | { readonly type: 'positioned' }
  /** An offset that seemed out of range is in range after all. */
  | { readonly type: 'confirmed'; readonly until: number }
  | { readonly type: 'fetchSent' }
  /** The fetcher has found that the backoff is over. */
  | { readonly type: 'backoffElapsed' }
  | { readonly type: 'fetched' }
  /** The broker's response had an error or no progress for this partition. */
  | { readonly type: 'fetchFailed'; readonly until: number }
  /** The response had nothing (more) for this partition, or there was none. */
  | { readonly type: 'fetchEnded' }
  | { readonly type: 'taken' }
  | { readonly type: 'drained' }
  /** The reader stops before the end of what it took. */
  | { readonly type: 'returned' }
  /** What a reader took cannot be read: it is fetched again. */
  | { readonly type: 'corrupt' }
  | { readonly type: 'evicted' }
  | { readonly type: 'paused'; readonly reason: PauseReason }
  | { readonly type: 'resumed'; readonly reason: PauseReason }
  | { readonly type: 'failed' }
  | { readonly type: 'revoked' }
  | { readonly type: 'ended' }

export type Effect =
  /** The position resolver looks at this partition. */
  | 'resolvePosition'
  /** The fetcher includes this partition, and looks at what is due. */
  | 'startFetching'
  /** The fetcher leaves this partition out. */
  | 'stopFetching'
  /** The fetcher looks at what is due: something is, or there is more room. */
  | 'wakeFetcher'
  /** Readers are told that there are records to take. */
  | 'offer'

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

const DUE: Request = { name: 'due' }
const IN_FLIGHT: Request = { name: 'inFlight' }
const NEXT_BUFFERED = { name: 'buffered' } as const

export function initialState(): State {
  return { name: 'assigned', pausedBy: [] }
}

/** Whether records may be delivered and fetched, as far as pauses go. */
export function isPaused({ pausedBy }: State): boolean {
  return pausedBy.length > 0
}

/** Whether a fetch should be sent for this partition now. */
export function isFetchDue(state: State): boolean {
  return state.pausedBy.length === 0 && requestOf(state)?.name === 'due'
}

/** What the fetch path does for a partition that needs records; undefined when it needs none. */
export function requestOf(state: State): Request | undefined {
  if (state.name === 'fetching') return state.request
  if (state.name === 'delivering' && state.next.name !== 'buffered') return state.next
  return undefined
}

/** Its position is known, and records are read from it. */
export function isReading({ name }: State): boolean {
  return name === 'fetching' || name === 'buffered' || name === 'delivering'
}

export function transition(state: State, event: Event): Step {
  if (state.name === 'ended') return unchanged(state)
  if (event.type === 'ended') {
    return { state: { name: 'ended', pausedBy: [] }, effects: stopFetching(state) }
  }
  if (event.type === 'paused') return pause(state, event.reason)
  if (event.type === 'resumed') return resume(state, event.reason)
  if (state.name === 'revoking') return unchanged(state)
  switch (event.type) {
    case 'revoked':
      return { state: { name: 'revoking', pausedBy: state.pausedBy }, effects: stopFetching(state) }
    case 'failed':
      return { state: { name: 'failed', pausedBy: state.pausedBy }, effects: stopFetching(state) }
    case 'positioned':
      return read(state)
    case 'lookupNeeded':
      return resolve(state, event.lookup)
    default:
      return stepByState(state, event)
  }
}

function stepByState(state: State, event: Event): Step {
  switch (state.name) {
    case 'assigned':
      return event.type === 'hookReturned' ? resolve(state, { of: 'committed' }) : unchanged(state)
    case 'resolving':
      return stepResolving(state, event)
    case 'pinning':
      return event.type === 'pinned' ? toFetching(state, DUE, 'startFetching') : unchanged(state)
    case 'fetching':
      return stepFetching(state, event)
    case 'buffered':
      return stepBuffered(state, event)
    case 'delivering':
      return stepDelivering(state, event)
    default:
      return unchanged(state)
  }
}

function stepResolving(state: StateOf<'resolving'>, event: Event): Step {
  const { pausedBy } = state
  if (event.type === 'startFound') {
    const { offset } = event
    return { state: { name: 'pinning', offset, pausedBy }, effects: ['resolvePosition'] }
  }
  if (event.type !== 'confirmed') return unchanged(state)
  return toFetching(state, { name: 'backoff', until: event.until }, 'startFetching')
}

function stepFetching(state: StateOf<'fetching'>, event: Event): Step {
  if (event.type === 'fetched' && state.request.name === 'inFlight') {
    return offer({ name: 'buffered', isInFlight: false, pausedBy: state.pausedBy })
  }
  const request = nextRequest(state.request, event)
  if (request === state.request) return unchanged(state)
  return { state: { ...state, request }, effects: effectsOf(event) }
}

function stepBuffered(state: StateOf<'buffered'>, event: Event): Step {
  const { isInFlight, pausedBy } = state
  switch (event.type) {
    case 'taken': {
      const next = isInFlight ? IN_FLIGHT : DUE
      return { state: { name: 'delivering', next, pausedBy }, effects: ['wakeFetcher'] }
    }
    case 'evicted': {
      // It is paused: the fetcher is woken when the pause ends.
      const request = isInFlight ? IN_FLIGHT : DUE
      return { state: { name: 'fetching', request, pausedBy }, effects: [] }
    }
    case 'fetchEnded':
      return { state: { ...state, isInFlight: false }, effects: [] }
    default:
      return unchanged(state)
  }
}

function stepDelivering(state: StateOf<'delivering'>, event: Event): Step {
  const { next, pausedBy } = state
  switch (event.type) {
    case 'drained':
      if (next.name !== 'buffered') return toFetching(state, next, 'wakeFetcher')
      // There is room for others now.
      return offer({ name: 'buffered', isInFlight: false, pausedBy }, 'wakeFetcher')
    case 'returned': {
      // What was fetched behind the rest is dropped, and fetched again in order.
      const isInFlight = next.name === 'inFlight'
      return offer({ name: 'buffered', isInFlight, pausedBy })
    }
    case 'corrupt':
      return toFetching(state, DUE, 'wakeFetcher')
    case 'evicted':
      if (next.name !== 'buffered') return unchanged(state)
      return { state: { ...state, next: DUE }, effects: ['wakeFetcher'] }
    case 'fetched':
      if (next.name !== 'inFlight') return unchanged(state)
      return { state: { ...state, next: NEXT_BUFFERED }, effects: [] }
    default: {
      if (next.name === 'buffered') return unchanged(state)
      const request = nextRequest(next, event)
      if (request === next) return unchanged(state)
      return { state: { ...state, next: request }, effects: effectsOf(event) }
    }
  }
}

/** The same object when the event changes nothing. */
function nextRequest(request: Request, event: Event): Request {
  switch (event.type) {
    case 'fetchSent':
      return request.name === 'due' ? IN_FLIGHT : request
    case 'backoffElapsed':
      return request.name === 'backoff' ? DUE : request
    case 'fetchFailed':
      return request.name === 'inFlight' ? { name: 'backoff', until: event.until } : request
    case 'fetchEnded':
      return request.name === 'inFlight' ? DUE : request
    default:
      return request
  }
}

/** After a fetch the next one is due, or a timer must be set for it: the fetcher does both. */
function effectsOf({ type }: Event): readonly Effect[] {
  return type === 'fetchEnded' || type === 'fetchFailed' ? ['wakeFetcher'] : []
}

function toFetching({ pausedBy }: State, request: Request, effect: Effect): Step {
  return { state: { name: 'fetching', request, pausedBy }, effects: [effect] }
}

/** From a new position: too many unfinished records were those of the former one. */
function read({ pausedBy }: State): Step {
  const reasons = pausedBy.filter((reason) => reason !== 'unfinishedRecords')
  const state: State = { name: 'fetching', request: DUE, pausedBy: reasons }
  return { state, effects: ['startFetching'] }
}

function resolve(state: State, lookup: Lookup): Step {
  const { pausedBy } = state
  const resolving: State = { name: 'resolving', lookup, pausedBy }
  return { state: resolving, effects: [...stopFetching(state), 'resolvePosition'] }
}

/** The fetcher includes only partitions that are read. */
function stopFetching(state: State): readonly Effect[] {
  return isReading(state) ? ['stopFetching'] : []
}

function offer(state: State, ...others: readonly Effect[]): Step {
  return { state, effects: isPaused(state) ? others : ['offer', ...others] }
}

function pause(state: State, reason: PauseReason): Step {
  if (state.pausedBy.includes(reason)) return unchanged(state)
  return { state: { ...state, pausedBy: [...state.pausedBy, reason] }, effects: [] }
}

function resume(state: State, reason: PauseReason): Step {
  if (!state.pausedBy.includes(reason)) return unchanged(state)
  const pausedBy = state.pausedBy.filter((one) => one !== reason)
  const resumed: State = { ...state, pausedBy }
  if (pausedBy.length > 0) return { state: resumed, effects: [] }
  if (resumed.name === 'buffered') return { state: resumed, effects: ['offer'] }
  const effects: readonly Effect[] = requestOf(resumed) === undefined ? [] : ['wakeFetcher']
  return { state: resumed, effects }
}

function unchanged(state: State): Step {
  return { state, effects: [] }
}

type StateOf<Name extends State['name']> = Extract<State, { readonly name: Name }>
