/**
 * What the consumer knows of group membership, whatever the protocol: partitions come, go in
 * order or are lost, and everything that is sent in the group's name carries the stamp of the
 * moment. The classic protocol (JoinGroup, SyncGroup, Heartbeat) is one implementation; KIP-848
 * is to be another, and nothing outside this folder may tell them apart.
 */
import type { KafkaError } from '@odradek/protocol'
import type { ConsumerGroupMetadata } from '../../cluster/consumption.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'

export type { ConsumerGroupMetadata }

/**
 * A partition of one incarnation of a topic: a topic made anew under the same name has another id.
 */
export interface AssignedPartition extends TopicPartition {
  /** The zero UUID where the cluster does not know topic ids. */
  readonly topicId: string
  /** Only that incarnation is meant (KIP-848), and not whatever bears the name. */
  readonly isById?: true
}

/** Why partitions are taken away; what `signal.reason` tells user code, too. */
export type EndReason = 'revoked' | 'lost' | 'timeout' | 'closing'

/**
 * What a membership asks of its owner. The promises are awaited, each within the time that the
 * protocol leaves; heartbeats go on meanwhile.
 */
export interface MembershipHandler {
  /** These partitions are ours from now on. Called for every new generation, also with none. */
  onAssigned(added: readonly AssignedPartition[]): Promise<void>
  /**
   * These partitions go to others once the promise settles: stop, finish what is in hand (before
   * `deadline`, by the monotonic clock), commit.
   */
  onRevoked(partitions: readonly AssignedPartition[], deadline: number): Promise<void>
  /** These partitions may be somebody else's already: stop at once, commit nothing. */
  onLost(partitions: readonly AssignedPartition[], reason: string): void
  /**
   * A join is about to be written: no commit may be under way while the group completes it.
   * Settles when the one under way is done (or `deadline` passed); new ones wait for `onStable`.
   */
  onJoining(deadline: number): Promise<void>
  /** The generation stands: commits may go again. */
  onStable(): void
  /** Membership is over for good: the group or the user is misconfigured, or we are fenced. */
  onFatal(error: KafkaError): void
}

export interface LeaveOptions {
  /** Whether to tell the coordinator; static members remain unless told otherwise (KIP-1092). */
  readonly group: 'leave' | 'remain'
  readonly reason: string
  /** By the monotonic clock. */
  readonly deadline: number
}

export interface Membership {
  /** Begins to join; again after `rest`. */
  start(): void
  /** Undefined while this member has no valid generation. */
  readonly stamp: ConsumerGroupMetadata | undefined
  readonly assigned: readonly AssignedPartition[]
  /** Other topics, without leaving the group in between. */
  setTopics(topics: readonly string[]): void
  /** Joins again when the members are not settled by themselves, for instance after an error. */
  rejoin(reason: string): void
  /**
   * A commit was answered with an error about this member (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION,
   * FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS) although it carried this stamp.
   */
  handleStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void
  /**
   * Whether the session still holds by our own clock: counted from when the last successful
   * heartbeat was sent, so that a suspended or starved process does not act on what it lost. Asked
   * before every record, so a reading of the monotonic clock that is at hand may be given.
   */
  isSessionAlive(now?: number): boolean
  /**
   * Leaves the group until `start` is called again, because user code does not come back: what is
   * held is lost (`onLost`), and nothing of it is committed any more.
   */
  rest?(options: Pick<LeaveOptions, 'group' | 'reason'>): void
  /** Leaves without revoking anything: the owner has revoked or given up before. Idempotent. */
  leave(options: LeaveOptions): Promise<void>
}

/** A key for maps: another incarnation of a topic is another topic. */
export function idPartitionKey({ topicId, partition }: AssignedPartition): string {
  return `${topicId}:${partition}`
}
