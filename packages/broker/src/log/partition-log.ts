/**
 * The log of one partition: record batches in offset order, each the bytes that a producer sent (a
 * view of its request's own buffer) with only its offset and epoch written into the header. Reading
 * returns those buffers, nothing is copied, and a stored batch never changes: sockets may still
 * hold it. All replicas of a partition share this one log, so its end is its high watermark.
 */
import { ErrorCode, endTransactionMarker, placeBatch, RecordBatch } from '@odradek/protocol'
import type { BatchHeader, Marker } from './batch-header.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import {
  type MarkerCheck,
  ProducerStates,
  type ProducerView,
  type WrittenBatch,
} from './producer-state.ts'
import { type AbortedTransaction, TransactionIndex } from './transaction-index.ts'

export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestamp: number
  readonly leaderEpoch: number
  /** -1 when producers set the timestamps. */
  readonly logAppendTime: number
  readonly header: BatchHeader
  readonly bytes: Buffer
}

export interface AppendOptions {
  readonly leaderEpoch: number
  /** For topics with LogAppendTime; -1 otherwise. */
  readonly logAppendTime: number
}

export type AppendResult =
  | { readonly kind: 'appended'; readonly batch: StoredBatch }
  | { readonly kind: 'duplicate'; readonly written: WrittenBatch }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly message: string }

/** A marker that ends a producer's transaction. */
export interface MarkerInput extends MarkerCheck {
  readonly type: Marker['type']
  readonly leaderEpoch: number
  readonly timestamp: number
}

export interface ReadOptions {
  readonly maxBytes: number
  /** Return the first batch even if it is larger than `maxBytes`. */
  readonly atLeastOne: boolean
  /** Only batches that end before this offset; all by default. */
  readonly endOffset?: number
}

export interface ReadResult {
  readonly chunks: readonly Buffer[]
  readonly byteLength: number
  /** The offset after the last batch that was read; the start of the read if there was none. */
  readonly nextOffset: number
}

/** A producer that the log knows, and where its open transaction began; -1 when it has none. */
export interface ActiveProducer extends ProducerView {
  readonly transactionStartOffset: number
}

export class PartitionLog {
  readonly epochs = new LeaderEpochs()
  readonly #batches: StoredBatch[] = []
  readonly #producers = new ProducerStates()
  readonly #transactions = new TransactionIndex()
  #logStartOffset = 0
  #endOffset = 0

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** The next offset to assign. */
  get endOffset(): number {
    return this.#endOffset
  }

  get highWatermark(): number {
    return this.#endOffset
  }

  /** The start of the first open transaction, or the end of the log. */
  get lastStableOffset(): number {
    const unstable = this.#transactions.firstUnstableOffset
    return unstable === undefined ? this.#endOffset : Math.max(unstable, this.#logStartOffset)
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  append(bytes: Buffer, header: BatchHeader, options: AppendOptions): AppendResult {
    const verdict = this.#producers.check(header)
    if (verdict.kind !== 'next') return verdict
    const hasTransaction = this.#transactions.startOf(header.producerId) !== undefined
    if (hasTransaction && !header.isTransactional) {
      return {
        kind: 'refused',
        errorCode: ErrorCode.INVALID_TXN_STATE,
        message: `Producer ${header.producerId} has an open transaction in this partition; this batch is not transactional.`,
      }
    }
    return { kind: 'appended', batch: this.#write(bytes, header, options) }
  }

  /** Ends the producer's transaction here, if it has one; the marker is written in any case. */
  appendMarker(input: MarkerInput): StoredBatch | { readonly errorCode: number } {
    const errorCode = this.#producers.checkMarker(input)
    if (errorCode !== ErrorCode.NONE) return { errorCode }
    const { type, producerId, producerEpoch, coordinatorEpoch, leaderEpoch, timestamp } = input
    const stamp = { producerId, producerEpoch, baseSequence: -1 }
    const bytes = endTransactionMarker(type, timestamp, stamp, coordinatorEpoch)
    const header: BatchHeader = {
      ...stamp,
      recordCount: 1,
      maxTimestamp: timestamp,
      isTransactional: true,
      marker: { type, coordinatorEpoch },
    }
    return this.#write(bytes, header, { leaderEpoch, logAppendTime: -1 })
  }

  #write(bytes: Buffer, header: BatchHeader, options: AppendOptions): StoredBatch {
    const { leaderEpoch, logAppendTime } = options
    const baseOffset = this.#endOffset
    const isLogAppendTime = logAppendTime >= 0
    placeBatch(bytes, {
      baseOffset,
      leaderEpoch,
      ...(isLogAppendTime ? { logAppendTime } : {}),
    })
    const batch: StoredBatch = {
      baseOffset,
      lastOffset: baseOffset + header.recordCount - 1,
      maxTimestamp: isLogAppendTime ? logAppendTime : header.maxTimestamp,
      leaderEpoch,
      logAppendTime,
      header,
      bytes,
    }
    this.#batches.push(batch)
    this.#endOffset = batch.lastOffset + 1
    this.#note(batch)
    return batch
  }

  #note({ header, baseOffset, logAppendTime }: StoredBatch): void {
    this.#producers.remember(header, baseOffset, logAppendTime)
    this.#transactions.note(header, baseOffset)
  }

