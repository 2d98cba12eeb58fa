/** What a broker's fetcher knows of the fetcher for all brokers, and of what listens to it. */
import type { Purpose } from '../../cluster/broker-pool.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { PartitionMetadata } from '../../cluster/metadata.ts'
import type { StallReport } from '../../cluster/stall-reporter.ts'
import type { EffectiveConsumerOptions } from '../options/consumer-options.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

export interface FetcherEvents {
  onOutOfRange(reader: PartitionReader): void
  /** The topic was deleted and made anew: this is its new id. */
  onRecreated(reader: PartitionReader, topicId: string): void
  /** The leader has nothing of the epoch that was read last: what it shares ends here. */
  onDiverged(reader: PartitionReader, shared: SharedEnd): void
  /** Nothing more can be had from here. */
  onFailed(reader: PartitionReader, error: Error): void
}

/** Up to which epoch, and up to which offset of it, the leader's log may be ours. */
export interface SharedEnd {
  readonly epoch: number
  readonly endOffset: number
}

export interface FetcherOfAll {
  readonly cluster: Cluster
  readonly options: EffectiveConsumerOptions
  readonly report: StallReport
  readonly events: FetcherEvents
  readonly purpose: Purpose
  wake(): void
  moveToEnd(reader: PartitionReader): void
  leaderOf(reader: PartitionReader): PartitionMetadata | undefined
  reserve(upToBytes: number, mayEvict: boolean): number | undefined
  release(bytes: number): void
  askForMetadata(reason: string): void
}
