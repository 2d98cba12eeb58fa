/** What user code writes through inside `producer.transaction(...)`. */
import type { Consumable } from '../../cluster/consumption.ts'
import { UsageError } from '../../errors/errors.ts'
import { checkOptions } from '../../options/option-table.ts'
import type { Topic } from '../../serdes/topic.ts'
import type { AnyRecord, ProducerRecord, RecordReceipt, TopicInput } from '../record.ts'
import { SEND_OPTIONS, type SendOptions } from '../producer-options.ts'
import type { WriteHooks } from '../record-writer.ts'
import type { ConsumedOffsets } from './consumed-offsets.ts'

/** How records of a transaction are written. */
export interface TransactionWriter {
  send(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    signal: AbortSignal | undefined,
    until: AbortSignal,
  ): Promise<RecordReceipt | readonly RecordReceipt[]>
  write(topic: TopicInput, record: AnyRecord, hooks: WriteHooks): boolean
  /** A record found no way into a batch. */
  fail(error: unknown): void
}

/**
 * One transaction: what is sent and consumed through it is committed together, or not at all.
 * Valid until the function that was given it settles.
 */
export class Transaction {
  /**
   * Aborts when the transaction can only be aborted: a write failed for good, it took longer than
   * `transactionTimeoutMs`, the producer is closed, or another one took its transactional id.
   */
  readonly signal: AbortSignal
  readonly #writer: TransactionWriter
  readonly #consumed: ConsumedOffsets
  #isOver = false

  /** @internal */
  constructor(writer: TransactionWriter, consumed: ConsumedOffsets, signal: AbortSignal) {
    this.#writer = writer
    this.#consumed = consumed
    this.signal = signal
  }

  /**
   * Sends records as a part of the transaction; see `Producer.send`. Resolves when they are in the
   * log, where readers with `isolationLevel: 'read_committed'` see them once the transaction is
   * committed. It need not be awaited: the commit waits for everything, and an error, caught or
   * not, makes the transaction one that is aborted.
   *
   * @throws UsageError when the transaction is over.
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
      this.#refuseIfOver()
      checkOptions(SEND_OPTIONS, options, 'tx.send(...)')
      const signal = options?.signal
      const sent = this.#writer.send(topic, records, signal, this.signal)
      // Whether it is awaited or not: what was not written is not committed.
      sent.catch((error: unknown) => {
        if (signal?.aborted !== true) this.#writer.fail(error)
      })
      return sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Queues a record without a promise of its own; see `Producer.write`. False says that the buffer
   * is full: await `producer.drained()`. A failure aborts the transaction.
   *
   * @throws UsageError when the transaction is over.
   */
  write<K, KO, V, VO, Tombstones extends boolean>(
    topic: Topic<K, KO, V, VO, Tombstones>,
    record: ProducerRecord<K, V, Tombstones>,
  ): boolean
  write(topic: string, record: ProducerRecord): boolean
  write(topic: TopicInput, record: AnyRecord): boolean {
    this.#refuseIfOver()
    const onFailure = (error: unknown): void => this.#writer.fail(error)
    return this.#writer.write(topic, record, { until: this.signal, onFailure })
  }

  /**
   * Makes the offsets of these records a part of the transaction: they are committed with what was
   * sent, or not at all. Of a batch, what is processed by the commit (all of it, when it was
   * iterated to its end). When the transaction is aborted its consumer goes back and delivers them
   * again. The consumer must be made with `transactional: true`.
   *
   * @throws CommitFailedError when their partition was taken away; UsageError for what no
   * transactional consumer delivered, and when the transaction is over.
   */
  consume(consumed: Consumable | readonly Consumable[]): void {
    this.#refuseIfOver()
    if (Array.isArray(consumed)) for (const one of consumed) this.#consumed.add(one)
    else this.#consumed.add(consumed)
  }

  /** @internal Nothing is written through it any more. */
  end(): void {
    this.#isOver = true
  }

  #refuseIfOver(): void {
    if (this.signal.aborted) throw this.signal.reason
    if (!this.#isOver) return
    throw new UsageError(
      'This transaction is over: its function has returned. Await what it begins inside of it.',
      { code: 'TRANSACTION_OVER' },
    )
  }
}
