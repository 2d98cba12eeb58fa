/**
 * A partition of the cluster: who leads it, under which epoch, and its log. Those who wait for it
 * (long polls) are told when something was appended and when everything they know may be wrong.
 */
import { PartitionLog } from '../log/partition-log.ts'

export interface PartitionWaiter {
  onAppend(byteLength: number): void
  /** The leader, the log or the topic itself changed. */
  onUpheaval(): void
}

export class Partition {
  readonly index: number
  readonly log = new PartitionLog()
  replicas: readonly number[]
  /** -1 when no replica is alive. */
  leaderId: number
  leaderEpoch = 0
  readonly waiters = new Set<PartitionWaiter>()

  constructor(index: number, replicas: readonly number[], leaderId: number) {
    this.index = index
    this.replicas = replicas
    this.leaderId = leaderId
    this.log.epochs.begin(0, 0)
  }

  lead(nodeId: number): void {
    this.leaderId = nodeId
    this.leaderEpoch++
    if (nodeId >= 0) this.log.epochs.begin(this.leaderEpoch, this.log.endOffset)
    this.disturb()
  }

  appended(byteLength: number): void {
    for (const waiter of [...this.waiters]) waiter.onAppend(byteLength)
  }

  disturb(): void {
    for (const waiter of [...this.waiters]) waiter.onUpheaval()
  }
}
