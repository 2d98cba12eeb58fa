/**
 * What was observed of a run: one list of events in the order in which they happened, each with its
 * time (virtual milliseconds in a simulation, monotonic ones elsewhere). Checkers judge on this
 * alone, so it says nothing of how it was come by: what clients did and saw is written through
 * their public API, against any cluster; what brokers did is there where brokers tell it.
 *
 * An *actor* is one life of one client process: a member that is killed and starts again is another
 * actor (`member-1`, then `member-1.2`). It is the client id, too, so brokers name actors as well.
 */
import type { ShareHistoryEvent } from './share-event.ts'
import type { TopicPartition } from './topic-partition.ts'

interface At {
  readonly at: number
}

interface ByActor extends At {
  readonly actor: string
}

interface OfGroup extends ByActor {
  readonly groupId: string
}

/** A topic that the workload uses exists, or (with no partitions) exists no more. */
export interface TopicEvent extends At {
  readonly type: 'topic'
  readonly topic: string
  readonly partitions: number
}

/** A producer was asked to send these records, in this order; each has an id of its own. */
export interface SendingEvent extends ByActor {
  readonly type: 'sending'
  readonly topic: string
  readonly ids: readonly string[]
}

export interface AcknowledgedEvent extends ByActor, TopicPartition {
  readonly type: 'acknowledged'
  readonly id: string
  /** Null when the broker did not tell. */
  readonly offset: number | null
}

export interface SendFailedEvent extends ByActor {
  readonly type: 'sendFailed'
  readonly topic: string
  readonly id: string
  readonly outcome: 'notWritten' | 'unknown'
  readonly reason: string
}

/** A batch entered a log. */
export interface AppendedEvent extends At, TopicPartition {
  readonly type: 'appended'
  readonly nodeId: number
  readonly baseOffset: number
  readonly leaderEpoch: number
  readonly producerId: string
  readonly producerEpoch: number
  readonly baseSequence: number
  /** Of its records, in order. */
  readonly ids: readonly string[]
  /** The same, ms since the epoch; where members begin at an instant. */
  readonly timestamps?: readonly number[]
}

/** User code got a record. */
export interface DeliveredEvent extends OfGroup, TopicPartition {
  readonly type: 'delivered'
  readonly offset: number
  readonly id: string
  readonly key: string | null
  /** Whose order the reader promises: the partition's, or that of each key in it. */
  readonly keeps: 'partition' | 'key'
  /** Key and value are what was sent under this id. */
  readonly isIntact: boolean
}

/** User code is done with a record, and said so or is about to. */
export interface ProcessedEvent extends OfGroup, TopicPartition {
  readonly type: 'processed'
  readonly offset: number
}

/**
 * A program that commits by itself is about to ask for a commit of everything before this offset.
 */
export interface CommitRequestedEvent extends OfGroup, TopicPartition {
  readonly type: 'commitRequested'
  readonly offset: number
}

/** User code left a loop without being done: from here on it is delivered again. */
export interface RewoundEvent extends OfGroup, TopicPartition {
  readonly type: 'rewound'
  readonly offset: number
}

/** The group told a member what comes and goes, as its hooks heard it. */
export interface OwnershipEvent extends OfGroup {
  readonly type: 'assigned' | 'revoked' | 'lost'
  readonly partitions: readonly TopicPartition[]
}

/** The client said that a partition is read on from elsewhere. */
export interface PositionResetEvent extends OfGroup, TopicPartition {
  readonly type: 'positionReset'
  readonly offset: number
  readonly reason: string
}

