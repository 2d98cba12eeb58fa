/**
 * Moves batches from the partitions' queues to their leaders: up to five requests under way per
 * broker, each with at most one batch per partition. One timer looks after lingering, pauses
 * between tries and delivery deadlines. What an answer means is decided in `delivery.ts`.
 */
import {
  BrokerError,
  codecOf,
  ErrorCode,
  KafkaError,
  NO_STAMP,
  produce,
  ProtocolError,
  type RequestInput,
  stampBatch,
} from '@odradek/protocol'
import { Coalesced } from '../async/coalesced.ts'
import { EarliestTimer } from '../async/earliest-timer.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { hasTopicId } from '../cluster/metadata.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import type { Accumulator } from './accumulator.ts'
import type { Batch, BatchQueue } from './batch.ts'
import { asKafkaError, Delivery, type DeliveryHooks, type ProduceResponse } from './delivery.ts'
import { type Identity, ProducerIdentity } from './producer-identity.ts'
import type { EffectiveProducerOptions } from './producer-options.ts'

/** What a producer's transactions have to say about its writes. */
export interface TransactionalWrites extends Identity {
  readonly transactionalId: string
  readonly maxProduceVersion: number | undefined
  /** Whether the partition is (or may become) a part of the transaction that is open. */
  mayWrite(partition: TopicPartition): boolean
}

const LAST_VERSION_WITH_NAMES = 12

export class Sender {
  readonly delivery: Delivery
  readonly #cluster: Cluster
  readonly #options: EffectiveProducerOptions
  readonly #hooks: DeliveryHooks
  readonly #accumulator: Accumulator
  readonly #identity: Identity
  readonly #transactions: TransactionalWrites | undefined
  readonly #inFlightByNode = new Map<number, number>()
  readonly #maxInFlightPerPartition: number
  readonly #release: () => void
  readonly #look: Coalesced
  readonly #timer: EarliestTimer
  #isRenewing = false
  /** While somebody flushes nothing lingers. */
  flushes = 0

