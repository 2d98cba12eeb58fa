/**
 * One partition's fetched records, iterated without a promise each. Within a batch, asking for the
 * next record says that the one before is processed; what is unfinished when the loop ends early
 * is delivered again, unless `markUpTo` or `skipRest` says otherwise.
 */
import { CONSUMPTION, type Consumption } from '../../cluster/consumption.ts'
import { UsageError } from '../../errors/errors.ts'
import type { ConsumerRecord } from '../partition/consumer-record.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { FetchedChunk } from '../partition/completed-fetch.ts'
import type { Lineage } from '../partition/position-epoch.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { Surface } from './read-guard.ts'

/**
 * The session is looked at whenever user code has waited for anything since the last record, and
 * every so many records of a loop that does not.
 */
const RECORDS_PER_CHECK = 32

export class ConsumerBatch<R extends ConsumerRecord<unknown, unknown, null> = ConsumerRecord>
  implements Iterable<R>
{
  readonly topic: string
  readonly partition: number
  readonly #deliveries: Deliveries
  readonly #reader: PartitionReader
  readonly #chunk: FetchedChunk
  readonly #lineage: Lineage
  readonly #surface: Surface
  #inHand: AnyRecord | undefined
  #untilCheck = RECORDS_PER_CHECK
  #isFinished = false

  /** @internal */
  constructor(surface: Surface, reader: PartitionReader, chunk: FetchedChunk) {
    this.#surface = surface
    this.#deliveries = surface.deliveries
    this.#reader = reader
    this.#chunk = chunk
    this.#lineage = chunk.lineage
    this.topic = reader.topic
    this.partition = reader.partition
  }

  /** The offset behind the last record of the partition, as of this fetch. */
  get highWatermark(): number {
    return this.#reader.log.highWatermark
  }

  /** The partition was taken away (or sought elsewhere): the iterator ends, marks do not count. */
  get revoked(): boolean {
    return !this.#lineage.isLive
  }

  /** Aborts when the partition is taken away; its reason says how. */
  get signal(): AbortSignal {
    return this.#lineage.signal
  }

  /** Every record of it is processed, or said to be. */
  get isFinished(): boolean {
    return this.#isFinished || this.revoked
  }

  /** @internal What `tx.consume` takes: all of it, which must be processed when it is committed. */
  get [CONSUMPTION](): Consumption | undefined {
    const { consumed } = this.#lineage
    const isComplete = (): boolean => this.isFinished
    return consumed && { partition: consumed, offset: undefined, isComplete }
  }

  [Symbol.iterator](): Iterator<R> {
    // The one result object is reused: loops, spreads and destructuring read it at once.
    const result: { done: boolean; value: AnyRecord | undefined } = {
      done: false,
      value: undefined,
    }
    return {
      next: () => {
        const record = this.#next()
        result.done = record === undefined
        result.value = record
        return result as IteratorResult<R>
      },
      return: () => {
        this.leave()
        return { done: true, value: undefined }
      },
    }
  }

  #next(): AnyRecord | undefined {
    const before = this.#inHand
    if (before !== undefined) {
      this.#inHand = undefined
      if (this.#lineage.isLive) this.#lineage.tracker.passTo(before.offset + 1)
      else this.#surface.noteStale(before)
    }
    if (!this.#lineage.isLive || this.#isFinished) return undefined
    if (!this.#mayGoOn()) {
      // In doubt: what is left comes in a later batch, if the session still holds.
      this.#isFinished = true
      return undefined
    }
    const isCurrent = this.#reader.current === this.#chunk
    const record = isCurrent
      ? this.#deliveries.takeRecord(this.#reader)
      : this.#deliveries.takeRest(this.#reader, this.#chunk)
    if (record === undefined) {
      if (!isCurrent) this.#lineage.tracker.passTo(this.#chunk.position)
      // Paused or corrupt in the middle: what is left comes in a later batch.
      this.#isFinished = true
      return undefined
    }
    this.#inHand = record
    return record
  }

  #mayGoOn(): boolean {
    if (--this.#untilCheck > 0) return this.#surface.mayGoOn()
    this.#untilCheck = RECORDS_PER_CHECK
    return this.#surface.mayDeliver()
  }

  /** @internal The loop over the batch ended early: the record in hand is not processed. */
  leave(): void {
    const record = this.#inHand
    this.#inHand = undefined
    // Marked, it is processed; else it comes again.
    const { committable } = this.#lineage.tracker
    if (record !== undefined) this.#chunk.rewindTo(Math.max(record.offset, committable))
  }

  /**
   * Says that everything up to and with this offset is processed; the rest is delivered again in
   * the next batch of the partition.
   *
   * @throws UsageError when the offset lies behind the batch: nobody has seen what is there.
   */
  markUpTo(offset: number): void {
    const { endOffset } = this.#chunk
    if (!Number.isSafeInteger(offset) || offset >= endOffset) {
      throw new UsageError(
        `markUpTo takes an offset of this batch, which ends before ${endOffset}; ` +
          `it was given ${offset}.`,
      )
    }
    this.#inHand = undefined
    this.#isFinished = true
    if (!this.#lineage.isLive) return
    this.#lineage.tracker.passTo(offset + 1)
    this.#chunk.rewindTo(Math.max(offset + 1, this.#lineage.tracker.committable))
  }

  /** Says that every record of this batch counts as processed. */
  skipRest(): void {
    this.markUpTo(this.#chunk.endOffset - 1)
    if (this.#reader.current === this.#chunk) this.#deliveries.takeRecord(this.#reader)
  }
}
