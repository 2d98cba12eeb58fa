/**
 * The vocabulary of a transactional id's life: its states, its events and the effects that its
 * coordinator carries out. `transaction.machine.ts` decides; this file only has the types.
 */
import type { Participant, ProducerIdentity } from '../cluster/transactional-write.ts'

export type Participants = ReadonlyMap<string, Participant>

export function participantKey(participant: Participant): string {
  return participant.kind === 'group'
    ? `group ${participant.groupId}`
    : `partition ${participant.topic} ${participant.partition}`
}

export function participantsOf(list: readonly Participant[]): Participants {
  return new Map(list.map((one) => [participantKey(one), one]))
}

/** The names are Kafka's, as DescribeTransactions gives them. */
export type Phase =
  | { readonly name: 'Empty' }
  | {
      readonly name: 'Ongoing'
      readonly startedAt: number
      readonly participants: Participants
    }
  | {
      readonly name: 'PrepareCommit' | 'PrepareAbort'
      readonly startedAt: number
      /** The participants that have no marker yet. */
      readonly participants: Participants
      /** The next producer id, if the epochs of the current one are exhausted; else -1. */
      readonly nextProducerId: bigint
    }
  | {
      readonly name: 'CompleteCommit' | 'CompleteAbort'
      readonly startedAt: number
    }

export type PhaseName = Phase['name']

export const PHASE_NAMES: readonly PhaseName[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

export const NO_PRODUCER_ID = -1n
export const NO_EPOCH = -1

export interface State extends ProducerIdentity {
  /** The previous producer id, if its epochs were exhausted; else -1. */
  readonly previousProducerId: bigint
  /** The previous epoch, which identifies a repeated request; -1 if there is none. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  /**
   * Whether the last request of the transaction was of version 2 (KIP-890): its end bumps the
   * epoch.
   */
  readonly isSecondVersion: boolean
  readonly phase: Phase
}

export interface InitEvent {
  readonly type: 'init'
  readonly timeoutMs: number
  /** The producer's identity, if it continues after an error (KIP-360). */
  readonly expected: ProducerIdentity | null
}

export interface AddEvent extends ProducerIdentity {
  readonly type: 'add'
  readonly participants: Participants
  /** Added by the write itself, as transaction version 2 does. */
  readonly isSecondVersion: boolean
}

export interface EndEvent extends ProducerIdentity {
  readonly type: 'end'
  readonly isCommit: boolean
  /** EndTxn from version 5 on. */
  readonly isSecondVersion: boolean
}

export type Event =
  | InitEvent
  | AddEvent
  | EndEvent
  | { readonly type: 'timedOut' }
  /** It was unused for its expiration time: it is removed, unless a transaction is open. */
  | { readonly type: 'expired' }
  /** Participants that have their marker now. */
  | { readonly type: 'markersWritten'; readonly keys: readonly string[] }
  /** A new coordinator has loaded it. */
  | { readonly type: 'loaded' }

export interface Answer extends ProducerIdentity {
  readonly errorCode: number
}

export type Effect =
  | { readonly do: 'answer'; readonly answer: Answer }
  /** The fresh producer id of the surroundings is taken. */
  | { readonly do: 'takeProducerId' }
  | { readonly do: 'setTimeout'; readonly afterMs: number }
  | { readonly do: 'clearTimeout' }
  | { readonly do: 'writeMarkers' }

export interface Surroundings {
  readonly now: number
  /** The next producer id. */
  readonly freshProducerId: bigint
}

export interface Step {
  readonly state: State | undefined
  readonly effects: readonly Effect[]
}

const LAST_EPOCH = 0x7fff

/**
 * The last epoch is reserved for fencing: a producer that reaches this one gets a new producer id.
 */
export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= LAST_EPOCH - 1
}
