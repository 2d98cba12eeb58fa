/**
 * The producer that users hold: records go straight into their partition's open batch, and a call
 * gets one promise however many records it has.
 */
import {
  type Bytes,
  type HeaderInput,
  KafkaError,
  loadCodecs,
  maxRecordBytes,
} from '@odradek/protocol'
import { partitionOfKey } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicMetadata } from '../cluster/metadata.ts'
import { PartialError, TimeoutError, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import { checkTopicName, type Topic } from '../serdes/topic.ts'
import type { Batch } from './batch.ts'
import { type Appended, PartitionQueue } from './partition-queue.ts'
import { StickyPartitioner } from './partitioner.ts'
import {
  type EffectiveProducerOptions,
  type ProducerOptions,
  parseProducerOptions,
} from './producer-options.ts'
import { Sender } from './sender.ts'

/** A record to send. */
export interface ProducerRecord<Key = string | Uint8Array, Value = string | Uint8Array> {
  readonly key?: Key | null | undefined
  readonly value?: Value | null | undefined
  readonly headers?: HeadersInput | undefined
  /** ms since the epoch; now, when absent. */
  readonly timestamp?: number | undefined
  /** The partition; chosen by the key, or by chance, when absent. */
  readonly partition?: number | undefined
}

/** Headers by name, or in order (a name may come twice). */
export type HeadersInput =
  | Readonly<Record<string, string | Uint8Array | null>>
  | readonly (readonly [string, string | Uint8Array | null])[]

/** Where a record is now. */
export interface RecordReceipt {
  readonly topic: string
  readonly partition: number
  /**
   * Null when the broker does not tell: with acks 0, or when a retry met its own earlier success.
   */
  readonly offset: number | null
  readonly timestamp: number
}

export interface SendOptions {
  /** Ends the wait (with the signal's reason); the records may still be written. */
  readonly signal?: AbortSignal | undefined
}

export interface CloseOptions {
  /** How long deliveries may still take, ms. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

type AnyRecord = ProducerRecord<unknown, unknown>

const DEFAULT_CLOSE_TIMEOUT_MS = 30_000
/** A call with many records lets the event loop have a turn after so many. */
const RECORDS_PER_TURN = 5000
const NO_HEADERS: readonly HeaderInput[] = []

/**
 * Sends records. Idempotent by default: a retry never duplicates a record and never changes order.
 *
 * @example
 * await using producer = kafka.producer()
 * const { partition, offset } = await producer.send('orders', { key: 'o-1', value: '{"total":3}' })
 */
export class Producer {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #options: EffectiveProducerOptions
  readonly #queues = new Map<string, PartitionQueue>()
  readonly #sender: Sender
  readonly #sticky: StickyPartitioner
  readonly #releases = new Map<string, () => void>()
  readonly #prepared = new Set<string>()
  readonly #open = new Set<Batch>()
  readonly #writeFailures = new Map<string, KafkaError>()
  #bufferedBytes = 0
  #waiters: (() => void)[] = []
  #codecs: Promise<void> | undefined
  #areCodecsLoaded: boolean
  #closing: Promise<void> | undefined

  /** @internal Made by `kafka.producer(...)`. */
  constructor(cluster: Cluster, emitter: TypedEmitter<ClientEvents>, options: ProducerOptions) {
    this.#cluster = cluster
    this.#emitter = emitter
    this.#options = parseProducerOptions(options)
    this.#sticky = new StickyPartitioner(cluster.environment.random, this.#options.batchSize)
    this.#areCodecsLoaded = this.#options.compressionType === 'none'
    this.#sender = new Sender(cluster, this.#options, this.#queues, (batch) => this.#done(batch))
  }

  /** What is in force: what was given, and the defaults. */
  get effectiveOptions(): EffectiveProducerOptions {
    return this.#options
  }

  /** Bytes of records that are not delivered yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /**
   * Sends a record, or many with one promise; receipts come in the order of the records. Resolves
   * when the records are written as `acks` says.
   *
   * @throws UsageError for a closed producer, a wrong topic or record; an error with `outcome`
   * (`written`, `notWritten`, `unknown`) when delivery failed for good.
   */
  send<K, KO, V, VO>(
    topic: Topic<K, KO, V, VO>,
    record: ProducerRecord<K, V>,
    options?: SendOptions,
  ): Promise<RecordReceipt>
  send<K, KO, V, VO>(
    topic: Topic<K, KO, V, VO>,
    records: readonly ProducerRecord<K, V>[],
    options?: SendOptions,
  ): Promise<readonly RecordReceipt[]>
  send(topic: string, record: ProducerRecord, options?: SendOptions): Promise<RecordReceipt>
  send(
    topic: string,
    records: readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<readonly RecordReceipt[]>
  async send(
    topic: string | Topic<never, unknown, never, unknown>,
    records: AnyRecord | readonly AnyRecord[],
    options: SendOptions = {},
  ): Promise<RecordReceipt | readonly RecordReceipt[]> {
    this.#refuseIfClosed()
    const { signal } = options
    signal?.throwIfAborted()
    const name = typeof topic === 'string' ? topic : topic.name
    const metadata =
      this.#metadataOf(name) ??
      (await this.#prepare(topic as Topic<unknown, unknown, unknown, unknown> | string, signal))
    if (!Array.isArray(records)) {
      const { appended, timestamp } = await this.#append(
        topic,
        metadata,
        records as AnyRecord,
        signal,
      )
      this.#sender.wake()
      const delivery = await abortable(appended.batch.done, signal)
      return {
        topic: name,
        partition: appended.batch.partition,
        offset: delivery.offsetOf(appended.index),
        timestamp: delivery.logAppendTimeMs >= 0 ? delivery.logAppendTimeMs : timestamp,
      }
    }
    return this.#sendMany(topic, metadata, records as readonly AnyRecord[], signal)
  }

  async #sendMany(
    topic: string | Topic<never, unknown, never, unknown>,
    metadata: TopicMetadata,
    records: readonly AnyRecord[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RecordReceipt[]> {
    const batches: Batch[] = []
    const indexes = new Int32Array(records.length)
    const timestamps = new Float64Array(records.length)
    const seen = new Set<Batch>()
    for (const [at, record] of records.entries()) {
      const pending = this.#append(topic, metadata, record, signal)
      const { appended, timestamp } = pending instanceof Promise ? await pending : pending
      batches.push(appended.batch)
      indexes[at] = appended.index
      timestamps[at] = timestamp
      seen.add(appended.batch)
      if (at % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) {
        this.#sender.wake()
        await this.#cluster.environment.timers.turn()
        this.#refuseIfClosed()
      }
    }
    this.#sender.wake()
    const deliveries = new Map<Batch, Awaited<Batch['done']>>()
    for (const batch of seen) deliveries.set(batch, await abortable(batch.done, signal))
    return batches.map((batch, at) => {
      const delivery = deliveries.get(batch) as Awaited<Batch['done']>
      return {
        topic: batch.topic,
        partition: batch.partition,
        offset: delivery.offsetOf(indexes[at] as number),
        timestamp:
          delivery.logAppendTimeMs >= 0 ? delivery.logAppendTimeMs : (timestamps[at] as number),
      }
    })
  }

  /**
   * Queues a record without a promise of its own. False says that the buffer is full: await
   * `drained()` before the next. What cannot be delivered is told by the event `deliveryFailed`,
   * or, when nobody listens, by the next `flush()` or `close()`.
   */
  write(topic: string | Topic<never, unknown, never, unknown>, record: AnyRecord): boolean {
    this.#refuseIfClosed()
    const name = typeof topic === 'string' ? topic : topic.name
    const report = (error: unknown): void => {
      if (error instanceof KafkaError) this.#writeFailed(name, error, 1)
    }
    const metadata = this.#metadataOf(name)
    if (metadata === undefined) {
      this.send(topic as string, record as ProducerRecord).catch(report)
      return false
    }
    const pending = this.#append(topic, metadata, record, undefined)
    if (pending instanceof Promise)
      pending.then(({ appended }) => this.#watch(appended.batch), report)
    else this.#watch(pending.appended.batch)
    this.#sender.wake()
    return this.#bufferedBytes < this.#options.bufferMemory
  }

  #watch(batch: Batch): void {
    if (batch.isWatched) return
    batch.isWatched = true
    batch.done.catch((error: KafkaError) =>
      this.#writeFailed(batch.topic, error, batch.recordCount),
    )
  }

  #writeFailed(topic: string, error: KafkaError, recordCount: number): void {
    if (this.#emitter.hasListeners('deliveryFailed')) {
      this.#emitter.emit('deliveryFailed', { topic, error, recordCount })
    } else this.#writeFailures.set(`${topic} (${recordCount} records, ${error.code})`, error)
  }

  /** Resolves when there is room in the buffer again. */
  async drained(): Promise<void> {
    while (this.#bufferedBytes >= this.#options.bufferMemory) await this.#room()
  }

  /** Resolves when everything that was sent before is delivered, or has failed. */
  async flush(): Promise<void> {
    this.#sender.flushes++
    this.#sender.wake()
    try {
      while (this.#open.size > 0) {
        await Promise.allSettled([...this.#open].map((batch) => batch.done))
        // A split batch has successors.
        await this.#cluster.environment.timers.turn()
      }
    } finally {
      this.#sender.flushes--
    }
    this.#throwWriteFailures()
  }

  #throwWriteFailures(): void {
    if (this.#writeFailures.size === 0) return
    const failures = new Map(this.#writeFailures)
    this.#writeFailures.clear()
    throw new PartialError(
      'Records that were written without a promise were not delivered',
      failures,
    )
  }

  /** Delivers what was sent, then ends. Idempotent; the producer takes no more records. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    const flushed = this.flush()
    const { timers } = this.#cluster.environment
    let timer
    const timedOut = new Promise<void>((resolve) => {
      timer = timers.set(timeoutMs, resolve)
    })
    try {
      await Promise.race([flushed, timedOut])
    } finally {
      timers.clear(timer)
      flushed.catch(() => undefined)
      this.#sender.close(
        new TimeoutError(`The producer was closed before its records were delivered.`),
      )
      for (const release of this.#releases.values()) release()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The topic, when everything that a record needs is at hand. */
  #metadataOf(name: string): TopicMetadata | undefined {
    if (!this.#areCodecsLoaded || !this.#prepared.has(name)) return undefined
    return this.#cluster.metadata.topics.get(name)
  }

  async #prepare(
    topic: string | Topic<unknown, unknown, unknown, unknown>,
    signal: AbortSignal | undefined,
  ): Promise<TopicMetadata> {
    const name = typeof topic === 'string' ? topic : topic.name
    checkTopicName(name)
    this.#codecs ??= loadCodecs([this.#options.compressionType])
    await this.#codecs
    this.#areCodecsLoaded = true
    if (typeof topic !== 'string') {
      await topic.key?.prepare?.(name)
      await topic.value?.prepare?.(name)
    }
    if (!this.#releases.has(name)) this.#releases.set(name, this.#cluster.needTopics([name]))
    const metadata = await this.#cluster.topic(name, this.#options.maxBlockMs, signal)
    this.#prepared.add(name)
    this.#refuseIfClosed()
    return metadata
  }

  /** Puts a record into its partition's open batch; a promise only when it has to wait for room. */
  #append(
    topic: string | Topic<never, unknown, never, unknown>,
    metadata: TopicMetadata,
    record: AnyRecord,
    signal: AbortSignal | undefined,
  ):
    | { readonly appended: Appended; readonly timestamp: number }
    | Promise<{ readonly appended: Appended; readonly timestamp: number }> {
    const key = encode(topic, 'key', record.key)
    const value = encode(topic, 'value', record.value)
    const headers = record.headers === undefined ? NO_HEADERS : headerList(record.headers)
    const bytes = maxRecordBytes(key, value, headers)
    const { maxRequestSize, bufferMemory } = this.#options
    if (bytes > maxRequestSize) {
      throw new UsageError(
        `A record of about ${bytes} bytes for topic ${metadata.name} is larger than ` +
          `"maxRequestSize" (${maxRequestSize}).`,
        { code: 'MESSAGE_TOO_LARGE' },
      )
    }
    const finish = (): { readonly appended: Appended; readonly timestamp: number } => {
      const { clock } = this.#cluster.environment
      const timestamp = record.timestamp ?? clock.now()
      const partition = this.#partitionOf(metadata, record.partition, key, bytes)
      const queue = this.#queueOf(metadata.name, partition)
      const { batchSize } = this.#options
      const appended = queue.append(clock.monotonic(), batchSize, {
        timestamp,
        key,
        value,
        headers,
      })
      appended.batch.reservedBytes += bytes
      this.#bufferedBytes += bytes
      this.#open.add(appended.batch)
      return { appended, timestamp }
    }
    if (this.#bufferedBytes + bytes <= bufferMemory || this.#open.size === 0) return finish()
    return this.#waitForRoom(bytes, signal).then(finish)
  }

  async #waitForRoom(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, timers } = this.#cluster.environment
    const { bufferMemory, maxBlockMs } = this.#options
    const deadline = clock.monotonic() + maxBlockMs
    this.#sender.wake()
    while (this.#bufferedBytes + bytes > bufferMemory && this.#open.size > 0) {
      const remaining = deadline - clock.monotonic()
      if (remaining <= 0) {
        throw new TimeoutError(
          `There was no room for a record within ${maxBlockMs} ms: ${this.#bufferedBytes} of ` +
            `${bufferMemory} bytes wait for delivery.`,
        )
      }
      let timer
      const timeout = new Promise<void>((resolve) => {
        timer = timers.set(remaining, resolve)
      })
      try {
        await abortable(Promise.race([this.#room(), timeout]), signal)
      } finally {
        timers.clear(timer)
      }
      this.#refuseIfClosed()
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
    })
  }

  #partitionOf(
    metadata: TopicMetadata,
    given: number | undefined,
    key: Bytes,
    bytes: number,
  ): number {
    const { name, partitions } = metadata
    const partitionCount = partitions.length
    const chosen =
      given ??
      this.#options.partitioner?.({
        topic: name,
        key: key === null ? null : Buffer.from(key as Uint8Array),
        partitionCount,
      })
    if (chosen !== undefined) {
      if (Number.isInteger(chosen) && chosen >= 0 && chosen < partitionCount) return chosen
      throw new UsageError(
        `Topic ${name} has the partitions 0 to ${partitionCount - 1}; there is no ${chosen}.`,
        { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
      )
    }
    if (key !== null) {
      return partitionOfKey(typeof key === 'string' ? Buffer.from(key) : key, partitionCount)
    }
    const withLeader = partitions.filter(({ leader }) => leader >= 0)
    const available = (withLeader.length > 0 ? withLeader : partitions).map((one) => one.partition)
    return this.#sticky.next(
      name,
      available,
      bytes,
      (partition) => this.#queues.get(`${name}:${partition}`)?.waiting.length ?? 0,
    )
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    const key = `${topic}:${partition}`
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      queue = new PartitionQueue(topic, partition)
      this.#queues.set(key, queue)
    }
    return queue
  }

  #done(batch: Batch): void {
    this.#open.delete(batch)
    this.#bufferedBytes -= batch.reservedBytes
    batch.reservedBytes = 0
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined || this.#cluster.isClosed) {
      throw new UsageError('This producer is closed; make a new one.', { code: 'CLOSED' })
    }
  }
}

function encode(
  topic: string | Topic<never, unknown, never, unknown>,
  part: 'key' | 'value',
  given: unknown,
): Bytes {
  if (given === null || given === undefined) return null
  const serde = typeof topic === 'string' ? undefined : topic[part]
  const encoded = serde === undefined ? given : serde.encode(given as never)
  if (typeof encoded === 'string' || encoded instanceof Uint8Array) return encoded
  throw new UsageError(
    `The ${part} of a record must be a string, bytes or null; it is ${typeof encoded}. ` +
      "For other types name the topic with topic('...', { key, value }).",
  )
}

function headerList(given: HeadersInput): readonly HeaderInput[] {
  if (Array.isArray(given)) return given as readonly HeaderInput[]
  return Object.entries(given as Readonly<Record<string, string | Uint8Array | null>>)
}

/** Rejects with the signal's reason when it aborts first. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
