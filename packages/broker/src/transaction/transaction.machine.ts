/**
 * One transactional id as its coordinator decides it (KIP-98, KIP-360, KIP-890), as a pure
 * function. `undefined` is an id that was never used.
 *
 * | state                         | event                  | next                          |
 * | ----------------------------- | ---------------------- | ----------------------------- |
 * | undefined                     | init                   | Empty                         |
 * | Empty, Complete*              | init                   | Empty, epoch + 1              |
 * | Empty, Complete*, Ongoing     | add                    | Ongoing                       |
 * | Ongoing                       | end                    | PrepareCommit or PrepareAbort |
 * | Empty, Complete*              | end (abort, version 2) | PrepareAbort                  |
 * | Ongoing                       | init, timedOut         | PrepareAbort, producer fenced |
 * | Prepare*                      | markersWritten (all)   | CompleteCommit, CompleteAbort |
 * | Empty, Complete*              | expired                | undefined                     |
 *
 * The response to `end` is sent when the decision is stored, before the markers are written: a
 * request that arrives before they are gets CONCURRENT_TRANSACTIONS. With transaction version 2
 * every end bumps the epoch, so that a late request never belongs to a later transaction.
 */

import { ErrorCode } from '@odradek/protocol'
import type { ProducerIdentity } from '../cluster/transactional-write.ts'
import { stepEnd } from './end-transaction.ts'
import {
  type AddEvent,
  type Answer,
  type Effect,
  type Event,
  type InitEvent,
  isExhausted,
  NO_EPOCH,
  NO_PRODUCER_ID,
  type State,
  type Step,
  type Surroundings,
} from './transaction.ts'

export function transition(
  state: State | undefined,
  event: Event,
  surroundings: Surroundings,
): Step {
  switch (event.type) {
    case 'init':
      return state === undefined ? begin(event, surroundings) : stepInit(state, event, surroundings)
    case 'add':
      return state === undefined ? unknown() : stepAdd(state, event, surroundings)
    case 'end':
      return state === undefined ? unknown() : stepEnd(state, event, surroundings)
    case 'timedOut':
      return state?.phase.name === 'Ongoing' ? fence(state) : { state, effects: [] }
    case 'expired':
      return { state: state === undefined || isOpen(state) ? state : undefined, effects: [] }
    case 'markersWritten':
      return state === undefined ? { state, effects: [] } : stepMarkers(state, event.keys)
    case 'loaded':
      return { state, effects: state === undefined ? [] : resume(state, surroundings.now) }
  }
}

/** Whether it is open, or its markers are missing. */
function isOpen({ phase }: State): boolean {
  return phase.name === 'Ongoing' || phase.name === 'PrepareCommit' || phase.name === 'PrepareAbort'
}

/** Whether a partition may write for this producer, which is in the middle of a transaction. */
export function verificationError(
  state: State | undefined,
  { producerId, producerEpoch }: ProducerIdentity,
  key: string,
): number {
  if (state === undefined || state.producerId !== producerId) {
    return ErrorCode.INVALID_PRODUCER_ID_MAPPING
  }
  if (state.producerEpoch !== producerEpoch) return ErrorCode.PRODUCER_FENCED
  const { phase } = state
  if (phase.name === 'PrepareCommit' || phase.name === 'PrepareAbort') {
    return ErrorCode.CONCURRENT_TRANSACTIONS
  }
  const isAdded = phase.name === 'Ongoing' && phase.participants.has(key)
  return isAdded ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE
}

function answer(errorCode: number, identity?: ProducerIdentity): Effect {
  const { producerId = NO_PRODUCER_ID, producerEpoch = NO_EPOCH } = identity ?? {}
  return { do: 'answer', answer: { errorCode, producerId, producerEpoch } satisfies Answer }
}

function unknown(): Step {
  return { state: undefined, effects: [answer(ErrorCode.INVALID_PRODUCER_ID_MAPPING)] }
}

function refuse(state: State, errorCode: number): Step {
  return { state, effects: [answer(errorCode)] }
}

function begin({ timeoutMs }: InitEvent, { freshProducerId }: Surroundings): Step {
  const state: State = {
    producerId: freshProducerId,
    producerEpoch: 0,
    previousProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs,
    isSecondVersion: false,
    phase: { name: 'Empty' },
  }
  return { state, effects: [{ do: 'takeProducerId' }, answer(ErrorCode.NONE, state)] }
}

