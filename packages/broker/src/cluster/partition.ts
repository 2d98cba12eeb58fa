/**
 * A partition of the cluster: who leads it, under which epoch, and its log. Those who wait for it
 * (long polls) are told when something was appended and when everything they know may be wrong.
 * Replicas share the log; a follower that lags sees less of it.
 */
import { PartitionLog } from '../log/partition-log.ts'

export interface PartitionWaiter {
  onAppend(byteLength: number, partition: Partition): void
  /** The leader, the log or the topic itself changed. */
  onUpheaval(): void
}

/** A follower that has not copied everything. */
export interface Lag {
  /** The end of its log. */
  readonly endOffset: number
  /** What it answers to those who ask for more. */
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
    // Only replicas that have everything are elected.
    this.lags.delete(nodeId)
    if (nodeId >= 0) this.log.epochs.begin(this.leaderEpoch, this.log.endOffset)
    this.disturb()
  }

  /** How far the log goes in the eyes of one replica. */
  endOffsetAt(nodeId: number): number {
    const { endOffset } = this.log
    const lag = this.lags.get(nodeId)
    return lag === undefined ? endOffset : Math.min(lag.endOffset, endOffset)
  }

  /** Holds a follower back, or lets it copy again. */
  hold(nodeId: number, lag: Lag | undefined): void {
    if (lag === undefined) this.lags.delete(nodeId)
    else this.lags.set(nodeId, lag)
    this.disturb()
  }

  appended(byteLength: number): void {
    for (const waiter of [...this.waiters]) waiter.onAppend(byteLength, this)
  }

  disturb(): void {
    for (const waiter of [...this.waiters]) waiter.onUpheaval()
  }
}
