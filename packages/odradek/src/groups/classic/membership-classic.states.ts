/**
 * States, events and effects of the classic membership; `membership-classic.machine.ts` has the
 * rules.
 */
import type { KafkaError } from '@odradek/protocol'
import type { RetryBackoff } from '../../cluster/backoff.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'

export interface Settings extends RetryBackoff {
  readonly sessionTimeoutMs: number
  /** Heartbeats in a row that may know nothing of our join or sync before it counts as lost. */
  readonly patience: number
}

/** A generation in which the coordinator counts us in, as far as we know. */
export interface Generation {
  /** -1: none, as in Kafka's own requests. */
  readonly generationId: number
  /** The assignor that the group agreed on, and what kind it is. */
  readonly protocolName: string
  readonly isCooperative: boolean
  readonly isLeader: boolean
}

export const NO_GENERATION: Generation = {
  generationId: -1,
  protocolName: '',
  isCooperative: false,
  isLeader: false,
}

/**
 * What we hold, and since which generation: the one whose sync gave it, which is older than the
 * current one while a sync is pending (or failed). Claiming it for a newer one would contradict
 * members whose sync succeeded (KAFKA-13891).
 */
export interface Claim {
  readonly partitions: readonly TopicPartition[]
  readonly generationId: number
}

export const NO_CLAIM: Claim = { partitions: [], generationId: -1 }

/** Who we are to the coordinator. */
export interface Member {
  readonly settings: Settings
  readonly topics: readonly string[]
  /** Empty until the coordinator gave one. */
  readonly memberId: string
  readonly generation: Generation
  readonly claim: Claim
  /** Requests, hooks and pauses carry a ticket; only the outcome of the newest one counts. */
  readonly ticket: number
  /** Tries that failed since this member was last stable. */
  readonly failures: number
}

/** Whether the request that we wait for is still under way; only heartbeats can tell. */
export interface Doubts {
  /** Heartbeats in a row that the coordinator answered as if it did not know of it. */
  readonly count: number
  /** A heartbeat failed meanwhile: the connection may be as dead as that of the heartbeat. */
  readonly isSuspect: boolean
}

export const NO_DOUBTS: Doubts = { count: 0, isSuspect: false }

export type State =
  | { readonly name: 'unjoined'; readonly settings: Settings; readonly topics: readonly string[] }
  | {
      readonly name: 'preparing'
      readonly member: Member
      readonly hook: 'revoked' | 'joining'
      readonly revoking: readonly TopicPartition[]
      readonly reason: string
    }
  | {
      readonly name: 'joining'
      readonly member: Member
      /** Why to join once more when this join is done; empty for no reason to. */
      readonly rejoin: string
      readonly doubts: Doubts
    }
  | {
      readonly name: 'syncing'
      readonly member: Member
      readonly phase: 'revoking' | 'planning' | 'sent'
      readonly rejoin: string
      readonly doubts: Doubts
    }
  | {
      readonly name: 'stable'
      readonly member: Member
      readonly phase: 'revoking' | 'assigning' | 'settled'
      /** Not in the claim any more, but ours until the hook is through. */
      readonly revoking: readonly TopicPartition[]
      /** What `onAssigned` is to hear when the revocation is through. */
      readonly added: readonly TopicPartition[]
      readonly rejoin: string
    }
  | { readonly name: 'waiting'; readonly member: Member; readonly reason: string }
  | { readonly name: 'resting'; readonly member: Member }
  | { readonly name: 'leaving'; readonly member: Member }
  | { readonly name: 'left' }
  | { readonly name: 'failed'; readonly member: Member }

export type StateName = State['name']

/** `chance` is a random number in [0, 1), for jitter. */
export type Event =
  | { readonly type: 'started' }
  | { readonly type: 'topicsChanged'; readonly topics: readonly string[] }
  | { readonly type: 'rejoinRequested'; readonly reason: string }
  | { readonly type: 'hookSettled'; readonly ticket: number }
  | { readonly type: 'pauseOver'; readonly ticket: number }
  | {
      readonly type: 'joinAnswered'
      readonly ticket: number
      readonly memberId: string
      readonly generation: Generation
    }
  | {
      readonly type: 'joinRefused'
      readonly ticket: number
      readonly error: KafkaError
      /** The one to come back with, after MEMBER_ID_REQUIRED. */
      readonly memberId: string
      /** How long ago this member was stable, or started. */
      readonly unsettledMs: number
      readonly chance: number
    }
  | { readonly type: 'planned'; readonly ticket: number }
  | {
      readonly type: 'planFailed'
      readonly ticket: number
      readonly error: KafkaError
    }
  | {
      readonly type: 'syncAnswered'
      readonly ticket: number
      readonly partitions: readonly TopicPartition[]
    }
  | {
      readonly type: 'syncRefused'
      readonly ticket: number
      readonly error: KafkaError
      readonly chance: number
    }
  /** A heartbeat or a commit was answered with an error about this member. */
  | {
      readonly type: 'memberRefused'
      readonly memberId: string
      readonly generationId: number
      readonly error: KafkaError
      readonly chance: number
    }
  /** A heartbeat was answered with nothing to say. */
  | {
      readonly type: 'memberAcknowledged'
      readonly memberId: string
      readonly generationId: number
      readonly chance: number
    }
  /** No heartbeat was answered for a session timeout. */
  | { readonly type: 'sessionExpired'; readonly generationId: number; readonly chance: number }
  /** User code has had a record for too long: this member is as good as dead. */
  | { readonly type: 'restRequested'; readonly tellsGroup: boolean; readonly reason: string }
  | { readonly type: 'leaveRequested'; readonly tellsGroup: boolean; readonly reason: string }
  | { readonly type: 'leaveSettled' }

export type Effect =
  | {
      readonly do: 'callRevoked'
      readonly ticket: number
      readonly partitions: readonly TopicPartition[]
      /** Between join and sync the whole group waits, and the broker takes no commits. */
      readonly isUrgent: boolean
    }
  | {
      readonly do: 'callAssigned'
      readonly ticket: number
      readonly added: readonly TopicPartition[]
    }
  | { readonly do: 'callJoining'; readonly ticket: number }
  | {
      readonly do: 'becomeStable'
      readonly revoked: readonly TopicPartition[]
    }
  | { readonly do: 'lose'; readonly partitions: readonly TopicPartition[]; readonly reason: string }
  | { readonly do: 'sendJoin'; readonly ticket: number; readonly reason: string }
  /** The connection for joins and syncs, and what is under way on it, is given up. */
  | { readonly do: 'dropConnection' }
  | { readonly do: 'makePlan'; readonly ticket: number }
  | { readonly do: 'sendSync'; readonly ticket: number }
  | { readonly do: 'startHeartbeats' }
  | { readonly do: 'stopHeartbeats' }
  | { readonly do: 'forgetCoordinator' }
  | { readonly do: 'pause'; readonly ticket: number; readonly delayMs: number }
  | { readonly do: 'sendLeave'; readonly memberId: string; readonly reason: string }
  | { readonly do: 'reportFenced'; readonly memberId: string; readonly reason: string }
  | { readonly do: 'fail'; readonly error: KafkaError }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}