export interface DataLossEvent extends OfGroup, TopicPartition {
  readonly type: 'dataLoss'
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** A coordinator accepted an offset. */
export interface CommittedEvent extends At, TopicPartition {
  readonly type: 'committed'
  readonly nodeId: number
  /** The broker's number of the connection on which it came; later connections have higher ones. */
  readonly connectionId: number
  readonly groupId: string
  readonly offset: number
  readonly generationId: number
  readonly memberId: string
  /** The actor. */
  readonly clientId: string
  /** The topic that it is of by its own word, when the one that has the name by now is another. */
  readonly formerTopicId?: string
}

export interface GroupMember {
  readonly memberId: string
  /** The actor. */
  readonly clientId: string
  /** Its own, by the coordinator's word: those that it still has to give up among them. */
  readonly partitions: readonly TopicPartition[]
}

/** A group changed, as its coordinator has it. */
export interface GroupEvent extends At {
  readonly type: 'group'
  readonly nodeId: number
  readonly groupId: string
  /** Which protocol it speaks; classic unless it is said. */
  readonly protocol?: 'consumer' | 'share'
  readonly state: string
  readonly generationId: number
  readonly cause: string
  readonly members: readonly GroupMember[]
}

/** A partition is led by this broker from now on (-1: by none). */
export interface LeaderEvent extends At, TopicPartition {
  readonly type: 'leader'
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly end: number
}

/**
 * Something of the cluster moved: coordinators, brokers, transactions. For people; no checker reads
 * it.
 */
export interface ClusterEvent extends At {
  readonly type: 'cluster'
  readonly what: string
}

/** A client said something of itself that no checker reads. */
export interface RemarkEvent extends ByActor {
  readonly type: 'remark'
  readonly what: string
}

/**
 * Records went from a log that had them: its end was truncated, its start expired, or the topic was
 * deleted. Then everything went, and the partition of that name, if there is one again, is another.
 */
export interface RecordsGoneEvent extends At, TopicPartition {
  readonly type: 'recordsGone'
  readonly cause: 'truncated' | 'expired' | 'deleted'
  readonly from: number
  /** Behind the last of them. */
  readonly to: number
}

/** What the plan did to the world, from now until a moment that may be now. */
export interface FaultEvent extends At {
  readonly type: 'fault'
  readonly what: string
  readonly until: number
}

/**
 * Given as it is, or counted from the group's first start: then that of the first members holds.
 */
export interface StartInstant {
  readonly timestamp: number
  readonly isOfGroup: boolean
}

/**
 * The life of a group's member: user code began to read, asked it to close, its process was ended,
 * or ended itself because another took its static name (`memberFenced`). With `remains` a static
 * member's place in the group is kept.
 */
export interface MemberEvent extends OfGroup {
  readonly type: 'memberStarted' | 'memberClosing' | 'memberKilled' | 'memberFenced'
  readonly remains?: boolean
  /** Older records it leaves out where its group has committed nothing (ms since the epoch). */
  readonly startsFrom?: StartInstant
  /** What its group speaks, when it starts in a share group. */
  readonly protocol?: 'consumer' | 'share'
  /** Its program commits by itself, and says so before it does (`commitRequested`). */
  readonly commits?: 'manual'
}

/**
 * A member's program stops reading: its `run` failed, or it requests no more records. The member
 * leaves its group within so long; one that left its loop `mayStay`, if nothing is to be delivered.
 */
export interface ReadingStoppedEvent extends OfGroup {
  readonly type: 'readingStopped'
  readonly leavesWithinMs: number
  readonly mayStay: boolean
}

/** It reads again. */
export interface ReadingResumedEvent extends OfGroup {
  readonly type: 'readingResumed'
}

/** A client's `close` came back. */
export interface ClosedEvent extends ByActor {
  readonly type: 'closed'
  readonly tookMs: number
  readonly timeoutMs: number
  /** What it rejected with. */
  readonly error?: string
}

/** What a process held after everything in it was closed. */
export interface LeftoversEvent extends ByActor {
  readonly type: 'leftovers'
  readonly timers: number
  readonly connections: number
  readonly threads: number
}

/** Something that nobody should have to see: an error in a reader, a loop, or out of nowhere. */
export interface EscapedEvent extends ByActor {
  readonly type: 'escaped'
  readonly error: string
}

/** Nothing is written from now on. */
export interface WritesStoppedEvent extends At {
  readonly type: 'writesStopped'
}

/** What a reader with read_committed found in the output of transactions, at the end. */
export interface CopiedEvent extends At, TopicPartition {
  readonly type: 'copied'
  readonly offset: number
  /** Of the record that this one is the copy of. */
  readonly id: string
}

/** How far a group has come, at the end, by the cluster's own word. */
export interface LagEvent extends At, TopicPartition {
  readonly type: 'lag'
  readonly groupId: string
  readonly committed: number | null
  readonly end: number
}

export type HistoryEvent =
  | TopicEvent
  | SendingEvent
  | AcknowledgedEvent
  | SendFailedEvent
  | AppendedEvent
  | RecordsGoneEvent
  | DeliveredEvent
  | ProcessedEvent
  | CommitRequestedEvent
  | RewoundEvent
  | OwnershipEvent
  | PositionResetEvent
  | DataLossEvent
  | CommittedEvent
  | GroupEvent
  | LeaderEvent
  | ClusterEvent
  | RemarkEvent
  | FaultEvent
  | MemberEvent
  | ReadingStoppedEvent
  | ReadingResumedEvent
  | ClosedEvent
  | LeftoversEvent
  | EscapedEvent
  | WritesStoppedEvent
  | LagEvent
  | CopiedEvent
  | ShareHistoryEvent

export type EventType = HistoryEvent['type']
export type EventOf<T extends EventType> = Extract<HistoryEvent, { readonly type: T }>

/** An event before it has its time. */
export type NewEvent = Timeless<HistoryEvent>
type Timeless<E> = E extends HistoryEvent ? Omit<E, 'at'> : never
