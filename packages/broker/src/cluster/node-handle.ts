/**
 * A running broker as the cluster and the other brokers know it. The broker itself (in `node/`) is
 * above everything that uses this interface.
 */
import type { ControlType } from '@odradek/protocol'
import type { GroupView } from './cluster-events.ts'
import type { Partition } from './partition.ts'
import type { SharePartitionView } from './share-partition-view.ts'
import type { Topic } from './topics.ts'
import type { TransactionalWrite } from './transactional-write.ts'

/** The outcome of a transaction. */
export interface OffsetDecision {
  readonly type: ControlType
  readonly producerId: bigint
}

/** What one broker at a time coordinates: groups, or transactional ids. */
interface Coordinator {
  /** This broker is the coordinator from now on. */
  elect(id: string): void
  /** Another broker is the coordinator from now on, or none is. */
  resign(id: string): void
}

export interface GroupService extends Coordinator {
  /** Commits or drops the offsets of a transaction. False while this broker cannot do it. */
  settleOffsets(groupId: string, decision: OffsetDecision): boolean
  /** A group that is loaded here. */
  view(groupId: string): GroupView | undefined
}

export interface TransactionService extends Coordinator {
  /** 0, or why the write may not be part of its transaction. */
  participationError(write: TransactionalWrite): number
}

export interface ShareService {
  /** Drops the locks of a group. */
  forgetGroup(groupId: string): void
  /** A share partition that is alive here. */
  view(groupId: string, topic: Topic, partition: Partition): SharePartitionView | undefined
}

export interface NodeHandle {
  readonly nodeId: number
  readonly groups: GroupService
  readonly transactions: TransactionService
  readonly shares: ShareService
  /** Cuts all connections. */
  disconnectAll(): void
  /** Stops the broker; unless it is graceful, connections are cut and parked requests dropped. */
  close(isGraceful: boolean): Promise<void>
}