function stepInit(state: State, event: InitEvent, surroundings: Surroundings): Step {
  const { expected, timeoutMs } = event
  if (expected !== null && !isOurs(state, expected)) return refuse(state, ErrorCode.PRODUCER_FENCED)
  switch (state.phase.name) {
    case 'PrepareCommit':
    case 'PrepareAbort':
      return refuse(state, ErrorCode.CONCURRENT_TRANSACTIONS)
    case 'Ongoing': {
      const fenced = fence(state)
      // The client retries, and gets an epoch after that of the fence.
      const refusal = answer(ErrorCode.CONCURRENT_TRANSACTIONS)
      return { ...fenced, effects: [...fenced.effects, refusal] }
    }
    default:
      break
  }
  const { producerEpoch } = state
  const mayRotate = expected === null || expected.producerEpoch === producerEpoch
  if (isExhausted(producerEpoch) && mayRotate) {
    const next: State = {
      ...state,
      producerId: surroundings.freshProducerId,
      previousProducerId: state.producerId,
      producerEpoch: 0,
      lastProducerEpoch: expected === null ? NO_EPOCH : producerEpoch,
      timeoutMs,
      phase: { name: 'Empty' },
    }
    return { state: next, effects: [{ do: 'takeProducerId' }, answer(ErrorCode.NONE, next)] }
  }
  const isRepeated =
    expected !== null &&
    expected.producerEpoch !== producerEpoch &&
    expected.producerEpoch === state.lastProducerEpoch
  const isCurrent = expected === null || expected.producerEpoch === producerEpoch
  if (!isCurrent && !isRepeated) return refuse(state, ErrorCode.PRODUCER_FENCED)
  const next: State = {
    ...state,
    producerEpoch: isRepeated ? producerEpoch : producerEpoch + 1,
    lastProducerEpoch: isRepeated
      ? state.lastProducerEpoch
      : expected === null
        ? NO_EPOCH
        : producerEpoch,
    timeoutMs,
    phase: { name: 'Empty' },
  }
  return { state: next, effects: [answer(ErrorCode.NONE, next)] }
}

/** Its id is the current one, or the one before, if its epochs had run out. */
function isOurs(state: State, { producerId, producerEpoch }: ProducerIdentity): boolean {
  return (
    producerId === state.producerId ||
    (producerId === state.previousProducerId && isExhausted(producerEpoch))
  )
}

function stepAdd(state: State, event: AddEvent, { now }: Surroundings): Step {
  const { producerId, producerEpoch, participants, isSecondVersion } = event
  if (state.producerId !== producerId) return refuse(state, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  if (state.producerEpoch !== producerEpoch) return refuse(state, ErrorCode.PRODUCER_FENCED)
  const { phase } = state
  if (phase.name === 'PrepareCommit' || phase.name === 'PrepareAbort') {
    return refuse(state, ErrorCode.CONCURRENT_TRANSACTIONS)
  }
  const isOngoing = phase.name === 'Ongoing'
  const known = isOngoing ? phase.participants : new Map<string, never>()
  if (isOngoing && [...participants.keys()].every((key) => known.has(key))) {
    return refuse(state, ErrorCode.NONE)
  }
  const next: State = {
    ...state,
    isSecondVersion,
    phase: {
      name: 'Ongoing',
      startedAt: isOngoing ? phase.startedAt : now,
      participants: new Map([...known, ...participants]),
    },
  }
  const timeout: readonly Effect[] = isOngoing
    ? []
    : [{ do: 'setTimeout', afterMs: state.timeoutMs }]
  return { state: next, effects: [...timeout, answer(ErrorCode.NONE)] }
}

/**
 * Aborts with an epoch that no producer has: the producer's own requests are refused. With
 * transaction version 2 the epoch before stays known, so that the producer can continue after a
 * timeout (Kafka 4.4.0 does the same; under version 1 it does not).
 */
function fence(state: State): Step {
  const { phase, producerEpoch, isSecondVersion } = state
  if (phase.name !== 'Ongoing') return { state, effects: [] }
  const { startedAt, participants } = phase
  const next: State = {
    ...state,
    producerEpoch: producerEpoch + 1,
    lastProducerEpoch: isSecondVersion ? producerEpoch : NO_EPOCH,
    phase: { name: 'PrepareAbort', startedAt, participants, nextProducerId: NO_PRODUCER_ID },
  }
  return { state: next, effects: [{ do: 'clearTimeout' }, { do: 'writeMarkers' }] }
}

function stepMarkers(state: State, keys: readonly string[]): Step {
  const { phase } = state
  if (phase.name !== 'PrepareCommit' && phase.name !== 'PrepareAbort') return { state, effects: [] }
  const participants = new Map(phase.participants)
  for (const key of keys) participants.delete(key)
  const { startedAt, nextProducerId } = phase
  if (participants.size > 0)
    return { state: { ...state, phase: { ...phase, participants } }, effects: [] }
  const name = phase.name === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort'
  const next: State = { ...state, phase: { name, startedAt } }
  if (nextProducerId === NO_PRODUCER_ID) return { state: next, effects: [] }
  return {
    state: {
      ...next,
      previousProducerId: state.producerId,
      producerId: nextProducerId,
      producerEpoch: 0,
    },
    effects: [],
  }
}

/** A new coordinator continues where the old one was. */
function resume({ phase, timeoutMs }: State, now: number): readonly Effect[] {
  switch (phase.name) {
    case 'Ongoing':
      return [{ do: 'setTimeout', afterMs: Math.max(0, phase.startedAt + timeoutMs - now) }]
    case 'PrepareCommit':
    case 'PrepareAbort':
      return [{ do: 'writeMarkers' }]
    default:
      return []
  }
}
