/**
 * Keeps whoever reads supplied with records of all assigned partitions, by one share session with
 * each broker that leads some. Brokers are asked for records only when the buffer is empty and
 * somebody waits: what is acquired is locked, and withheld from all others. With the acquire mode
 * `record_limit` one broker is asked at a time, in turn, so that the limit holds for all together.
 */
import type { KafkaError } from '@odradek/protocol'
import { Coalesced } from '../async/coalesced.ts'
import type { Purpose } from '../cluster/broker-pool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { needsCheck } from '../consumer/partition/checked-record.ts'
import type { AssignedPartition } from '../groups/shell/membership.ts'
import type { StallReport } from '../cluster/stall-reporter.ts'
import type { Hold } from './acquired-record.ts'
import { Appetite } from './adaptive-batch-size.ts'
import { BrokerSharer } from './broker-share-fetcher.ts'
import { ShareBuffer } from './share-fetch-buffer.ts'
import type { EffectiveShareConsumerOptions } from './share-consumer-options.ts'
import type { ShareLedger } from './acknowledgement-tracker.ts'
import type { ShareIdentity } from '../groups/share/share-snapshots.ts'
import { idPartitionKey } from '../groups/shell/membership.ts'
import type { AnyShareRecord } from './share-record.ts'
import { ShareTarget } from './share-target.ts'

export interface ShareFetcherParts {
  readonly cluster: Cluster
  readonly options: EffectiveShareConsumerOptions
  readonly identity: ShareIdentity
  readonly ledger: ShareLedger
  readonly stalls: StallReport
  /** Whether somebody has taken the place of the reader. */
  readonly isOccupied: () => boolean
}

export class ShareFetcher {
  readonly cluster: Cluster
  readonly options: EffectiveShareConsumerOptions
  readonly identity: ShareIdentity
  readonly ledger: ShareLedger
  readonly stalls: StallReport
  readonly buffer: ShareBuffer
  /** Its long polls must not hold up another consumer's. */
  readonly purpose: Purpose
  readonly appetite: Appetite
  /** The group's `share.renew.acknowledge.enable`, as far as it is known. */
  canRenew = true
  readonly #isOccupied: () => boolean
  readonly #sharers = new Map<number, BrokerSharer>()
  readonly #stopListening: () => void
  #targets = new Map<string, ShareTarget>()
  #turn = 0
  readonly #look: Coalesced
  #isAskingForMetadata = false
  #isResting = false
  #isClosed = false

  constructor(parts: ShareFetcherParts) {
    this.cluster = parts.cluster
    this.#look = new Coalesced(parts.cluster.environment, () => this.#run())
    this.options = parts.options
    this.identity = parts.identity
    this.ledger = parts.ledger
    this.stalls = parts.stalls
    this.#isOccupied = parts.isOccupied
    this.appetite = new Appetite(parts.options.maxPollRecords)
    this.purpose = parts.cluster.ownPurpose('fetch')
    this.buffer = new ShareBuffer({
      now: () => this.#now,
      onHungry: () => {
        this.appetite.hungry(this.#now)
        this.wake()
      },
      onHandedOut: ({ hold }) => {
        this.ledger.handOut(hold)
        hold.keeper.handedOut(hold)
      },
      isReadable: (record) => this.#isReadable(record),
      onDoubtful: ({ hold }) => hold.keeper.giveUp(hold),
    })
    this.#stopListening = parts.cluster.onMetadata(() => this.wake())
  }

  /** What nobody can decode is given up at once: it would fail at each of its deliveries. */
  #isReadable(record: AnyShareRecord): boolean {
    if (this.options.onDecodeError === 'fail' || !needsCheck(record.lineage.serdes)) return true
    const error = record.check()
    if (error === undefined) return true
    this.ledger.rejectFor(record.hold, error)
    return false
  }

