/** What user code writes through inside `producer.transaction(...)`. */
import type { Consumable } from '../../cluster/consumption.ts'
import { UsageError } from '../../errors/errors.ts'
import { checkOptions } from '../../options/option-table.ts'
import type { AnyRecord, RecordMetadata, TopicInput } from '../record.ts'
import { RecordSink } from '../record-sink.ts'
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
  ): Promise<RecordMetadata | readonly RecordMetadata[]>
  write(topic: TopicInput, record: AnyRecord, hooks: WriteHooks): boolean
  /** A record found no way into a batch. */
  fail(error: unknown): void
}

/**
 * One transaction: what is sent and consumed through it is committed together, or not at all.
 * Valid until the function that was given it settles.
 */
export class Transaction extends RecordSink {
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
    super()
    this.#writer = writer
    this.#consumed = consumed
    this.signal = signal
  }

  /** @internal */
  protected override takeSent(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    options: SendOptions | undefined,
  ): Promise<RecordMetadata | readonly RecordMetadata[]> {
    this.#refuseIfOver()
    checkOptions(SEND_OPTIONS, options, 'tx.send(...)')
    const signal = options?.signal
    const sent = this.#writer.send(topic, records, signal, this.signal)
    // Whether it is awaited or not: what was not written is not committed.
    sent.catch((error: unknown) => {
      if (signal?.aborted !== true) this.#writer.fail(error)
    })
    return sent
  }

  /** @internal */
  protected override takeWritten(topic: TopicInput, record: AnyRecord): boolean {
    this.#refuseIfOver()
    const onFailure = (error: unknown): void => this.#writer.fail(error)
    return this.#writer.write(topic, record, { until: this.signal, onFailure })
  }

  /**
   * Makes the offsets of these records a part of the transaction: they are committed with what was
   * sent, or not at all. A batch must be iterated to its end by then, or `markUpTo` or `skipRest`
   * must say what of it counts; otherwise the transaction aborts, and rejects with a UsageError.
   * When the transaction is aborted its consumer goes back and delivers the records again. The
   * consumer must be made with `transactional: true`.
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
