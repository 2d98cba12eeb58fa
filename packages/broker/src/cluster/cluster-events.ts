/**
 * The events of a cluster: every append, every accepted commit, every change of a group, every
 * request and its response. Checkers of a simulation rely on these, so each event is emitted
 * synchronously at the moment it becomes true, and an event without listeners costs one look-up.
 * `at` is the monotonic clock of the cluster: virtual milliseconds in a virtual world.
 */

export interface AppendEvent {
  readonly at: number
  readonly nodeId: number
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  /** The batch as it is stored in the log. */
  readonly bytes: Buffer
}

/** An offset commit that counts: the coordinator accepted it, or committed its transaction. */
export interface CommitEvent {
  readonly at: number
  readonly nodeId: number
  /** The broker's number of the connection: a late commit arrives on an older connection. */
  readonly connectionId: number
  readonly groupId: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
  /** -1 for commits of no member. */
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string | null
  /** The producer whose transaction it was part of; -1 for plain commits. */
  readonly producerId: bigint
}

/** A committed offset was removed: for the group it was never committed. */
export interface TombstoneEvent {
  readonly at: number
  readonly groupId: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** The offset that was committed. */
  readonly offset: number
  readonly cause: 'expired' | 'deleted' | 'topicDeleted' | 'groupDeleted'
}

/** Records at the start of a log were removed. */
export interface ExpireEvent {
  readonly at: number
  readonly topic: string
  readonly partition: number
  /** Where the log starts now, and where it did before. */
  readonly logStartOffset: number
  readonly previousLogStartOffset: number
  readonly cause: 'retention' | 'deleteRecords' | 'expireRecords'
}

export type ShareChangeName =
  | 'acquired'
  | 'accepted'
  | 'released'
  | 'rejected'
  | 'renewed'
  | 'expired'
  /** Its last delivery failed: it is not delivered again. */
  | 'exhausted'

/** Records of a share group changed; neighbouring offsets share one event. */
export interface ShareEvent {
  readonly at: number
  readonly nodeId: number
  readonly groupId: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly what: ShareChangeName
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
  /** Empty when a lock expired. */
  readonly memberId: string
}

export type GroupType = 'classic' | 'consumer' | 'share'

/** The first line is common to all types of groups. */
export type GroupStateName =
  | 'Empty'
  | 'Stable'
  | 'Dead'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Assigning'
  | 'Reconciling'

export interface AssignedPartition {
  /** Empty when the topic does not exist any more. */
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** What a coordinator that assigns by itself (KIP-848) knows of a member. */
export interface ModernMemberView {
  /** It uses the classic protocol, in a group that is migrating. */
  readonly isClassic: boolean
  readonly state: 'Stable' | 'UnrevokedPartitions' | 'UnreleasedPartitions'
  /** -2 for a static member that has left temporarily. */
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly rackId: string | null
  readonly serverAssignor: string | null
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string
  readonly assigned: readonly AssignedPartition[]
  /** Revoked, but not reassigned before the member reports that it has released it. */
  readonly pendingRevocation: readonly AssignedPartition[]
  readonly target: readonly AssignedPartition[]
}

export interface GroupMemberView {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** -1 when the member does not choose it. */
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  /** As the leader wrote it, or what the coordinator has assigned, written in the same way. */
  readonly assignment: Buffer
  /** Null in classic groups. */
  readonly modern: ModernMemberView | null
}

export interface GroupView {
  readonly groupId: string
  readonly type: GroupType
  readonly state: GroupStateName
  /** The group epoch of a consumer group. */
  readonly generationId: number
  /** The epoch of the target assignment; -1 in classic groups. */
  readonly assignmentEpoch: number
  readonly protocolType: string | null
  /** In a consumer group, the assignor. */
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly members: readonly GroupMemberView[]
}

/** A group changed: its state, its generation, its members or their assignments. */
export interface GroupEvent extends GroupView {
  readonly at: number
  readonly nodeId: number
  /** What happened to it: the event of the group's machine. */
  readonly cause: string
}

/** A transactional id as its coordinator sees it. The names of the states are Kafka's. */
export interface TransactionView {
  readonly transactionalId: string
  readonly state:
    | 'Empty'
    | 'Ongoing'
    | 'PrepareCommit'
    | 'PrepareAbort'
    | 'CompleteCommit'
    | 'CompleteAbort'
    /** It expired because it was unused. */
    | 'Dead'
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** On the monotonic clock of the cluster; null before the first transaction. */
  readonly startedAt: number | null
  /** The participants that have no marker yet. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
  readonly groupIds: readonly string[]
}

/** A transaction changed: its state, its producer's epoch or its participants. */
export interface TransactionEvent extends TransactionView {
  readonly at: number
  readonly nodeId: number
  /** What happened to it: the event of the transaction's machine. */
  readonly cause: string
}

export interface RequestEvent {
  readonly at: number
  readonly nodeId: number
  readonly connectionId: number
  readonly api: string
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** The decoded request; `authBytes` of SaslAuthenticate are `[redacted]`. */
  readonly body: unknown
}

/** A response that was written to a connection. */
export interface ResponseEvent extends Omit<RequestEvent, 'body'> {
  /** The response before it was encoded. */
  readonly body: unknown
}

export interface LeaderEvent {
  readonly at: number
  readonly topic: string
  readonly partition: number
  /** -1 when there is none. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly endOffset: number
}

export interface CoordinatorEvent {
  readonly at: number
  readonly groupId: string
  readonly nodeId: number
}

export interface NodeEvent {
  readonly at: number
  readonly nodeId: number
  readonly state: 'started' | 'stopped' | 'killed' | 'fenced'
}

/** Something that should not happen in the broker itself; without a listener it is thrown. */
export interface ErrorEvent {
  readonly at: number
  readonly nodeId: number
  readonly error: unknown
}

export interface ClusterEvents {
  append: AppendEvent
  expire: ExpireEvent
  commit: CommitEvent
  tombstone: TombstoneEvent
  share: ShareEvent
  group: GroupEvent
  transaction: TransactionEvent
  request: RequestEvent
  response: ResponseEvent
  leader: LeaderEvent
  coordinator: CoordinatorEvent
  node: NodeEvent
  error: ErrorEvent
}

type Listener<K extends keyof ClusterEvents> = (event: ClusterEvents[K]) => void

export class ClusterEmitter {
  readonly #listeners = new Map<keyof ClusterEvents, Set<Listener<never>>>()
  readonly #onListenerError: (error: unknown) => void

  /** What a listener throws is reported, but does not affect the request that caused the event. */
  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError
  }

  on<K extends keyof ClusterEvents>(name: K, listener: Listener<K>): () => void {
    let set = this.#listeners.get(name)
    if (set === undefined) {
      set = new Set()
      this.#listeners.set(name, set)
    }
    set.add(listener)
    return () => void set.delete(listener)
  }

  hasListeners(name: keyof ClusterEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<K extends keyof ClusterEvents>(name: K, event: ClusterEvents[K]): void {
    const set = this.#listeners.get(name)
    if (set === undefined) return
    for (const listener of [...set]) {
      try {
        // The set of a name holds listeners of that name alone.
        ;(listener as Listener<K>)(event)
      } catch (error) {
        this.#onListenerError(error)
      }
    }
  }
}
