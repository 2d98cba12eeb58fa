/**
 * The life of a transactional producer, decided in one place. One transaction at a time: it is
 * begun, written to, and ended by the coordinator's word; whatever goes wrong inside of it makes it
 * one that can only be aborted, and what makes the producer itself invalid (another one took its
 * transactional id) ends it for good.
 *
 * | state    | meaning                                             | leaves it                       |
 * |----------|-----------------------------------------------------|---------------------------------|
 * | idle     | between transactions                                | beginAsked -> open, opening     |
 * | opening  | a producer id and epoch are asked for               | initialised -> open, idle       |
 * | open     | user code writes                                    | endAsked -> ending, idle        |
 * | ending   | the coordinator is asked to commit or to abort      | endAnswered -> idle; refused    |
 * | reclaiming | the coordinator refused the epoch: a new one      | initialised -> idle, or dead    |
 * | dead     | fenced, or the outcome of a commit was never heard  | never                           |
 *
 * Laws. A transaction that has failed is never committed. Under the older protocol (KIP-890's
 * version 1) a request of an earlier transaction that comes late would count for a later one of the
 * same epoch: after anything whose fate was unclear the next transaction begins with a new epoch.
 * Under version 2 every end brings the next epoch by itself. What was never written to is not
 * ended: the coordinator knows nothing of it. There is never more than one request for ids under
 * way: a late one would fence the ids of an earlier answer, so an abandoned one is waited for.
 *
 * A coordinator that refuses the epoch of an end has either aborted the transaction at its timeout,
 * or given the transactional id to a successor. The codes are the same; `InitProducerId` with the
 * own ids is not (KIP-360, KIP-588): after a timeout it returns the next epoch, and the producer
 * continues; a successor makes it fail, which ends the producer.
 */
import type { KafkaError } from '@odradek/protocol'

