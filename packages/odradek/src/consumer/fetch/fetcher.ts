/**
 * Keeps every assigned partition supplied: one fetch per broker under way, each for the partitions
 * that have nothing buffered. A fetch waits until all partitions of its broker were taken up
 * (so that none misses the long poll), or, while the last answers are still being worked through,
 * asks for the others without waiting at the broker: a slow partition never holds another up.
 * Everything that is fetched stays within one byte budget.
 */
import { ZERO_UUID } from '@odradek/protocol'
import { Coalesced } from '../../async/coalesced.ts'
import type { Purpose } from '../../cluster/broker-pool.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { hasTopicId, type PartitionMetadata } from '../../cluster/metadata.ts'
import type { EffectiveConsumerOptions } from '../options/consumer-options.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { StallReport } from '../../cluster/stall-reporter.ts'
import { BrokerFetcher } from './broker-fetcher.ts'
import type { FetcherEvents, FetcherOfAll } from './fetcher-events.ts'

export interface FetcherTools {
  readonly cluster: Cluster
  readonly options: EffectiveConsumerOptions
  readonly report: StallReport
}

export class Fetcher implements FetcherOfAll {
  readonly cluster: Cluster
  readonly options: EffectiveConsumerOptions
  readonly report: StallReport
  readonly events: FetcherEvents
  /** Its long polls must not hold up another consumer's. */
  readonly purpose: Purpose
  /** In turn: what was answered goes to the end, so that nobody starves. */
  readonly #readers = new Set<PartitionReader>()
  readonly #brokers = new Map<number, BrokerFetcher>()
  readonly #stopListening: () => void
  #reservedBytes = 0
  /** What the fetch of one broker may reserve, so that there is room for one of each. */
  #shareBytes = 0
  readonly #look: Coalesced
  #isAskingForMetadata = false
  #isClosed = false

  constructor({ cluster, options, report }: FetcherTools, events: FetcherEvents) {
    this.cluster = cluster
    this.#look = new Coalesced(cluster.environment, () => this.#run())
    this.options = options
    this.report = report
    this.events = events
    this.purpose = cluster.ownPurpose('fetch')
    this.#stopListening = cluster.onMetadata(() => this.wake())
  }

  add(reader: PartitionReader): void {
    this.#readers.add(reader)
    this.wake()
  }

  remove(reader: PartitionReader): void {
    this.#readers.delete(reader)
    this.report.clear(`reading ${reader.name}`)
    this.wake()
  }

  moveToEnd(reader: PartitionReader): void {
    if (this.#readers.delete(reader)) this.#readers.add(reader)
  }

  /** Something changed: looked into once this turn of the loop is over. */
  wake(): void {
    this.#look.wake()
  }

  #run(): void {
    const bySource = new Map<number, PartitionReader[]>()
    let needsMetadata = false
    for (const reader of this.#readers) {
      if (!reader.isReading) continue
      const topicId = this.#newTopicId(reader)
      if (topicId !== undefined) {
        this.events.onRecreated(reader, topicId)
        continue
      }
      const source = this.#sourceOf(reader)
      if (source === undefined) {
        needsMetadata = true
        continue
      }
      const readers = bySource.get(source)
      if (readers === undefined) bySource.set(source, [reader])
      else readers.push(reader)
    }
    this.#shareBytes = Math.floor(this.options.maxBufferedBytes / bySource.size)
    const inTurn = [...bySource].map(([nodeId, readers]) => {
      return { broker: this.#brokerOf(nodeId), readers }
    })
    // Whoever found no room before goes first now: the others' long polls would take it for ever.
    inTurn.sort((a, b) => Number(b.broker.wasRefused) - Number(a.broker.wasRefused))
    for (const { broker, readers } of inTurn) broker.consider(readers)
    if (needsMetadata) this.askForMetadata('a partition to read has no known leader')
  }

  #brokerOf(nodeId: number): BrokerFetcher {
    let broker = this.#brokers.get(nodeId)
    if (broker === undefined) {
      broker = new BrokerFetcher(this, nodeId)
      this.#brokers.set(nodeId, broker)
    }
    return broker
  }

  /** False while the last fetch from this partition's broker found no room in the buffer. */
  hasRoomFor(reader: PartitionReader): boolean {
    const source = this.#sourceOf(reader)
    return source === undefined || this.#brokers.get(source)?.wasRefused !== true
  }

  /** The fetch session that this partition is in begins anew: the broker is told everything. */
  replaceSession(reader: PartitionReader): void {
    const source = this.#sourceOf(reader)
    if (source !== undefined) this.#brokers.get(source)?.replaceSession()
  }

  /** The connection over which this partition is fetched is made anew. */
  replaceConnection(reader: PartitionReader): void {
    const source = this.#sourceOf(reader)
    if (source !== undefined) this.cluster.closePurpose(this.purpose, source)
  }