  /** Whether the producer has an open transaction here, under this epoch. */
  hasTransaction(producerId: bigint, producerEpoch: number): boolean {
    const isOpen = this.#transactions.startOf(producerId) !== undefined
    return isOpen && this.#producers.epochOf(producerId) === producerEpoch
  }

  activeProducers(): readonly ActiveProducer[] {
    return this.#producers.views().map((view) => ({
      ...view,
      transactionStartOffset: this.#transactions.startOf(view.producerId) ?? -1,
    }))
  }

  /** Aborted transactions that touch offsets from `start` on, and before `end`. */
  abortedBetween(start: number, end: number): readonly AbortedTransaction[] {
    return this.#transactions.abortedBetween(start, end)
  }

  /** Whole batches from the one that holds `offset` on. */
  read(
    offset: number,
    { maxBytes, atLeastOne, endOffset = this.#endOffset }: ReadOptions,
  ): ReadResult {
    const chunks: Buffer[] = []
    let byteLength = 0
    let nextOffset = offset
    for (let index = this.#indexOf(offset); index < this.#batches.length; index++) {
      const { bytes, lastOffset } = this.#batches[index] as StoredBatch
      if (lastOffset >= endOffset) break
      const fits = byteLength + bytes.length <= maxBytes
      if (!fits && !(atLeastOne && chunks.length === 0)) break
      chunks.push(bytes)
      byteLength += bytes.length
      nextOffset = lastOffset + 1
    }
    return { chunks, byteLength, nextOffset }
  }

  /** The index in `batches` of the batch that holds `offset`, or of the first one after it. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Moves the log start forward, as retention and DeleteRecords do. */
  expireBefore(offset: number): void {
    if (offset <= this.#logStartOffset) return
    this.#logStartOffset = Math.min(offset, this.#endOffset)
    this.#batches.splice(0, this.#indexOf(this.#logStartOffset))
    this.epochs.expireBefore(this.#logStartOffset)
    this.#transactions.expireBefore(this.#logStartOffset)
  }

  /**
   * Removes the end of the log, as an unclean election does. Batches are whole: the one that holds
   * `offset` is removed too. The state of producers and transactions is rebuilt from the rest.
   */
  truncateTo(offset: number): void {
    if (offset >= this.#endOffset) return
    const index = this.#indexOf(offset)
    const first = this.#batches[index]
    this.#endOffset = Math.max(
      this.#logStartOffset,
      first === undefined ? offset : Math.min(offset, first.baseOffset),
    )
    this.#batches.length = index
    this.epochs.truncateTo(this.#endOffset)
    this.#producers.clear()
    this.#transactions.clear()
    for (const batch of this.#batches) this.#note(batch)
  }

  /** The record batches of the log, for tests and checkers. */
  *recordBatches(): Generator<RecordBatch, void, undefined> {
    for (const { bytes } of this.#batches) yield new RecordBatch(bytes)
  }
}
