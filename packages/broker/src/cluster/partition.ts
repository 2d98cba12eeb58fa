/**
 * A partition of the cluster: its leader, its leader epoch and its log. Long polls are notified of
 * appends, and of changes that may invalidate what they have read. Replicas share the log; a
 * follower that lags sees less of it.
 */
import { PartitionLog } from '../log/partition-log.ts'

export interface PartitionWaiter {
  onAppend(byteLength: number, partition: Partition): void
  /** The leader, the log or the topic itself changed. */
  onInvalidated(): void
}

/** A follower that has not copied everything. */
export interface Lag {
  /** The end of its log. */
  readonly endOffset: number
  /** The error for fetches beyond that end. */
  readonly errorCode: number
}

export class Partition {
  readonly index: number
  readonly log = new PartitionLog()
  replicas: readonly number[]
  /** -1 when no replica is alive. */
  leaderId: number
  leaderEpoch = 0
  readonly waiters = new Set<PartitionWaiter>()
  /** The followers that are held back, by node id. */
  readonly lags = new Map<number, Lag>()

  constructor(index: number, replicas: readonly number[], leaderId: number) {
    this.index = index
    this.replicas = replicas
    this.leaderId = leaderId
    this.log.epochs.begin(0, 0)
  }

  lead(nodeId: number): void {
    this.leaderId = nodeId
    this.leaderEpoch++
    // Only replicas without a lag are elected.
    this.lags.delete(nodeId)
    if (nodeId >= 0) this.log.epochs.begin(this.leaderEpoch, this.log.endOffset)
    this.invalidate()
  }

  /** The end of the log as one replica sees it. */
  endOffsetAt(nodeId: number): number {
    const { endOffset } = this.log
    const lag = this.lags.get(nodeId)
    return lag === undefined ? endOffset : Math.min(lag.endOffset, endOffset)
  }

  /** Makes a follower lag, or ends its lag. */
  hold(nodeId: number, lag: Lag | undefined): void {
    if (lag === undefined) this.lags.delete(nodeId)
    else this.lags.set(nodeId, lag)
    this.invalidate()
  }

  appended(byteLength: number): void {
    for (const waiter of [...this.waiters]) waiter.onAppend(byteLength, this)
  }

  invalidate(): void {
    for (const waiter of [...this.waiters]) waiter.onInvalidated()
  }
}