  constructor(
    cluster: Cluster,
    options: EffectiveProducerOptions,
    accumulator: Accumulator,
    hooks: DeliveryHooks,
    transactions?: TransactionalWrites,
  ) {
    this.#cluster = cluster
    this.#look = new Coalesced(cluster.environment, () => this.#run())
    this.#timer = new EarliestTimer(cluster.environment, () => this.wake())
    this.#options = options
    this.#hooks = hooks
    this.#accumulator = accumulator
    this.#transactions = transactions
    this.#identity = transactions ?? new ProducerIdentity(cluster)
    this.delivery = new Delivery(cluster, options, hooks)
    // Without sequence numbers a broker cannot keep order for us: one batch at a time.
    this.#maxInFlightPerPartition = options.enableIdempotence
      ? options.maxInFlightRequestsPerConnection
      : 1
    this.#release = cluster.onMetadata(() => {
      if (accumulator.active.size > 0) this.wake()
    })
  }

  get #now(): number {
    return this.#cluster.environment.clock.monotonic()
  }

  /** Something may be ready: looked into after everything that is sent in this turn. */
  wake(): void {
    this.#look.wake()
  }

  #run(): void {
    const now = this.#now
    const { active } = this.#accumulator
    let nextAt = Number.POSITIVE_INFINITY
    for (const queue of active) {
      nextAt = Math.min(nextAt, this.delivery.expire(queue, now))
      this.#hooks.onLook(queue, now)
      if (queue.isIdle) active.delete(queue)
    }
    if (this.#options.enableIdempotence && !this.#identity.isReady) {
      // What is under way needs no other name, and may be all that is left.
      if ([...active].some(({ waiting }) => waiting.length > 0)) this.#renewIdentity()
    } else {
      let readyAt = this.#sendReady(now)
      // A partition with more full batches may have several requests under way.
      while (readyAt === 0) readyAt = this.#sendReady(now)
      nextAt = Math.min(nextAt, readyAt)
    }
    // A timer that is early finds nothing to do.
    if (nextAt === Number.POSITIVE_INFINITY) this.#timer.clear()
    else this.#timer.set(nextAt)
  }

  /** Sends what may go now: 0 when something went, else when to look again. */
  #sendReady(now: number): number {
    const ready = new Map<number, Batch[]>()
    let nextAt = Number.POSITIVE_INFINITY
    let leaderless: BatchQueue | undefined
    for (const queue of this.#accumulator.active) {
      if (queue.waiting.length === 0) continue
      const leader = this.#leaderOf(queue)
      if (leader < 0) {
        leaderless ??= queue
        this.#explainLeaderless(queue)
        continue
      }
      if (this.#isBusy(leader)) continue
      const batch = queue.next(leader, this.#maxInFlightPerPartition)
      if (batch === undefined) continue
      const readyAt = this.#readyAt(queue, batch, leader)
      if (readyAt > now) nextAt = Math.min(nextAt, readyAt)
      else if (this.#mayGo(queue, batch)) {
        const batches = ready.get(leader)
        if (batches === undefined) ready.set(leader, [batch])
        else batches.push(batch)
      }
    }
    if (leaderless !== undefined) this.#findLeader(leaderless)
    let hasSent = false
    for (const [leader, batches] of ready) hasSent = this.#sendTo(leader, batches) || hasSent
    return hasSent ? 0 : nextAt
  }

  #isBusy(leader: number): boolean {
    const { maxInFlightRequestsPerConnection } = this.#options
    return (this.#inFlightByNode.get(leader) ?? 0) >= maxInFlightRequestsPerConnection
  }

  #mayGo(queue: BatchQueue, batch: Batch): boolean {
    if (!this.#options.enableIdempotence || batch.baseSequence >= 0) return true
    if (this.#transactions?.mayWrite(queue) === false) return false
    if (queue.mayNumber(this.#identity)) return true
    // It has asked for another epoch: once that is there, again.
    return this.#identity.isReady && queue.mayNumber(this.#identity)
  }

  #leaderOf(queue: BatchQueue): number {
    const { metadata } = this.#cluster
    const leader = metadata.topics.get(queue.topic)?.partitions[queue.partition]?.leader ?? -1
    return metadata.brokers.has(leader) ? leader : -1
  }

  #explainLeaderless({ topic, partition, waiting }: BatchQueue): void {
    const { topicErrors } = this.#cluster.metadata
    const errorCode = topicErrors.get(topic) ?? ErrorCode.LEADER_NOT_AVAILABLE
    const [head] = waiting
    if (head === undefined || head.lastError !== undefined) return
    head.lastError = new BrokerError(errorCode, { action: `write to ${topic}-${partition}` })
  }

  #findLeader({ topic, partition, waiting }: BatchQueue): void {
    this.#cluster.refreshMetadata(`${topic}-${partition} has no leader to write to`).then(
      () => this.wake(),
      (error: unknown) => {
        const [head] = waiting
        if (head !== undefined && error instanceof KafkaError) head.lastError = error
        this.wake()
      },
    )
  }

  /** When a batch may go: at once if it is full, flushed or awaited and alone, else later. */
  #readyAt(queue: BatchQueue, batch: Batch, leader: number): number {
    if (batch.attempts > 0) {
      return batch.lastLeader === leader
        ? Math.max(batch.retryAt, batch.heldUntil)
        : batch.heldUntil
    }
    if (queue.waiting.length > 1 || this.flushes > 0 || this.#accumulator.memory.isFull) return 0
    if (batch.isAwaited && queue.inFlight.length === 0) return 0
    if ((batch.builder?.byteLength ?? 0) >= this.#options.batchSize) return 0
    return batch.createdAt + this.#options.lingerMs
  }

  #renewIdentity(): void {
    if (this.#isRenewing) return
    this.#isRenewing = true
    this.#identity
      .renew(this.#options.deliveryTimeoutMs)
      .catch((error: unknown) => this.failWaiting(asKafkaError(error)))
      .finally(() => {
        this.#isRenewing = false
        this.wake()
      })
  }

  #sendTo(leader: number, candidates: readonly Batch[]): boolean {
    const { maxRequestSize } = this.#options
    const batches: Batch[] = []
    let bytes = 0
    for (const batch of candidates) {
      const size = batch.bytes?.length ?? batch.builder?.byteLength ?? 0
      if (batches.length > 0 && bytes + size > maxRequestSize) continue
      if (!this.#seal(batch, leader)) continue
      bytes += size
      batches.push(batch)
      // Whoever has gone goes to the end of the line.
      this.#accumulator.active.delete(batch.queue)
      this.#accumulator.active.add(batch.queue)
    }
    if (batches.length === 0) return false
    this.#inFlightByNode.set(leader, (this.#inFlightByNode.get(leader) ?? 0) + 1)
    void this.#request(leader, batches).finally(() => {
      this.#inFlightByNode.set(leader, (this.#inFlightByNode.get(leader) ?? 1) - 1)
      this.wake()
    })
    return true
  }

  /** Takes a batch out of its queue, numbers and closes it. False when that failed. */
  #seal(batch: Batch, leader: number): boolean {
    const { queue } = batch
    const { enableIdempotence, compressionType, compressionLevel } = this.#options
    const isFirstNumber = enableIdempotence && batch.baseSequence < 0
    if (isFirstNumber) queue.number(batch)
    const { baseSequence } = batch
    const { producerId, producerEpoch } = queue
    const stamp = enableIdempotence ? { producerId, producerEpoch, baseSequence } : NO_STAMP
    queue.take(batch)
    try {
      if (batch.builder !== undefined) {
        if (compressionType !== 'none') codecOf(compressionType)
        batch.bytes = batch.builder.build({
          compressionType,
          compressionLevel,
          stamp,
          isTransactional: this.#transactions !== undefined,
        })
        batch.builder = undefined
      } else if (isFirstNumber) stampBatch(batch.bytes as Buffer, stamp)
    } catch (error) {
      // Nothing was sent: the numbers are free again.
      if (isFirstNumber) queue.nextSequence = baseSequence
      const reason = error instanceof Error ? error.message : String(error)
      const failure = new ProtocolError(`A batch could not be closed: ${reason}`, { cause: error })
      this.delivery.fail(batch, failure)
      this.wake()
      return false
    }
    queue.inFlight.push(batch)
    batch.attempts++
    batch.lastLeader = leader
    return true
  }

  /** Never rejects. */
  async #request(leader: number, batches: readonly Batch[]): Promise<void> {
    const { acks, requestTimeoutMs } = this.#options
    const byTopic = new Map<string, Batch[]>()
    for (const batch of batches) {
      const { topic } = batch.queue
      const ofTopic = byTopic.get(topic)
      if (ofTopic === undefined) byTopic.set(topic, [batch])
      else ofTopic.push(batch)
    }
    const names = new Map<string, string>()
    let haveIds = true
    const { topics } = this.#cluster.metadata
    for (const name of byTopic.keys()) {
      const topic = topics.get(name)
      if (hasTopicId(topic)) names.set(topic.topicId, name)
      else haveIds = false
    }
    const body = (version: number): RequestInput<typeof produce> => ({
      transactionalId: this.#transactions?.transactionalId ?? null,
      acks: acks === 'all' ? -1 : acks,
      timeoutMs: requestTimeoutMs,
      topicData: [...byTopic].map(([name, ofTopic]) => ({
        ...(version > LAST_VERSION_WITH_NAMES ? { topicId: topics.get(name)?.topicId } : { name }),
        partitionData: ofTopic.map((batch) => ({
          index: batch.queue.partition,
          records: batch.bytes as Buffer,
        })),
      })),
    })
    const maxVersion = haveIds ? undefined : LAST_VERSION_WITH_NAMES
    try {
      const response: ProduceResponse | undefined = await this.#cluster.request(
        produce,
        leader,
        body,
        {
          purpose: 'produce',
          timeoutMs: requestTimeoutMs,
          expectsResponse: acks !== 0,
          maxVersion: this.#transactions?.maxProduceVersion ?? maxVersion,
        },
      )
      if (response === undefined) this.delivery.assumeWritten(batches)
      else this.delivery.handleResponse({ leader, batches, response, names })
    } catch (error) {
      this.delivery.handleFailure(batches, error)
    }
  }

  /** What waits is not sent any more; what is under way goes on. */
  failWaiting(error: KafkaError): void {
    for (const queue of this.#accumulator.active) this.delivery.failWaiting(queue, error)
  }

  /** What has no sequence numbers is not sent any more; what has some is settled first. */
  failUnsent(error: KafkaError): void {
    for (const queue of this.#accumulator.active) this.delivery.failUnsent(queue, error)
    this.wake()
  }

  /** Ends everything: what waits is not written, what is under way is unknown. */
  close(error: KafkaError): void {
    this.#release()
    this.#look.close()
    this.#timer.clear()
    for (const queue of this.#accumulator.active) this.delivery.abandon(queue, error)
    this.delivery.close()
  }
}