  /** The id of another incarnation of the topic, when metadata tells of one. */
  #newTopicId(reader: PartitionReader): string | undefined {
    const topic = this.cluster.metadata.topics.get(reader.topic)
    if (!hasTopicId(topic) || topic.topicId === reader.topicId) return undefined
    if (reader.topicId !== ZERO_UUID) return topic.topicId
    // The id was not known when the partition was assigned: this is it.
    reader.learnTopicId(topic.topicId)
    return undefined
  }

  /** The broker to read from: the follower that the leader sent us to, or the leader. */
  #sourceOf(reader: PartitionReader): number | undefined {
    const leader = this.leaderOf(reader)
    const preferred = reader.progress.preferredReplica
    if (leader === undefined || preferred === undefined) return leader?.leader
    const isOver =
      preferred.leaderEpoch !== leader.leaderEpoch ||
      preferred.until <= this.cluster.environment.clock.monotonic() ||
      !this.cluster.metadata.brokers.has(preferred.nodeId)
    if (!isOver) return preferred.nodeId
    reader.progress.preferReplica(undefined)
    return leader.leader
  }

  /** What is corrupt on one broker's disk may be whole on another's. */
  askAnotherReplica(reader: PartitionReader): void {
    const leader = this.leaderOf(reader)
    const isAtFollower = reader.progress.preferredReplica !== undefined
    reader.progress.preferReplica(undefined)
    if (leader === undefined || isAtFollower) return
    const { brokers } = this.cluster.metadata
    const nodeId = leader.isr.find((one) => one !== leader.leader && brokers.has(one))
    if (nodeId === undefined) return
    const { clock } = this.cluster.environment
    const until = clock.monotonic() + this.cluster.options.retryBackoffMaxMs
    reader.progress.preferReplica({ nodeId, leaderEpoch: leader.leaderEpoch, until })
  }

  /** The leader, when there is one that can be asked. */
  leaderOf(reader: PartitionReader): PartitionMetadata | undefined {
    const { topics, brokers } = this.cluster.metadata
    const topic = topics.get(reader.topic)
    const partition = topic?.partitions[reader.partition]
    if (partition === undefined || !brokers.has(partition.leader)) return undefined
    return partition
  }

  /**
   * What may be fetched now within the budget; undefined when nothing may. Others are let go of
   * (`mayEvict`) only for partitions that have nothing at all: those that have would take turns.
   * When nobody can be let go of, because user code has in hand all that is held, it is as much
   * as a broker gives at least, one batch: a handler that never returns stops its partition alone.
   */
  reserve(upToBytes: number, mayEvict: boolean): number | undefined {
    const wantedBytes = Math.min(upToBytes, this.#shareBytes)
    const leastBytes = Math.min(wantedBytes, this.options.maxPartitionFetchBytes)
    let heldBytes = this.#reservedBytes
    for (const reader of this.#readers) heldBytes += reader.heldBytes
    const room = this.options.maxBufferedBytes - heldBytes
    if (heldBytes > 0 && room < leastBytes) {
      if (!mayEvict) return undefined
      if (this.#evict()) return this.reserve(upToBytes, mayEvict)
      if (!this.#isFullOfWhatIsInHand(leastBytes)) return undefined
    }
    const bytes = Math.max(1, Math.min(wantedBytes, room))
    this.#reservedBytes += bytes
    return bytes
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
  }

  /**
   * Lets go of what is buffered for a partition that is not being read at the moment: it is
   * fetched again when its turn comes. So partitions that stand still cannot fill the budget.
   */
  #evict(): boolean {
    for (const reader of this.#readers) {
      if (!reader.canBeEvicted) continue
      reader.evict()
      return true
    }
    return false
  }

  /** Nothing waits to be read, so nothing but what is being read takes up the room. */
  #isFullOfWhatIsInHand(leastBytes: number): boolean {
    let inHandBytes = 0
    for (const { buffered, heldBytes } of this.#readers) {
      if (buffered !== undefined) return false
      inHandBytes += heldBytes
    }
    return this.options.maxBufferedBytes - inHandBytes < leastBytes
  }

  askForMetadata(reason: string): void {
    if (this.#isAskingForMetadata || this.#isClosed) return
    this.#isAskingForMetadata = true
    const { cluster } = this
    cluster
      .refreshMetadata(reason)
      .catch(() => cluster.sleep(cluster.options.retryBackoffMs))
      .finally(() => {
        this.#isAskingForMetadata = false
        this.wake()
      })
      .catch(() => undefined)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Stops; fetch sessions are given back to their brokers, as far as that works at once. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#look.close()
    this.#stopListening()
    this.#readers.clear()
    await Promise.all([...this.#brokers.values()].map((broker) => broker.close()))
    this.cluster.closePurpose(this.purpose)
  }
}
