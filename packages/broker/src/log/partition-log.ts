/**
 * The log of one partition: record batches in offset order, each the very bytes that a producer
 * sent (a view of its request's own buffer) with only its place written into the header. Reading
 * gives those buffers, nothing is ever copied, and a stored batch never changes: sockets may still
 * hold it. All replicas of a partition share this one log, so its end is its high watermark.
 */
import { placeBatch, RecordBatch } from '@odradek/protocol'
import type { BatchHeader } from './batch-header.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { ProducerStates, type WrittenBatch } from './producer-state.ts'

export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestamp: number
  readonly leaderEpoch: number
  /** -1 when producers say the time. */
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

export interface ReadOptions {
  readonly maxBytes: number
  /** Give the first batch even if it is larger than `maxBytes`. */
  readonly atLeastOne: boolean
  /** Only batches that end before this offset; all by default. */
  readonly endOffset?: number
}

export interface ReadResult {
  readonly chunks: readonly Buffer[]
  readonly byteLength: number
}

export class PartitionLog {
  readonly epochs = new LeaderEpochs()
  readonly #batches: StoredBatch[] = []
  readonly #producers = new ProducerStates()
  #logStartOffset = 0
  #endOffset = 0

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** The next offset to be given. */
  get endOffset(): number {
    return this.#endOffset
  }

  get highWatermark(): number {
    return this.#endOffset
  }

  /** There are no transactions yet, so nothing is undecided. */
  get lastStableOffset(): number {
    return this.#endOffset
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  append(bytes: Buffer, header: BatchHeader, options: AppendOptions): AppendResult {
    const verdict = this.#producers.check(header)
    if (verdict.kind !== 'next') return verdict
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
    this.#producers.remember(header, baseOffset, logAppendTime)
    return { kind: 'appended', batch }
  }

  /** Whole batches from the one that holds `offset` on. */
  read(
    offset: number,
    { maxBytes, atLeastOne, endOffset = this.#endOffset }: ReadOptions,
  ): ReadResult {
    const chunks: Buffer[] = []
    let byteLength = 0
    for (let index = this.#indexOf(offset); index < this.#batches.length; index++) {
      const { bytes, lastOffset } = this.#batches[index] as StoredBatch
      if (lastOffset >= endOffset) break
      const fits = byteLength + bytes.length <= maxBytes
      if (!fits && !(atLeastOne && chunks.length === 0)) break
      chunks.push(bytes)
      byteLength += bytes.length
    }
    return { chunks, byteLength }
  }

  /** Where in `batches` the batch is that holds `offset`, or the first one after it. */
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
  }

  /**
   * Forgets the end of the log, as an unclean election does. Batches are whole: the one that holds
   * `offset` goes too. What producers wrote is known again from what is left.
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
    for (const batch of this.#batches) {
      this.#producers.remember(batch.header, batch.baseOffset, batch.logAppendTime)
    }
  }

  /** The records of the log, for those who check it. */
  *recordBatches(): Generator<RecordBatch, void, undefined> {
    for (const { bytes } of this.#batches) yield new RecordBatch(bytes)
  }
}