  get #now(): number {
    return this.cluster.environment.clock.monotonic()
  }

  /** Whether what is fetched is going to be read. */
  get isBeingRead(): boolean {
    if (!this.#isOccupied()) return false
    const { hasWaiters, lastTakenAt } = this.buffer
    return hasWaiters || this.#now - lastTakenAt < this.options.maxPollIntervalMs
  }

  /** The partitions to fetch from; what was acquired elsewhere stays acquired. */
  assign(partitions: readonly AssignedPartition[]): void {
    const serdes = new Map(
      this.options.topics.flatMap((one) => (typeof one === 'string' ? [] : [[one.name, one]])),
    )
    this.#targets = new Map(
      partitions.map((one) => {
        const key = idPartitionKey(one)
        return [key, this.#targets.get(key) ?? new ShareTarget(one, serdes.get(one.topic))]
      }),
    )
    this.wake()
  }

  /** Something changed: looked into once this turn of the loop is over. */
  wake(): void {
    this.#look.wake()
  }

  #run(): void {
    const byLeader: ReadonlyMap<number, ShareTarget[]> = this.#isResting
      ? new Map()
      : this.#byLeader()
    for (const nodeId of byLeader.keys()) {
      if (!this.#sharers.has(nodeId)) this.#sharers.set(nodeId, new BrokerSharer(this, nodeId))
    }
    const asked = this.#whoIsAsked([...byLeader.keys()])
    for (const [nodeId, sharer] of this.#sharers) {
      sharer.consider(byLeader.get(nodeId) ?? [], asked.has(nodeId))
    }
  }

  #byLeader(): Map<number, ShareTarget[]> {
    const { topics, brokers } = this.cluster.metadata
    const byLeader = new Map<number, ShareTarget[]>()
    let needsMetadata = false
    for (const target of this.#targets.values()) {
      const leader = topics.get(target.topic)?.partitions[target.partition]?.leader
      if (leader === undefined || !brokers.has(leader)) {
        needsMetadata = true
        continue
      }
      const targets = byLeader.get(leader)
      if (targets === undefined) byLeader.set(leader, [target])
      else targets.push(target)
    }
    if (needsMetadata) this.askForMetadata('a partition to read has no known leader')
    return byLeader
  }

  /** Brokers that are to be asked for records now. */
  #whoIsAsked(leaders: readonly number[]): ReadonlySet<number> {
    if (!this.#wantsRecords) return new Set()
    if (this.options.shareAcquireMode === 'batch_optimized') return new Set(leaders)
    if ([...this.#sharers.values()].some(({ isFetching }) => isFetching)) return new Set()
    const one = leaders[this.#turn++ % leaders.length]
    return new Set(one === undefined ? [] : [one])
  }

  get #wantsRecords(): boolean {
    const { options, buffer, ledger } = this
    if (!buffer.isHungry) return false
    // Who settles records by hand may forget some; they must not pile up without end.
    const isExplicit = options.shareAcknowledgementMode === 'explicit'
    return !isExplicit || ledger.handedOutCount < options.maxPollRecords
  }

  /** What is to be told to brokers does not wait for company. */
  hurry(): void {
    for (const sharer of this.#sharers.values()) sharer.hurry()
    this.wake()
  }

  askForMetadata(reason: string): void {
    if (this.#isAskingForMetadata || this.#isClosed) return
    this.#isAskingForMetadata = true
    const { cluster } = this
    cluster
      .refreshMetadata(reason)
      .catch((error: KafkaError) => {
        this.stalls.note('reading metadata', error)
        return cluster.sleep(cluster.options.retryBackoffMs)
      })
      .finally(() => {
        this.#isAskingForMetadata = false
        this.wake()
      })
      .catch(() => undefined)
  }

  /** A record that this member holds and that is not settled; undefined when there is none. */
  get firstOpen(): Hold | undefined {
    for (const { firstOpen } of this.#sharers.values())
      if (firstOpen !== undefined) return firstOpen
    return undefined
  }

  /** Nothing reads: sends what was decided, releases what is held. Nothing is fetched until `resume`. */
  async rest(deadline: number): Promise<void> {
    this.#isResting = true
    await Promise.all([...this.#sharers.values()].map((sharer) => sharer.rest(deadline)))
  }

  /** The member joins again. */
  resume(): void {
    this.#isResting = false
    this.wake()
  }

  /** Nothing more is fetched; what is to be told is told, and the sessions end. */
  async close(deadline: number): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#look.close()
    this.#stopListening()
    await Promise.all([...this.#sharers.values()].map((sharer) => sharer.close(deadline)))
    this.cluster.closePurpose(this.purpose)
  }
}