/** Who writes: the broker's words. */
export interface ProducerIds {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export type State =
  /** Without ids before the first transaction; `isStale`: the ids need another epoch first. */
  | { readonly name: 'idle'; readonly ids: ProducerIds | undefined; readonly isStale: boolean }
  /** `isWanted`: a transaction waits for the ids; if not, they are kept for the next one. */
  | {
      readonly name: 'opening'
      readonly ids: ProducerIds | undefined
      readonly isWanted: boolean
    }
  | {
      readonly name: 'open'
      readonly ids: ProducerIds
      /** Whether the coordinator may know of this transaction. */
      readonly isTouched: boolean
      readonly failure: KafkaError | undefined
    }
  | {
      readonly name: 'ending'
      readonly ids: ProducerIds
      readonly isCommit: boolean
      /** Something of it has an unclear fate: a write, or the end itself. */
      readonly isUnclear: boolean
      /** Why it is aborted; undefined when it is committed. */
      readonly reason: unknown
    }
  /** The transaction was aborted for `reason`; it settles when the ids are known, or refused. */
  | { readonly name: 'reclaiming'; readonly ids: ProducerIds; readonly reason: unknown }
  | { readonly name: 'dead'; readonly error: KafkaError }

export type Event =
  /**
   * `hasProtocolChanged`: the cluster was upgraded since; ids of the older way need a new epoch.
   */
  | { readonly type: 'beginAsked'; readonly hasProtocolChanged: boolean }
  /** Whoever wanted the transaction does not wait for it any longer. */
  | { readonly type: 'openingAbandoned' }
  | { readonly type: 'initialised'; readonly ids: ProducerIds }
  | { readonly type: 'initialisingFailed'; readonly error: KafkaError; readonly isFatal: boolean }
  | { readonly type: 'touched' }
  | { readonly type: 'failed'; readonly error: KafkaError }
  /** User code returned, or threw `reason` (which may be anything, also undefined). */
  | { readonly type: 'endAsked'; readonly isCommit: boolean; readonly reason?: unknown }
  /** The end may have been applied, and was not answered. */
  | { readonly type: 'endUnclear' }
  /** Version 2 answers with the ids of the next transaction. */
  | { readonly type: 'endAnswered'; readonly next: ProducerIds | undefined }
  /** The coordinator refuses to commit this one: it can only be aborted. */
  | { readonly type: 'commitRefused'; readonly error: KafkaError }
  /** The coordinator refuses the epoch: it aborted at the timeout, or a successor has the id. */
  | { readonly type: 'endFenced'; readonly error: KafkaError }
  | { readonly type: 'died'; readonly error: KafkaError }

export type Effect =
  /** With ids: the next epoch of them; without: new ones. */
  | { readonly do: 'initialise'; readonly ids: ProducerIds | undefined }
  | { readonly do: 'open' }
  /** What has no sequence number yet is not sent any more; user code hears of it. */
  | { readonly do: 'dropUnsent'; readonly error: KafkaError }
  | { readonly do: 'end'; readonly ids: ProducerIds; readonly isCommit: boolean }
  | { readonly do: 'settleCommitted' }
  | { readonly do: 'settleAborted'; readonly reason: unknown }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export const INITIAL: State = { name: 'idle', ids: undefined, isStale: false }

export function transition(state: State, event: Event): Step {
  if (event.type === 'died') return die(state, event.error)
  switch (state.name) {
    case 'idle':
      return event.type === 'beginAsked' ? begin(state, event.hasProtocolChanged) : stay(state)
    case 'opening':
      return stepOpening(state, event)
    case 'open':
      return stepOpen(state, event)
    case 'ending':
      return stepEnding(state, event)
    case 'reclaiming':
      return stepReclaiming(state, event)
    case 'dead':
      return event.type === 'endAsked' ? endDead(state.error, event) : stay(state)
  }
}

/** User code returns from a transaction whose producer has died meanwhile. */
function endDead(error: KafkaError, { isCommit, reason }: Event & { type: 'endAsked' }): Step {
  return {
    state: { name: 'dead', error },
    effects: [{ do: 'settleAborted', reason: isCommit ? error : reason }],
  }
}

function stay(state: State): Step {
  return { state, effects: [] }
}

function die(state: State, error: KafkaError): Step {
  if (state.name === 'dead') return stay(state)
  const effects: Effect[] = [{ do: 'dropUnsent', error }]
  // While user code runs, it is told; the transaction settles when it returns.
  if (state.name === 'opening' && state.isWanted) {
    effects.push({ do: 'settleAborted', reason: error })
  }
  if (state.name === 'ending') {
    effects.push({ do: 'settleAborted', reason: state.isCommit ? error : state.reason })
  }
  if (state.name === 'reclaiming') effects.push({ do: 'settleAborted', reason: state.reason })
  return { state: { name: 'dead', error }, effects }
}

function begin(
  { ids, isStale }: State & { readonly name: 'idle' },
  hasProtocolChanged: boolean,
): Step {
  if (ids !== undefined && !isStale && !hasProtocolChanged) return open(ids)
  return { state: { name: 'opening', ids, isWanted: true }, effects: [{ do: 'initialise', ids }] }
}

function open(ids: ProducerIds): Step {
  return {
    state: { name: 'open', ids, isTouched: false, failure: undefined },
    effects: [{ do: 'open' }],
  }
}

function stepOpening(state: State & { readonly name: 'opening' }, event: Event): Step {
  switch (event.type) {
    case 'openingAbandoned':
      return stay({ ...state, isWanted: false })
    case 'beginAsked':
      return stay({ ...state, isWanted: true })
    case 'initialised':
      if (state.isWanted) return open(event.ids)
      return stay({ name: 'idle', ids: event.ids, isStale: false })
    case 'initialisingFailed': {
      const { error, isFatal } = event
      if (isFatal) return die(state, error)
      const settle: Effect = { do: 'settleAborted', reason: error }
      return {
        state: { name: 'idle', ids: state.ids, isStale: true },
        effects: state.isWanted ? [settle] : [],
      }
    }
    default:
      return stay(state)
  }
}

function stepOpen(state: State & { readonly name: 'open' }, event: Event): Step {
  const { ids, isTouched, failure } = state
  switch (event.type) {
    case 'openingAbandoned':
      return stay({ name: 'idle', ids, isStale: false })
    case 'touched':
      return isTouched ? stay(state) : stay({ ...state, isTouched: true })
    case 'failed': {
      if (failure !== undefined) return stay(state)
      const { error } = event
      return { state: { ...state, failure: error }, effects: [{ do: 'dropUnsent', error }] }
    }
    case 'endAsked': {
      const isCommit = event.isCommit && failure === undefined
      const reason = event.isCommit ? failure : event.reason
      if (!isTouched) {
        const settle: Effect = isCommit
          ? { do: 'settleCommitted' }
          : { do: 'settleAborted', reason }
        return { state: { name: 'idle', ids, isStale: false }, effects: [settle] }
      }
      return {
        state: { name: 'ending', ids, isCommit, isUnclear: failure !== undefined, reason },
        effects: [{ do: 'end', ids, isCommit }],
      }
    }
    default:
      return stay(state)
  }
}

function stepEnding(state: State & { readonly name: 'ending' }, event: Event): Step {
  const { ids, isCommit, isUnclear, reason } = state
  switch (event.type) {
    case 'endUnclear':
      return stay({ ...state, isUnclear: true })
    case 'endAnswered': {
      const { next } = event
      const isStale = next === undefined && isUnclear
      const settle: Effect = isCommit ? { do: 'settleCommitted' } : { do: 'settleAborted', reason }
      return { state: { name: 'idle', ids: next ?? ids, isStale }, effects: [settle] }
    }
    case 'commitRefused': {
      const aborting: State = { ...state, isCommit: false, isUnclear: true, reason: event.error }
      return { state: aborting, effects: [{ do: 'end', ids, isCommit: false }] }
    }
    case 'endFenced':
      return {
        state: { name: 'reclaiming', ids, reason: isCommit ? event.error : reason },
        effects: [{ do: 'initialise', ids }],
      }
    default:
      return stay(state)
  }
}

function stepReclaiming(state: State & { readonly name: 'reclaiming' }, event: Event): Step {
  const { ids, reason } = state
  const settle: Effect = { do: 'settleAborted', reason }
  switch (event.type) {
    case 'initialised':
      return { state: { name: 'idle', ids: event.ids, isStale: false }, effects: [settle] }
    case 'initialisingFailed':
      if (event.isFatal) return die(state, event.error)
      return { state: { name: 'idle', ids, isStale: true }, effects: [settle] }
    default:
      return stay(state)
  }
}
