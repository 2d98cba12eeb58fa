/**
 * The end of a transaction at its producer's request. A repeated request gets the same response as
 * the first one. With transaction version 2 the epoch identifies the transaction: the epoch before
 * the current one is a repetition, the current one is the next transaction (KIP-890); with version
 * 1 the two look the same, so a late EndTxn may end the wrong transaction.
 */

import { ErrorCode } from '@odradek/protocol'
import type { ProducerIdentity } from '../cluster/transactional-write.ts'
import {
  type EndEvent,
  isExhausted,
  NO_EPOCH,
  NO_PRODUCER_ID,
  type Participants,
  type State,
  type Step,
  type Surroundings,
} from './transaction.ts'

const NOBODY: Participants = new Map()
const REFUSED: ProducerIdentity = { producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH }

export function stepEnd(state: State, event: EndEvent, surroundings: Surroundings): Step {
  const { phase } = state
  const { isCommit, isSecondVersion } = event
  const isRotated = isRepeatedAcrossIds(state, event)
  const isRetry = isRotated || (state.isSecondVersion && isEpochBefore(state, event))
  if (state.producerId !== event.producerId && !isRotated) {
    return refuse(state, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  }
  if (!isValidEpoch(state, event, isRetry)) return refuse(state, ErrorCode.PRODUCER_FENCED)
  switch (phase.name) {
    case 'Ongoing':
      return prepare(state, event, surroundings)
    case 'PrepareCommit':
    case 'PrepareAbort': {
      const isSame = isCommit === (phase.name === 'PrepareCommit')
      return refuse(state, isSame ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE)
    }
    case 'Empty':
      return isSecondVersion && !isCommit
        ? prepare(state, event, surroundings)
        : refuse(state, ErrorCode.INVALID_TXN_STATE)
    case 'CompleteCommit':
    case 'CompleteAbort': {
      const isSame = isCommit === (phase.name === 'CompleteCommit')
      const repeats = isSecondVersion ? isRetry : true
      if (isSame && repeats) return answered(state, ErrorCode.NONE, state)
      // A transaction without writes: it is safe to abort it.
      if (isSecondVersion && !isRetry && !isCommit) return prepare(state, event, surroundings)
      return refuse(state, ErrorCode.INVALID_TXN_STATE)
    }
  }
}

/** The first request used the last epoch of a producer id; its response was lost. */
function isRepeatedAcrossIds(state: State, { producerId, producerEpoch }: EndEvent): boolean {
  return (
    state.isSecondVersion &&
    producerId === state.previousProducerId &&
    producerId !== state.producerId &&
    isExhausted(producerEpoch) &&
    state.producerEpoch === 0
  )
}

function isEpochBefore(state: State, { producerEpoch }: EndEvent): boolean {
  return state.producerEpoch === producerEpoch + 1
}

function isValidEpoch(state: State, { producerEpoch }: EndEvent, isRetry: boolean): boolean {
  const isCurrent = producerEpoch === state.producerEpoch
  if (!state.isSecondVersion) return isCurrent
  switch (state.phase.name) {
    case 'PrepareCommit':
    case 'PrepareAbort':
      return isRetry
    case 'CompleteCommit':
    case 'CompleteAbort':
      return isRetry || isCurrent
    default:
      return isCurrent
  }
}

function prepare(state: State, event: EndEvent, { now, freshProducerId }: Surroundings): Step {
  const { isCommit, isSecondVersion } = event
  const { phase, producerEpoch } = state
  const isOngoing = phase.name === 'Ongoing'
  const needsId = isSecondVersion && isExhausted(producerEpoch)
  const next: State = {
    ...state,
    isSecondVersion,
    producerEpoch: isSecondVersion ? producerEpoch + 1 : producerEpoch,
    lastProducerEpoch: isSecondVersion ? producerEpoch : state.lastProducerEpoch,
    phase: {
      name: isCommit ? 'PrepareCommit' : 'PrepareAbort',
      startedAt: isOngoing ? phase.startedAt : now,
      participants: isOngoing ? phase.participants : NOBODY,
      nextProducerId: needsId ? freshProducerId : NO_PRODUCER_ID,
    },
  }
  // The identity with which the producer continues.
  const identity = needsId ? { producerId: freshProducerId, producerEpoch: 0 } : next
  const step = answered(next, ErrorCode.NONE, identity)
  return {
    state: next,
    effects: [
      ...(needsId ? [{ do: 'takeProducerId' } as const] : []),
      { do: 'clearTimeout' },
      { do: 'writeMarkers' },
      ...step.effects,
    ],
  }
}

function refuse(state: State, errorCode: number): Step {
  return answered(state, errorCode, REFUSED)
}

function answered(
  state: State,
  errorCode: number,
  { producerId, producerEpoch }: ProducerIdentity,
): Step {
  const answer = { errorCode, producerId, producerEpoch }
  return { state, effects: [{ do: 'answer', answer }] }
}
