/**
 * Moves batches from the partitions' queues to their leaders: up to five requests under way per
 * broker, each with at most one batch per partition. One timer looks after lingering, pauses
 * between tries and delivery deadlines. Everything about a batch's fate is decided here, once.
 */
import type { Timer } from '@odradek/environment'
import {
  BrokerError,
  codecOf,
  ErrorCode,
  errorTraits,
  type KafkaError,
  produce,
  ProtocolError,
  type RequestInput,
  type ResponseOf,
  stampBatch,
} from '@odradek/protocol'
import { backoffMs } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { hasTopicId } from '../cluster/metadata.ts'
import { ConnectionError, TimeoutError } from '../errors/errors.ts'
import { reactionTo } from '../errors/reaction.ts'
import type { Batch } from './batch.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { advanceSequence, produceReaction } from './produce-reaction.ts'
import { ProducerIdentity } from './producer-identity.ts'
import type { EffectiveProducerOptions } from './producer-options.ts'
import { splitBatch } from './split-batch.ts'

type ProduceResponse = ResponseOf<typeof produce>
type PartitionResponse = ProduceResponse['responses'][number]['partitionResponses'][number]

const LAST_VERSION_WITH_NAMES = 12

export class Sender {
  readonly #cluster: Cluster
  readonly #options: EffectiveProducerOptions
  readonly #identity: ProducerIdentity
  readonly #queues: ReadonlyMap<string, PartitionQueue>
  readonly #onDone: (batch: Batch) => void
  readonly #inFlightByNode = new Map<number, number>()
  readonly #maxInFlightPerPartition: number
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #isScheduled = false
  #isRenewing = false
  #isClosed = false
  /** While somebody flushes nothing lingers. */
  flushes = 0

  constructor(
    cluster: Cluster,
    options: EffectiveProducerOptions,
    queues: ReadonlyMap<string, PartitionQueue>,
    onDone: (batch: Batch) => void,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#queues = queues
    this.#onDone = onDone
    this.#identity = new ProducerIdentity(cluster)
    // Without sequence numbers a broker cannot keep order for us: one batch at a time.
    this.#maxInFlightPerPartition = options.enableIdempotence
      ? options.maxInFlightRequestsPerConnection
      : 1
  }

