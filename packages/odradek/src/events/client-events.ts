/**
 * Everything a client says about itself. Each event has what happened, and what follows from it.
 */
import type { PartitionAction, PartitionStatus } from './partition-progress.ts'
import type { RebalanceStorm } from './rebalance-storm.ts'
import type { TopicPartition } from './topic-partition.ts'
import type { UndeliveredRecord } from './undelivered-record.ts'

/** A member of a classic group of which something cannot be read. */
export interface UnreadableMember {
  readonly groupId: string
  readonly memberId: string
  readonly error: Error
  readonly advice: string
}

export interface ClientEvents {
  /** A connection to a broker stands, authenticated. */
  connected: { readonly broker: string; readonly purpose: string }
  /** A connection could not be made; the client tries again by itself, with growing pauses. */
  connectionFailed: { readonly broker: string; readonly purpose: string; readonly error: Error }
  /** A connection ended; `error` is absent when this client closed it. */
  disconnected: { readonly broker: string; readonly purpose: string; readonly error?: Error }
  /** A broker asked for silence, because a quota is exhausted. */
  throttled: { readonly broker: string; readonly api: string; readonly throttleTimeMs: number }
  /** No known broker was reachable, so the client began again from its bootstrap servers. */
  rebootstrapped: { readonly reason: string }
  metadataRefreshed: { readonly reason: string; readonly brokers: number; readonly topics: number }
  /** An operation has not worked for a while, and why. */
  stalled: {
    /** What is tried, the same text each time: `reading orders-3`, `joining group "billing"`. */
    readonly operation: string
    /** For people: the operation, for how long, and what follows. */
    readonly message: string
    readonly error?: Error
  }
  /** Records are gone that this consumer had not read. */
  dataLoss: TopicPartition & {
    readonly from: number
    readonly to: number
    readonly count: number
    readonly reason: string
  }
  /** What this member reads has changed. */
  rebalanced: {
    readonly groupId: string
    readonly memberId: string
    readonly generationId: number
    readonly assigned: readonly TopicPartition[]
    readonly revoked: readonly TopicPartition[]
    readonly lost: readonly TopicPartition[]
  }
  /** `groupProtocol: 'auto'` was decided, for as long as this consumer lives. */
  groupProtocolChosen: {
    readonly groupId: string
    readonly protocol: 'classic' | 'consumer'
    readonly reason: string
  }
  /** The broker's own timings for this member (under KIP-848 they are not the client's). */
  brokerGroupConfig: {
    readonly groupId: string
    readonly sessionTimeoutMs: number
    readonly heartbeatIntervalMs: number
  }
  committed: {
    readonly groupId: string
    readonly offsets: readonly (TopicPartition & { readonly offset: number })[]
  }
  /**
   * Records were said to be processed too late: their partition had gone away, or was sought
   * elsewhere. What they say counts for nothing; they are delivered again, here or elsewhere.
   */
  staleMarksIgnored: TopicPartition & {
    readonly groupId: string | undefined
    /** What became of the partition meanwhile. */
    readonly reason: 'revoked' | 'lost' | 'closing' | 'timeout' | 'sought'
    /** So many marks within one turn of the event loop ... */
    readonly count: number
    /** ... of these offsets, the first and the last one. */
    readonly from: number
    readonly to: number
    /** Of this consumer so far. */
    readonly total: number
  }
  /** The lineage of a partition's offsets begins anew (a seek, a reset, a new start). */
  positionReset: TopicPartition & { readonly offset: number; readonly reason: string }
  /**
   * The subscription of a member of a classic group is not Kafka's. The leader of the group emits
   * it, and `admin.describeGroups`; `advice` says what follows from it.
   */
  unreadableSubscription: UnreadableMember
  /** The same of a member's assignment: the leader that made the plan wrote other bytes. */
  unreadableAssignment: UnreadableMember
  /** The coordinator no longer counts this member in. */
  fenced: { readonly groupId: string; readonly memberId: string; readonly reason: string }
  /** The group rebalances repeatedly, for no reason that this member sees. */
  rebalanceStorm: RebalanceStorm
  /** Records under way ran out of time: those after them stand behind a gap, or are stopped. */
  deliveryTimedOut: TopicPartition & {
    readonly recordCount: number
    readonly error: Error
    readonly onDeliveryTimeout: 'continue' | 'stop'
  }
  /** User code has had a record for `maxPollIntervalMs`; `advice` says what follows from it. */
  maxPollExceeded: TopicPartition & {
    readonly groupId: string
    readonly offset: number
    readonly heldMs: number
    /** Its signal was aborted, or this member has left the group until user code comes back. */
    readonly action: 'signalled' | 'left'
    readonly advice: string
  }
  /** The event loop did not turn for so long (or the whole process stood still). */
  eventLoopBlocked: {
    readonly groupId: string
    /** At least so long. */
    readonly blockedMs: number
    /** What was handed out last before it turned again. */
    readonly inFlight: (TopicPartition & { readonly offset: number }) | undefined
    /** Acknowledged heartbeats of the heartbeat thread meanwhile. */
    readonly heartbeats: number
    readonly isSessionAlive: boolean
    readonly advice: string
  }
  /**
   * A partition has not moved for `progressTimeoutMs`, and why; or it moves again, or has nothing
   * to read any more (`idle`). A `stuck` one is looked after by itself, step by step: its metadata,
   * its fetch session, its connection.
   */
  partitionProgress: TopicPartition & {
    readonly status: PartitionStatus
    /** What is done about a stuck partition now. */
    readonly action: PartitionAction | null
    /** Records between what is processed and the end; null when the leader does not say. */
    readonly lag: number | null
    /** When it last moved, ms since the epoch. */
    readonly since: number
    readonly advice: string
  }
  /** While the event loop is blocked nobody heartbeats for this consumer, and why. */
  heartbeatThreadUnavailable: { readonly groupId: string; readonly reason: string }
  /** Records that `write` could not deliver; `error.outcome` says whether they may be written. */
  deliveryFailed: {
    readonly topic: string
    /** Null when none was chosen yet. */
    readonly partition: number | null
    readonly error: Error
    readonly recordCount: number
    /** The records themselves, read back from their batch when asked for. */
    readonly records: readonly UndeliveredRecord[]
  }
  /** A handler's error that the policy skipped over. */
  recordSkipped: TopicPartition & { readonly offset: number; readonly error: Error }
  /** What holds for a share group, by its own configuration in the cluster; null: not told. */
  shareGroupConfigured: {
    readonly groupId: string
    /** Where a group begins that has read nothing: `share.auto.offset.reset`. */
    readonly autoOffsetReset: string | null
    readonly isolationLevel: string | null
    /** How long a record is locked for the member that got it. */
    readonly recordLockDurationMs: number | null
    /** After so many deliveries a record is given up. */
    readonly deliveryCountLimit: number | null
    /** The same in words, and how to change it. */
    readonly text: string
  }
  /**
   * A record was lost before its acknowledgement counted (its lock ran out, or its broker went): it
   * is delivered again. `acknowledgement` is null when nothing was said about the record yet.
   */
  acknowledgementLate: TopicPartition & {
    readonly groupId: string
    readonly offset: number
    readonly acknowledgement: 'accept' | 'release' | 'reject' | null
    readonly deliveryCount: number
    readonly error: Error
  }
  /** A record came back at its last delivery: the share group delivers it no more. */
  deliveryExhausted: TopicPartition & {
    readonly groupId: string
    readonly offset: number
    readonly deliveryCount: number
    readonly limit: number
    /** What the handler threw, if that is why it came back. */
    readonly error?: unknown
  }
  /** `consumer.run` ended with this error. */
  runFailed: {
    readonly error: Error
    /** Whether somebody looks at its promise: then the error is heard there. */
    readonly wasAwaited: boolean
  }
  /** `kafka.closeOnSignal`: a signal came, and everything is closed. */
  closedOnSignal: {
    readonly signal: string
    readonly elapsedMs: number
    /** What could not be ended well; see `close`. */
    readonly error: Error | undefined
  }
  /**
   * A partition is paused, and records pile up behind it. Told when lag appears, then each time it
   * has doubled.
   */
  pausedWithLag: TopicPartition & {
    /** Records between what is processed and the end. */
    readonly lag: number
    /** How many more than when it was last told (or first seen). */
    readonly grownBy: number
    readonly advice: string
  }
  /** A listener threw; the client went on. */
  listenerError: { readonly event: string; readonly error: unknown }
}
