/**
 * Hands fetched partitions to whoever reads: the record iterator, the batch iterator or the lanes
 * of `run`. A partition is in one reader's hands at a time, partitions take turns, and an end or an
 * error reaches everybody who waits.
 */
import { KafkaError, ProtocolError } from '@odradek/protocol'
import { CorruptRecordsError, type DecodeError } from '../../errors/errors.ts'
import type { CheckedRecord } from '../partition/checked-record.ts'
import type { ConsumerRecord } from '../partition/consumer-record.ts'
import type { FetchedChunk } from '../partition/completed-fetch.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

export type AnyRecord = ConsumerRecord<unknown, unknown>

export interface DeliveriesOwner {
  /** Whether this member may act on what it has: its session still holds. */
  mayDeliver(): boolean
  /** The bytes at the fetch offset are corrupt, for the first time. */
  onCorrupt(reader: PartitionReader): void
  /** What cannot be decoded was found: whether it was passed over; else the partition stands. */
  onUndecodable(
    reader: PartitionReader,
    chunk: FetchedChunk,
    record: AnyRecord,
    problem: DecodeError,
  ): boolean
  /** The bytes are still corrupt: whether reading goes on behind them, at `to`. */
  mayPassCorrupt(reader: PartitionReader, from: number, to: number, cause: ProtocolError): boolean
}

export class Deliveries {
  readonly #owner: DeliveriesOwner
  /** Partitions with something buffered, in turn. */
  readonly #ready = new Set<PartitionReader>()
  /** Errors that nobody was told yet. */
  readonly #errors: KafkaError[] = []
  /** What ended everything: told to whoever asks. */
  #fatal: KafkaError | undefined
  #waiters: (() => void)[] = []
  #hasEnded = false

  constructor(owner: DeliveriesOwner) {
    this.#owner = owner
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  offer(reader: PartitionReader): void {
    this.#ready.add(reader)
    this.#wake()
  }

  fail(error: KafkaError): void {
    this.#errors.push(error)
    this.#wake()
  }

  failForGood(error: KafkaError): void {
    this.#fatal = error
    this.#wake()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  #wake(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /**
   * A partition with records, now in the caller's hands; undefined when there is none right now.
   *
   * @throws what `fail` was told, once; what `failForGood` was told, each time.
   */
  takePartition(): PartitionReader | undefined {
    const error = this.#errors.shift() ?? (this.#hasEnded ? undefined : this.#fatal)
    if (error !== undefined) throw error
    if (this.#hasEnded || !this.#owner.mayDeliver()) return undefined
    for (const reader of this.#ready) {
      if (reader.state.name !== 'buffered') this.#ready.delete(reader)
      else if (reader.mayBeTaken) {
        this.#ready.delete(reader)
        reader.beginDelivery()
        return reader
      }
    }
    return undefined
  }

  /** Resolves when it makes sense to ask again. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  /** Whoever waits asks again: a pause, or a doubt about the session, is over. */
  recheck(): void {
    this.#wake()
  }

  /**
   * The next record of a partition in the caller's hands; undefined when the caller should give it
   * back, because nothing is left, or it is paused, revoked or positioned elsewhere.
   */
  takeRecord(reader: PartitionReader): AnyRecord | undefined {
    const chunk = reader.current
    if (chunk === undefined || this.#hasEnded || !reader.isDeliverable) return undefined
    let record: AnyRecord | undefined
    try {
      record = this.#takeOf(reader, chunk)
    } catch (error) {
      this.#handleCorruption(reader, error)
      return undefined
    }
    if (record === undefined && !reader.isPausedBy('deadLetter')) {
      chunk.lineage.tracker.passTo(chunk.endOffset)
      reader.drained()
    }
    return record
  }

  /** The next record of a batch whose partition is being given up. */
  takeRest(reader: PartitionReader, chunk: FetchedChunk): AnyRecord | undefined {
    return this.#takeOf(reader, chunk)
  }

  /** The next record that can be decoded, where that is asked before. */
  #takeOf(reader: PartitionReader, chunk: FetchedChunk): AnyRecord | undefined {
    for (;;) {
      const record = chunk.take()
      if (!chunk.isChecked || record === undefined) return record
      // What such a chunk makes.
      const problem = (record as CheckedRecord<unknown, unknown>).check()
      if (problem === undefined) return record
      if (!this.#owner.onUndecodable(reader, chunk, record, problem)) return undefined
    }
  }

  /** A partition comes back: what is left of it is handed out when its turn comes again. */
  giveBack(reader: PartitionReader): void {
    reader.returnToBuffer()
  }

  /** What was handed out and not processed is fetched again. */
  rewind(reader: PartitionReader): void {
    reader.rewind()
  }

  /** What was unfinished is finished: its partition is handed out again. */
  letGoOn(reader: PartitionReader): void {
    reader.resume('unfinishedRecords')
  }

  /**
   * Corrupt bytes are fetched once more, from another replica if there is one; then they are passed
   * over, or the user hears of it and the partition stops, as `onCorruptBatch` says.
   */
  #handleCorruption(reader: PartitionReader, cause: unknown): void {
    const chunk = reader.current
    if (chunk === undefined) return
    const offset = chunk.position
    chunk.lineage.tracker.passTo(offset)
    const isFirst = reader.corruptAt(offset)
    if (isFirst && cause instanceof ProtocolError) {
      this.#owner.onCorrupt(reader)
      return
    }
    if (cause instanceof ProtocolError) {
      const to = Math.max(offset + 1, Math.min(chunk.endOfBatch, reader.log.highWatermark))
      if (this.#owner.mayPassCorrupt(reader, offset, to, cause)) {
        chunk.lineage.tracker.passTo(to)
        reader.skipTo(to)
        return
      }
    }
    reader.fail()
    const { topic, partition } = reader
    this.fail(new CorruptRecordsError({ topic, partition, offset }, { cause }))
  }
}