  get #now(): number {
    return this.#cluster.environment.clock.monotonic()
  }

  get #inFlightCount(): number {
    let count = 0
    for (const requests of this.#inFlightByNode.values()) count += requests
    return count
  }

  /** Something may be ready: looked into after everything that is sent in this turn. */
  wake(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    this.#cluster.environment.timers.soon(() => {
      this.#isScheduled = false
      if (!this.#isClosed) this.#run()
    })
  }

  #run(): void {
    const now = this.#now
    this.#expire(now)
    if (this.#options.enableIdempotence && !this.#identity.isReady) {
      this.#renewIdentity()
      return
    }
    let nextAt = Number.POSITIVE_INFINITY
    const ready = new Map<number, Batch[]>()
    let needsMetadata = false
    for (const queue of this.#queues.values()) {
      const [head] = queue.waiting
      if (head === undefined) continue
      nextAt = Math.min(nextAt, head.createdAt + this.#options.deliveryTimeoutMs)
      const leader = this.#leaderOf(queue)
      if (leader < 0) {
        needsMetadata = true
        continue
      }
      const batch = queue.nextToSend(this.#maxInFlightPerPartition)
      if (batch === undefined) continue
      const readyAt = this.#readyAt(queue, batch, leader)
      if (readyAt > now) nextAt = Math.min(nextAt, readyAt)
      else ready.set(leader, [...(ready.get(leader) ?? []), batch])
    }
    for (const [leader, batches] of ready) this.#sendTo(leader, batches)
    if (needsMetadata) {
      this.#cluster
        .refreshMetadata('a partition to write to has no leader')
        .catch(() => undefined)
        .finally(() => this.wake())
    }
    this.#arm(nextAt)
  }

  #leaderOf(queue: PartitionQueue): number {
    const { metadata } = this.#cluster
    const leader = metadata.topics.get(queue.topic)?.partitions[queue.partition]?.leader ?? -1
    return metadata.brokers.has(leader) ? leader : -1
  }

  /** When a batch may go: at once if it is full, alone or flushed, else after lingering. */
  #readyAt(queue: PartitionQueue, batch: Batch, leader: number): number {
    if (batch.attempts > 0) return batch.lastLeader === leader ? batch.retryAt : 0
    const isFull =
      queue.waiting.length > 1 || (batch.builder?.byteLength ?? 0) >= this.#options.batchSize
    const isAlone = (this.#inFlightByNode.get(leader) ?? 0) === 0
    if (isFull || isAlone || this.flushes > 0) return 0
    return batch.createdAt + this.#options.lingerMs
  }

  #arm(at: number): void {
    const { timers } = this.#cluster.environment
    if (at === this.#timerAt) return
    timers.clear(this.#timer)
    this.#timer = undefined
    this.#timerAt = at
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = timers.set(Math.max(1, at - this.#now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.wake()
    })
  }

  #renewIdentity(): void {
    if (this.#isRenewing || this.#inFlightCount > 0) return
    this.#isRenewing = true
    this.#identity
      .renew(this.#options.deliveryTimeoutMs)
      .then(
        () => this.#restartSequences(),
        (error: KafkaError) => this.#failAll(error),
      )
      .finally(() => {
        this.#isRenewing = false
        this.wake()
      })
      .catch(() => undefined)
  }

  /** Under a new epoch every partition counts from 0, batches that were tried before included. */
  #restartSequences(): void {
    for (const queue of this.#queues.values()) {
      queue.nextSequence = 0
      queue.lastAckedSequence = -1
      for (const batch of queue.waiting) batch.baseSequence = -1
    }
  }

  #failAll(error: KafkaError): void {
    for (const queue of this.#queues.values()) {
      for (const batch of queue.waiting.splice(0)) this.#finish(batch, error)
    }
  }

  #sendTo(leader: number, candidates: readonly Batch[]): void {
    const { maxRequestSize, maxInFlightRequestsPerConnection } = this.#options
    const inFlight = this.#inFlightByNode.get(leader) ?? 0
    if (inFlight >= maxInFlightRequestsPerConnection) return
    const batches: Batch[] = []
    let bytes = 0
    for (const batch of candidates) {
      const encoded = this.#seal(batch)
      if (encoded === undefined) continue
      if (batches.length > 0 && bytes + encoded.length > maxRequestSize) continue
      bytes += encoded.length
      batches.push(batch)
    }
    for (const batch of batches) this.#markSent(batch, leader)
    if (batches.length === 0) return
    this.#inFlightByNode.set(leader, inFlight + 1)
    this.#request(leader, batches)
      .then(
        (response) => this.#handleResponse(leader, batches, response),
        (error: unknown) => this.#handleFailure(batches, error),
      )
      .catch((error: unknown) => this.#handleFailure(batches, error))
      .finally(() => {
        this.#inFlightByNode.set(leader, (this.#inFlightByNode.get(leader) ?? 1) - 1)
        this.wake()
      })
      .catch(() => undefined)
    // A partition with more full batches may have another request under way at once.
    this.wake()
  }

  /** Closes the batch (its bytes never change again but for their stamp). */
  #seal(batch: Batch): Buffer | undefined {
    if (batch.bytes === undefined && batch.builder !== undefined) {
      const { compressionType, compressionLevel } = this.#options
      try {
        if (compressionType !== 'none') codecOf(compressionType)
        batch.bytes = batch.builder.build({ compressionType, compressionLevel })
        batch.builder = undefined
      } catch (error) {
        const queue = this.#queueOf(batch)
        queue.waiting.splice(queue.waiting.indexOf(batch), 1)
        const reason = error instanceof Error ? error.message : String(error)
        this.#finish(batch, new ProtocolError(`A batch could not be compressed: ${reason}`))
        return undefined
      }
    }
    return batch.bytes
  }

  #markSent(batch: Batch, leader: number): void {
    const queue = this.#queueOf(batch)
    queue.waiting.splice(queue.waiting.indexOf(batch), 1)
    queue.inFlight.push(batch)
    batch.attempts++
    batch.lastLeader = leader
    if (!this.#options.enableIdempotence) return
    const { producerId, producerEpoch } = this.#identity
    if (batch.baseSequence < 0) {
      batch.baseSequence = queue.nextSequence
      queue.nextSequence = advanceSequence(queue.nextSequence, batch.recordCount)
    } else if (batch.producerEpoch === producerEpoch) return
    batch.producerEpoch = producerEpoch
    const { baseSequence } = batch
    stampBatch(batch.bytes as Buffer, { producerId, producerEpoch, baseSequence })
  }

  async #request(leader: number, batches: readonly Batch[]): Promise<ProduceResponse | undefined> {
    const { acks, requestTimeoutMs } = this.#options
    const byTopic = new Map<string, Batch[]>()
    for (const batch of batches) {
      byTopic.set(batch.topic, [...(byTopic.get(batch.topic) ?? []), batch])
    }
    const { topics } = this.#cluster.metadata
    const haveIds = [...byTopic.keys()].every((name) => hasTopicId(topics.get(name)))
    const body = (version: number): RequestInput<typeof produce> => ({
      transactionalId: null,
      acks: acks === 'all' ? -1 : acks,
      timeoutMs: requestTimeoutMs,
      topicData: [...byTopic].map(([name, ofTopic]) => ({
        ...(version > LAST_VERSION_WITH_NAMES ? { topicId: topics.get(name)?.topicId } : { name }),
        partitionData: ofTopic.map((batch) => ({
          index: batch.partition,
          records: batch.bytes as Buffer,
        })),
      })),
    })
    return this.#cluster.request(produce, leader, body, {
      purpose: 'produce',
      timeoutMs: requestTimeoutMs,
      expectsAnswer: acks !== 0,
      maxVersion: haveIds ? undefined : LAST_VERSION_WITH_NAMES,
    })
  }

  #handleResponse(
    leader: number,
    batches: readonly Batch[],
    response: ProduceResponse | undefined,
  ): void {
    if (response === undefined) {
      for (const batch of batches) {
        this.#landed(batch)
        this.#succeed(batch, null, -1)
      }
      return
    }
    const answers = new Map<string, PartitionResponse>()
    for (const topic of response.responses) {
      const name = topic.name || this.#cluster.metadata.namesById.get(topic.topicId) || ''
      for (const answer of topic.partitionResponses) answers.set(`${name}:${answer.index}`, answer)
    }
    for (const batch of batches) {
      const answer = answers.get(`${batch.topic}:${batch.partition}`)
      if (answer === undefined) {
        this.#landed(batch)
        this.#retry(batch, new ProtocolError(`Broker ${leader} left a partition out of its answer`))
      } else this.#handleAnswer(batch, answer)
    }
  }

  #handleAnswer(batch: Batch, answer: PartitionResponse): void {
    const queue = this.#queueOf(batch)
    const expected = queue.lastAckedSequence < 0 ? 0 : queue.lastAckedSequence + 1
    const reaction = produceReaction(answer.errorCode, {
      isIdempotent: this.#options.enableIdempotence,
      recordCount: batch.recordCount,
      isNextInSequence: batch.baseSequence === expected,
    })
    this.#landed(batch)
    if (answer.currentLeader.leaderId >= 0) {
      this.#cluster.hintLeader(batch.topic, batch.partition, answer.currentLeader)
    }
    if (reaction === 'written') {
      const isDuplicate = answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER
      const offset = isDuplicate || answer.baseOffset < 0 ? null : answer.baseOffset
      if (batch.baseSequence >= 0) {
        queue.lastAckedSequence = advanceSequence(batch.baseSequence, batch.recordCount - 1)
      }
      this.#succeed(batch, offset, answer.logAppendTimeMs)
      return
    }
    const error = new BrokerError(answer.errorCode, {
      action: `write to ${batch.topic}-${batch.partition}`,
      brokerMessage: answer.errorMessage,
    })
    if (errorTraits(answer.errorCode).refresh === 'metadata') {
      this.#cluster.refreshMetadata(`a write was answered ${error.code}`).catch(() => undefined)
    }
    if (reaction === 'bumpAndRetry' || reaction === 'failAndBump') this.#identity.requestNewEpoch()
    if (reaction === 'split') this.#split(batch)
    else if (reaction === 'retry' || reaction === 'bumpAndRetry') this.#retry(batch, error)
    else this.#finish(batch, error)
  }

  /** No answer: the connection broke, or the deadline passed. What was written is unknown. */
  #handleFailure(batches: readonly Batch[], failure: unknown): void {
    const error =
      failure instanceof Error && 'retriable' in failure
        ? (failure as KafkaError)
        : new ProtocolError(failure instanceof Error ? failure.message : String(failure))
    const wasSent = !(error instanceof ConnectionError && error.stage !== 'established')
    const { retry } = reactionTo(error, { isRead: true })
    for (const batch of batches) {
      if (!this.#landed(batch)) continue
      if (wasSent && error.code !== 'UNSUPPORTED_VERSION') batch.isOutcomeUnknown = true
      if (retry) this.#retry(batch, error)
      else this.#finish(batch, error)
    }
    if (retry) this.#cluster.refreshMetadata('a write got no answer').catch(() => undefined)
  }

  /** Takes a batch out of flight; false when it was out already. */
  #landed(batch: Batch): boolean {
    const { inFlight } = this.#queueOf(batch)
    const at = inFlight.indexOf(batch)
    if (at >= 0) inFlight.splice(at, 1)
    return at >= 0
  }

  #succeed(batch: Batch, baseOffset: number | null, logAppendTimeMs: number): void {
    const offsetOf = (index: number): number | null =>
      baseOffset === null ? null : baseOffset + index
    if (!batch.isSettled) batch.resolve({ offsetOf, logAppendTimeMs })
    this.#onDone(batch)
  }

  #retry(batch: Batch, error: KafkaError): void {
    batch.lastError = error
    // The caller was told already: the batch ends here, and its sequence numbers with it.
    if (batch.isSettled || this.#isClosed) {
      if (this.#options.enableIdempotence) this.#identity.requestNewEpoch()
      this.#finish(batch, error)
      return
    }
    const { random } = this.#cluster.environment
    const { retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = this.#cluster.options
    batch.retryAt = this.#now + backoffMs({ initialMs, maxMs }, batch.attempts - 1, random)
    this.#queueOf(batch).putBack(batch)
  }

  #split(batch: Batch): void {
    const queue = this.#queueOf(batch)
    const [first, second] = splitBatch(batch)
    queue.waiting.unshift(first, second)
    // The halves take the whole batch's sequence numbers only if nothing newer has any yet.
    if (this.#options.enableIdempotence) this.#identity.requestNewEpoch()
    this.#onDone(batch)
  }

  #finish(batch: Batch, error: KafkaError): void {
    batch.reject(error, batch.isOutcomeUnknown ? 'unknown' : 'notWritten')
    this.#onDone(batch)
  }

  /** Batches whose time is up: those that wait end now; those under way end for their caller. */
  #expire(now: number): void {
    const { deliveryTimeoutMs, enableIdempotence } = this.#options
    for (const queue of this.#queues.values()) {
      while (
        queue.waiting[0] !== undefined &&
        now - queue.waiting[0].createdAt >= deliveryTimeoutMs
      ) {
        const batch = queue.waiting.shift() as Batch
        if (batch.attempts > 0 && enableIdempotence) this.#identity.requestNewEpoch()
        this.#finish(batch, this.#deadlinePassed(batch))
      }
      for (const batch of queue.inFlight) {
        if (now - batch.createdAt < deliveryTimeoutMs || batch.isSettled) continue
        batch.isOutcomeUnknown = true
        batch.reject(this.#deadlinePassed(batch), 'unknown')
      }
    }
  }

  #deadlinePassed(batch: Batch): TimeoutError {
    const { topic, partition, attempts, lastError } = batch
    const reason = lastError === undefined ? '' : ` The last error: ${lastError.message}`
    return new TimeoutError(
      `Records for ${topic}-${partition} were not delivered within ` +
        `${this.#options.deliveryTimeoutMs} ms (${attempts} tries).${reason}`,
      { attempts, cause: lastError },
    )
  }

  #queueOf(batch: Batch): PartitionQueue {
    return this.#queues.get(`${batch.topic}:${batch.partition}`) as PartitionQueue
  }

  /** Ends everything: what waits is not written, what is under way is unknown. */
  close(error: KafkaError): void {
    this.#isClosed = true
    this.#cluster.environment.timers.clear(this.#timer)
    for (const queue of this.#queues.values()) {
      for (const batch of queue.waiting.splice(0)) this.#finish(batch, error)
      for (const batch of [...queue.inFlight]) batch.reject(error, 'unknown')
    }
  }
}
