/**
 * The producer that users hold: records go straight into their partition's open batch, and a call
 * gets one promise however many records it has. How they get there is in `record-writer.ts`, how
 * they are sent in `sender.ts`, and transactions have a folder of their own.
 */
import type { KafkaError } from '@odradek/protocol'
import { withDeadline } from '../async/deadline.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { closedError } from '../errors/closed-error.ts'
import { TimeoutError, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { type Listener, TypedEmitter } from '../events/emitter.ts'
import { CLOSE_OPTIONS, type CloseOptions } from '../options/call-options.ts'
import { checkOptions } from '../options/option-table.ts'
import { Accumulator } from './accumulator.ts'
import type { Batch, BatchQueue } from './batch.ts'
import {
  type EffectiveProducerOptions,
  type ProducerOptions,
  parseProducerOptions,
  SEND_OPTIONS,
  type SendOptions,
  TRANSACTION_OPTIONS,
  type TransactionOptions,
} from './producer-options.ts'
import type { AnyRecord, RecordMetadata, TopicInput } from './record.ts'
import { RecordSink } from './record-sink.ts'
import { nameOf, RecordWriter } from './record-writer.ts'
import { Sender } from './sender.ts'
import type { Transaction } from './transactions/transaction.ts'
import { Transactions } from './transactions/transactions.ts'
import { Undelivered } from './undelivered.ts'
import { WaitingReport } from './waiting-report.ts'

const DEFAULT_CLOSE_TIMEOUT_MS = 30_000

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
export class Producer extends RecordSink {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #options: EffectiveProducerOptions
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #undelivered: Undelivered
  readonly #writer: RecordWriter
  readonly #transactions: Transactions | undefined
  readonly #onClosed: () => void
  readonly #finished = new AbortController()
  #closing: Promise<void> | undefined
  #stopped: UsageError | undefined

  /** @internal Made by `kafka.producer(...)`. */
  constructor(
    cluster: Cluster,
    emitter: TypedEmitter<ClientEvents>,
    options: ProducerOptions,
    onClosed: () => void = () => undefined,
  ) {
    super()
    this.#cluster = cluster
    this.#emitter = new TypedEmitter(emitter)
    this.#options = parseProducerOptions(options)
    this.#onClosed = onClosed
    this.#accumulator = new Accumulator(cluster, this.#options)
    this.#undelivered = new Undelivered(this.#emitter)
    this.#transactions = this.#makeTransactions()
    const { deliveryTimeoutMs } = this.#options
    const waiting = new WaitingReport(cluster, this.#emitter, deliveryTimeoutMs)
    const hooks = {
      onSettled: (batch: Batch) => this.#settled(batch),
      onGap: (batch: Batch) => this.#noteGap(batch),
      onLook: (queue: BatchQueue, now: number) => waiting.note(queue, now),
    }
    this.#sender = new Sender(cluster, this.#options, this.#accumulator, hooks, this.#transactions)
    const stopped = (): UsageError | undefined => this.#stopped
    this.#writer = new RecordWriter(cluster, this.#options, this.#accumulator, {
      finished: this.#finished.signal,
      get stopped() {
        return stopped()
      },
      wake: () => this.#sender.wake(),
    })
  }

  #makeTransactions(): Transactions | undefined {
    const { transactionalId } = this.#options
    if (transactionalId === undefined) return undefined
    return new Transactions(
      this.#cluster,
      { ...this.#options, transactionalId },
      {
        send: (topic, records, signal, until) => this.#writer.send(topic, records, signal, until),
        write: (topic, record, hooks) => this.#writer.write(topic, record, hooks),
        dropUnsent: (error) => this.#sender.failUnsent(error),
        drain: () => this.#drain(),
        settled: () => this.#withoutLinger(() => this.#settledBatches()),
        wake: () => this.#sender.wake(),
      },
    )
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

  /** @internal */
  protected override takeSent(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    options: SendOptions | undefined,
  ): Promise<RecordMetadata | readonly RecordMetadata[]> {
    this.#refuseIfClosed()
    checkOptions(SEND_OPTIONS, options, 'producer.send(...)')
    this.#refuseOutsideTransaction()
    return this.#writer.send(topic, records, options?.signal)
  }

  /** @internal */
  protected override takeWritten(topic: TopicInput, record: AnyRecord): boolean {
    this.#refuseIfClosed()
    this.#refuseOutsideTransaction()
    const onFailure = (error: unknown): void =>
      this.#undelivered.addRecord(nameOf(topic), record, error)
    return this.#writer.write(topic, record, { until: undefined, onFailure })
  }

  /** Resolves when there is room in the buffer again. */
  async drained(): Promise<void> {
    await this.#writer.cleared()
    await this.#accumulator.memory.drained()
  }

  /**
   * Sends at once what lingers, and resolves when everything that was sent or written before is
   * delivered, or has failed.
   *
   * @throws PartialError with what `write()` could not deliver, if nobody heard of it.
   */
  async flush(): Promise<void> {
    await this.#drain()
    this.#undelivered.throwIfAny()
  }

  async #drain(): Promise<void> {
    await this.#withoutLinger(async () => {
      await this.#writer.cleared()
      await this.#settledBatches()
    })
  }

  #settledBatches(): Promise<unknown> {
    return Promise.all([...this.#accumulator.unsettled].map((batch) => batch.settled))
  }

  /** Nothing lingers while this goes on. */
  async #withoutLinger(wait: () => Promise<unknown>): Promise<void> {
    this.#sender.flushes++
    this.#sender.wake()
    try {
      await wait()
    } finally {
      this.#sender.flushes--
    }
  }

  /**
   * Runs `work` in a transaction: what it sends and consumes through `tx` is committed together
   * when it returns, or not at all, when it throws or a write fails. Readers with `isolationLevel:
   * 'read_committed'` see all of it or nothing. One transaction at a time; the producer needs a
   * `transactionalId`. Resolves with what `work` returns, once the coordinator has the commit.
   *
   * It is aborted, and rejects, when `work` throws (with that error), a write has failed for good,
   * it takes longer than `transactionTimeoutMs` (`tx.signal` tells `work`), the signal aborts, or
   * the producer is closed and it does not end in time. What it consumed is delivered again then.
   *
   * @throws UsageError without a `transactionalId`, for a second one beside it, for a closed or
   * fenced producer; BrokerError with Kafka's code (`PRODUCER_FENCED`: another producer has this
   * transactional id now); CommitFailedError when the group went on without this member;
   * TimeoutError. `outcome` is `'unknown'` when the commit was asked for and never answered.
   * @example
   * await producer.transaction(async (tx) => {
   *   await tx.send('invoices', { value: invoiceOf(order) })
   *   tx.consume(order)
   * })
   */
  transaction<T>(
    work: (tx: Transaction) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    try {
      this.#refuseIfClosed()
      if (this.#transactions === undefined) {
        throw new UsageError(
          'Transactions need a name that stays when the process restarts: kafka.producer(' +
            '{ transactionalId }), another one for each producer that runs at the same time.',
        )
      }
      if (typeof work !== 'function') {
        throw new UsageError('transaction(...) takes a function that is given the transaction.')
      }
      checkOptions(TRANSACTION_OPTIONS, options, 'producer.transaction(...)')
      return this.#transactions.run(work, options.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #refuseOutsideTransaction(): void {
    if (this.#transactions === undefined) return
    throw new UsageError(
      'A producer with a transactionalId writes in transactions alone: ' +
        'await producer.transaction((tx) => tx.send(...)).',
      { code: 'NO_TRANSACTION' },
    )
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
    const { environment } = this.#cluster
    const deadline = environment.clock.monotonic() + timeoutMs
    await this.#transactions?.close(timeoutMs)
    const flushed = this.flush().catch((error: unknown) => error)
    const failure = await withDeadline(environment, flushed, deadline, undefined)
    const reason = new TimeoutError(
      `The producer was closed, and its records were not delivered within ${timeoutMs} ms.`,
    )
    this.#finished.abort(reason)
    this.#sender.close(reason)
    this.#accumulator.memory.open()
    await this.#writer.cleared()
    this.#writer.release()
    this.#onClosed()
    if (failure !== undefined) throw failure as Error
    this.#undelivered.throwIfAny()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #settled(batch: Batch): void {
    const { unsettled, memory } = this.#accumulator
    unsettled.delete(batch)
    if (batch.error !== undefined) {
      if (this.#transactions === undefined) this.#undelivered.addBatch(batch)
      else this.#transactions.fail(batch.error)
    }
    const { reservedBytes } = batch
    batch.reservedBytes = 0
    memory.give(reservedBytes)
  }

  #noteGap({ queue, recordCount, error }: Batch): void {
    // A transaction is aborted then: there is no gap to be seen.
    if (this.#transactions !== undefined) return
    const { topic, partition } = queue
    const { onDeliveryTimeout } = this.#options
    // A batch that ran out of time has an error.
    const reason = error as KafkaError
    this.#emitter.emit('deliveryTimedOut', {
      topic,
      partition,
      recordCount,
      error: reason,
      onDeliveryTimeout,
    })
    if (onDeliveryTimeout === 'continue' || this.#stopped !== undefined) return
    this.#stopped = new UsageError(
      `The producer has stopped (onDeliveryTimeout: 'stop'): ${recordCount} records for ` +
        `${topic}-${partition} may be missing. Close it and make a new one. ${reason.message}`,
      { code: 'STOPPED', cause: reason },
    )
    this.#sender.failWaiting(this.#stopped)
  }

  #refuseIfClosed(): void {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#closing === undefined && !this.#cluster.isClosed) return
    throw closedError(this.#cluster.isClosed ? 'client' : 'producer')
  }
}
