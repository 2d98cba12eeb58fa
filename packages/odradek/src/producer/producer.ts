/**
 * The producer that users hold: records go straight into their partition's open batch, and a call
 * gets one promise however many records it has. What can't go at once (a topic that is not known
 * yet, no room) waits in line, so that waiting never changes the order of calls.
 */
import { type KafkaError, loadCodecs } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { TimeoutError, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { type Listener, TypedEmitter } from '../events/emitter.ts'
import { abortable } from '../events/on-abort.ts'
import { CLOSE_OPTIONS, type CloseOptions } from '../options/call-options.ts'
import { checkOptions } from '../options/option-table.ts'
import { checkTopicName, type Topic } from '../serdes/topic.ts'
import { Accumulator, NO_ROOM } from './accumulator.ts'
import type { Batch } from './batch.ts'
import { Entrances } from './entrance.ts'
import {
  type EffectiveProducerOptions,
  type ProducerOptions,
  parseProducerOptions,
  SEND_OPTIONS,
  type SendOptions,
} from './producer-options.ts'
import {
  type AnyRecord,
  checkRecord,
  encodeHeaders,
  encodeKey,
  encodeValue,
  looseRecordBytes,
  type ProducerRecord,
  type RecordReceipt,
  type TopicInput,
} from './record.ts'
import { Sender } from './sender.ts'
import { SentRecords } from './sent-records.ts'
import { Undelivered } from './undelivered.ts'

const DEFAULT_CLOSE_TIMEOUT_MS = 30_000
/** A call with many records lets the event loop have a turn after so many. */
const RECORDS_PER_TURN = 5000
/** A topic that the cluster says it does not have may have been created a moment ago. */
const UNKNOWN_TOPIC_GRACE_MS = 5000
/** Who goes on writing although `write` says that the buffer is full is stopped here. */
const MAX_OVERFLOW = 2

interface Placed {
  readonly batch: Batch
  readonly index: number
  readonly timestamp: number
}

/**
 * Sends records. Idempotent by default: a retry never duplicates a record and never changes order.
 * Made by `kafka.producer()`; the first record connects.
 *
 * A failed record's error says in `error.outcome` what is known: `notWritten`, or `unknown` (it may
 * be in the log: the broker was never heard again).
 *
 * @example
 * await using producer = kafka.producer()
 * const { partition, offset } = await producer.send('orders', { key: 'o-1', value: '{"total":3}' })
 */
export class Producer {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #options: EffectiveProducerOptions
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #undelivered: Undelivered
  readonly #onClosed: () => void
  readonly #releases = new Map<string, () => void>()
  readonly #finished = new AbortController()
  readonly #entrances: Entrances
  #areCodecsLoaded: boolean
  #closing: Promise<void> | undefined
  #stopped: UsageError | undefined

  /** @internal Made by `kafka.producer(...)`. */
  constructor(
    cluster: Cluster,
    emitter: TypedEmitter<ClientEvents>,
    options: ProducerOptions,
    onClosed: () => void = () => undefined,
  ) {
    this.#cluster = cluster
    this.#emitter = new TypedEmitter(emitter)
    this.#options = parseProducerOptions(options)
    this.#onClosed = onClosed
    this.#areCodecsLoaded = this.#options.compressionType === 'none'
    this.#accumulator = new Accumulator(cluster, this.#options)
    this.#entrances = new Entrances((topic) => this.#prepare(topic), this.#finished.signal)
    this.#undelivered = new Undelivered(this.#emitter)
    this.#sender = new Sender(cluster, this.#options, this.#accumulator, {
      onSettled: (batch) => this.#settled(batch),
      onGap: (batch) => this.#noteGap(batch),
    })
  }

  /** What is in force: what was given, and the defaults. */
  get effectiveOptions(): EffectiveProducerOptions {
    return this.#options
  }

  /** Bytes of records that are not delivered yet; `bufferMemory` bounds them. */
  get bufferedBytes(): number {
    return this.#accumulator.memory.bytes
  }

  /** Calls `listener` at every such event of this producer; the answer takes it off again. */
  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.#emitter.on(name, listener)
  }

  /**
   * Sends a record, or many with one promise; receipts come in the order of the records. Resolves
   * when the records are written as `acks` says. Calls keep their order, awaited or not.
   *
   * A topic that the cluster does not have is waited for up to 5 s (it may be new), an unreachable
   * cluster or a full buffer up to `maxBlockMs`; delivery itself takes up to `deliveryTimeoutMs`.
   * `close()` delivers what was sent before; a signal ends the wait, not the delivery.
   *
   * @throws UsageError for a closed producer, a wrong topic or record (`MESSAGE_TOO_LARGE`,
   * `ENCODE_FAILED`); BrokerError with Kafka's code; AuthenticationError; TimeoutError. Of many
   * records some may be written: then a PartialError has every result by the record's index.
   * @example
   * await producer.send('orders', { key: 'o-1', value: 'paid', headers: { trace: 'abc' } })
   * const receipts = await producer.send('orders', [{ value: 'a' }, { value: 'b' }])
   */
  send<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    record: ProducerRecord<K, V, Tombstones>,
    options?: SendOptions,
  ): Promise<RecordReceipt>
  send<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    records: readonly ProducerRecord<K, V, Tombstones>[],
    options?: SendOptions,
  ): Promise<readonly RecordReceipt[]>
  send(topic: string, record: ProducerRecord, options?: SendOptions): Promise<RecordReceipt>
  send(
    topic: string,
    records: readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<readonly RecordReceipt[]>
  send(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    options?: SendOptions,
  ): Promise<RecordReceipt | readonly RecordReceipt[]> {
    try {
      this.#refuseIfClosed()
      checkOptions(SEND_OPTIONS, options, 'producer.send(...)')
      const signal = options?.signal
      signal?.throwIfAborted()
      const entrance = this.#entrances.of(topic)
      if (Array.isArray(records)) {
        return abortable(this.#sendMany(topic, records as AnyRecord[], signal), signal)
      }
      const record = records as AnyRecord
      checkRecord(record, nameOf(topic))
      if (entrance.isOpen) {
        const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
        const index = this.#append(topic, record, timestamp, false)
        if (index >= 0) {
          const batch = this.#note(index, false)
          const receipt = batch.settled.then(() => batch.receiptOf(index, timestamp))
          return abortable(receipt, signal)
        }
      }
      const receipt = this.#entrances
        .standInLine(entrance, () => this.#place(topic, record, { signal, isWrite: false }))
        .then(async ({ batch, index, timestamp }) => {
          await batch.settled
          return batch.receiptOf(index, timestamp)
        })
      return abortable(receipt, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #sendMany(
    topic: TopicInput,
    records: readonly AnyRecord[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RecordReceipt[]> {
    const entrance = this.#entrances.of(topic)
    const sent = new SentRecords(records.length)
    if (entrance.isOpen) {
      const rest = this.#placeAll(topic, records, sent, signal)
      // What could not go at once stands in line, before whoever comes next.
      if (rest !== undefined) await this.#entrances.standInLine(entrance, () => rest)
    } else {
      await this.#entrances.standInLine(entrance, async () =>
        this.#placeAll(topic, records, sent, signal),
      )
    }
    return sent.outcome()
  }

  /** Appends the records of one call; a promise only if some have to wait. */
  #placeAll(
    topic: TopicInput,
    records: readonly AnyRecord[],
    sent: SentRecords,
    signal: AbortSignal | undefined,
    start = 0,
  ): Promise<void> | undefined {
    const now = this.#cluster.environment.clock.now()
    const end = Math.min(records.length, start + RECORDS_PER_TURN)
    let at = start
    try {
      for (; at < end; at++) {
        const record = records[at] as AnyRecord
        checkRecord(record, nameOf(topic))
        const timestamp = record.timestamp ?? now
        const index = this.#append(topic, record, timestamp, false)
        if (index < 0) break
        sent.add(this.#note(index, false), index, timestamp)
      }
    } catch (error) {
      sent.refuse(error)
      return undefined
    }
    return at < records.length ? this.#placeRest(topic, records, sent, signal, at) : undefined
  }

  async #placeRest(
    topic: TopicInput,
    records: readonly AnyRecord[],
    sent: SentRecords,
    signal: AbortSignal | undefined,
    start: number,
  ): Promise<void> {
    try {
      await this.#cluster.environment.timers.turn()
      // It stands where `#placeAll` stopped, and was checked there.
      const { batch, index, timestamp } = await this.#place(topic, records[start] as AnyRecord, {
        signal,
        isWrite: false,
      })
      sent.add(batch, index, timestamp)
    } catch (error) {
      sent.refuse(error)
      return
    }
    await this.#placeAll(topic, records, sent, signal, start + 1)
  }

  /**
   * Queues a record without a promise of its own. False says that the buffer is full: await
   * `drained()` before the next (a writer that goes on regardless is stopped with a UsageError at
   * twice `bufferMemory`). What cannot be delivered is told by the event `deliveryFailed`, or, when
   * nobody listens, by the next `flush()` or `close()`.
   *
   * @throws UsageError for a closed producer, a wrong topic or record.
   * @example
   * if (!producer.write('clicks', { value: 'button-7' })) await producer.drained()
   */
  write<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    record: ProducerRecord<K, V, Tombstones>,
  ): boolean
  write(topic: string, record: ProducerRecord): boolean
  write(topic: TopicInput, record: AnyRecord): boolean {
    this.#refuseIfClosed()
    const name = nameOf(topic)
    checkRecord(record, name)
    const entrance = this.#entrances.of(topic)
    const { memory } = this.#accumulator
    if (memory.bytes >= this.#options.bufferMemory * MAX_OVERFLOW) {
      throw new UsageError(
        'write() was called on and on although the buffer is full: await producer.drained() ' +
          'when write() returns false.',
        { code: 'BUFFER_FULL' },
      )
    }
    if (entrance.isOpen) {
      const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
      const index = this.#append(topic, record, timestamp, true)
      if (index >= 0) {
        this.#note(index, true)
        return !memory.isFull
      }
    }
    this.#entrances
      .standInLine(entrance, () => this.#place(topic, record, { signal: undefined, isWrite: true }))
      .catch((error: unknown) => this.#undelivered.addRecord(name, record, error))
    return false
  }

  /** Resolves when there is room in the buffer again. */
  async drained(): Promise<void> {
    await this.#entrances.cleared()
    await this.#accumulator.memory.drained()
  }

  /**
   * Sends at once what lingers, and resolves when everything that was sent or written before is
   * delivered, or has failed.
   *
   * @throws PartialError with what `write()` could not deliver, if nobody heard of it.
   */
  async flush(): Promise<void> {
    this.#sender.flushes++
    this.#sender.wake()
    try {
      await this.#entrances.cleared()
      await Promise.all([...this.#accumulator.unsettled].map((batch) => batch.settled))
    } finally {
      this.#sender.flushes--
    }
    this.#undelivered.throwIfAny()
  }

  /**
   * Delivers what was sent, then ends; what is not delivered within `timeoutMs` fails (its error
   * says with which outcome). Idempotent; the producer takes no more records.
   *
   * @throws PartialError with what `write()` could not deliver, if nobody heard of it.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkOptions(CLOSE_OPTIONS, options, 'producer.close(...)')
    this.#closing ??= this.#close(options.timeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    const { timers } = this.#cluster.environment
    const flushed = this.flush().catch((error: unknown) => error)
    let timer
    const timedOut = new Promise<undefined>((resolve) => {
      timer = timers.set(timeoutMs, () => resolve(undefined))
    })
    const failure = await Promise.race([flushed, timedOut])
    timers.clear(timer)
    const reason = new TimeoutError(
      `The producer was closed, and its records were not delivered within ${timeoutMs} ms.`,
    )
    this.#finished.abort(reason)
    this.#sender.close(reason)
    this.#accumulator.memory.open()
    await this.#entrances.cleared()
    for (const release of this.#releases.values()) release()
    this.#onClosed()
    if (failure !== undefined) throw failure as Error
    this.#undelivered.throwIfAny()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** What a topic needs before its first record: codecs, metadata, its serdes' preparation. */
  async #prepare(topic: TopicInput): Promise<void> {
    const name = nameOf(topic)
    checkTopicName(name)
    if (!this.#areCodecsLoaded) {
      await loadCodecs([this.#options.compressionType])
      this.#areCodecsLoaded = true
    }
    if (typeof topic !== 'string') {
      await topic.key?.prepare?.(name)
      await topic.value?.prepare?.(name)
    }
    if (!this.#releases.has(name)) this.#releases.set(name, this.#cluster.needTopics([name]))
    const { maxBlockMs } = this.#options
    const graceMs = Math.min(UNKNOWN_TOPIC_GRACE_MS, maxBlockMs / 2)
    await this.#cluster.topic(name, maxBlockMs, undefined, graceMs)
  }

  /** Puts a record into its partition's open batch: its index there, or why it has to wait. */
  #append(topic: TopicInput, record: AnyRecord, timestamp: number, isForced: boolean): number {
    const name = nameOf(topic)
    const { partition } = record
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
      throw new UsageError(`${String(partition)} is no partition of topic ${name}.`)
    }
    return this.#accumulator.append(
      this.#accumulator.topic(name),
      {
        key: encodeKey(topic, record),
        value: encodeValue(topic, record),
        headers: encodeHeaders(name, record.headers),
        timestamp,
        partition,
      },
      isForced,
    )
  }

  #note(index: number, isWrite: boolean): Batch {
    // The accumulator has just appended to it.
    const batch = this.#accumulator.lastBatch as Batch
    batch.note(index, isWrite)
    if (!isWrite) batch.isAwaited = true
    this.#sender.wake()
    return batch
  }

  /** Appends one record, however long that has to wait. */
  async #place(
    topic: TopicInput,
    record: AnyRecord,
    { signal, isWrite }: { readonly signal: AbortSignal | undefined; readonly isWrite: boolean },
  ): Promise<Placed> {
    let hasRefreshed = false
    let isGranted = false
    for (;;) {
      signal?.throwIfAborted()
      this.#finished.signal.throwIfAborted()
      if (this.#stopped !== undefined) throw this.#stopped
      const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
      const index = this.#append(topic, record, timestamp, isWrite || isGranted)
      if (index >= 0) return { batch: this.#note(index, isWrite), index, timestamp }
      if (index === NO_ROOM) {
        isGranted = true
        await this.#waitForRoom(topic, record, signal)
      } else {
        if (hasRefreshed) throw this.#noPartition(nameOf(topic), record.partition)
        hasRefreshed = true
        await this.#lookForPartition(nameOf(topic), signal)
      }
    }
  }

  async #waitForRoom(
    topic: TopicInput,
    record: AnyRecord,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { memory } = this.#accumulator
    this.#sender.wake()
    const bytes = looseRecordBytes(
      encodeKey(topic, record),
      encodeValue(topic, record),
      encodeHeaders(nameOf(topic), record.headers),
    )
    const taken = await memory.wait(bytes, this.#options.maxBlockMs, signal)
    taken()
  }

  /** The topic may have more partitions by now. */
  async #lookForPartition(name: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#cluster.retry(
      () => this.#cluster.refreshMetadata(`a partition of ${name} is not known`),
      { action: `find a partition of ${name}`, timeoutMs: this.#options.maxBlockMs, signal },
    )
  }

  #noPartition(name: string, partition: number | undefined): UsageError {
    const count = this.#cluster.metadata.topics.get(name)?.partitions.length ?? 0
    return new UsageError(
      `Topic ${name} has the partitions 0 to ${count - 1}; there is no ${partition}.`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }

  #settled(batch: Batch): void {
    const { unsettled, memory } = this.#accumulator
    unsettled.delete(batch)
    if (batch.error !== undefined) this.#undelivered.addBatch(batch)
    const { reservedBytes } = batch
    batch.reservedBytes = 0
    memory.give(reservedBytes)
  }

  #noteGap({ queue, recordCount, error }: Batch): void {
    const { topic, partition } = queue
    const { onDataLoss } = this.#options
    // A batch that ran out of time has an error.
    const reason = error as KafkaError
    this.#emitter.emit('deliveryGap', { topic, partition, recordCount, error: reason, onDataLoss })
    if (onDataLoss === 'continue' || this.#stopped !== undefined) return
    this.#stopped = new UsageError(
      `The producer has stopped (onDataLoss: 'stop'): ${recordCount} records for ` +
        `${topic}-${partition} may be missing. Close it and make a new one. ${reason.message}`,
      { code: 'STOPPED', cause: reason },
    )
    this.#sender.failWaiting(this.#stopped)
  }

  #refuseIfClosed(): void {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#closing !== undefined || this.#cluster.isClosed) {
      throw new UsageError('This producer is closed; make a new one.', { code: 'CLOSED' })
    }
  }
}

function nameOf(topic: TopicInput): string {
  return typeof topic === 'string' ? topic : topic.name
}
