/**
 * `for await (const record of consumer)`: asking for the next record says that the one before is
 * processed; a `break` or a `throw` leaves it unprocessed, and iteration can resume there. Written
 * by hand, because every record comes by: without a wait, `next()` costs one settled promise.
 */
import { UsageError } from '../../errors/errors.ts'
import { type Caller, callers } from './callers.ts'
import { isAmong, loopOf, type Within } from './close-from-within.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { InHand, Occupant, Place } from './in-flight-records.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { Surface } from './read-guard.ts'

/** A loop of settled promises never lets timers and sockets have their turn: this often it does. */
export const RECORDS_PER_TURN = 1000

export class RecordIterator implements AsyncIterableIterator<AnyRecord>, Occupant, Within {
  readonly #surface: Surface
  readonly #deliveries: Deliveries
  readonly #loop: string | undefined
  #reader: PartitionReader | undefined
  #inHand: AnyRecord | undefined
  #handedAt = 0
  #lastHanded: AnyRecord | undefined
  #isPending = false
  #isDone = false
  #sinceTurn = 0

  constructor(surface: Surface) {
    this.#surface = surface
    this.#deliveries = surface.deliveries
    this.#loop = loopOf(callers())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<AnyRecord, undefined>> {
    if (this.#isPending) {
      return Promise.reject(
        new UsageError(
          'next() was called while another next() is pending. Each call says that the record ' +
            'before is processed, so records must be asked for one at a time.',
        ),
      )
    }
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined })
    this.#finishInHand()
    const reader = this.#reader
    const isTurnDue = this.#sinceTurn >= RECORDS_PER_TURN || this.#surface.isTurnDue
    if (reader !== undefined && !isTurnDue && this.#surface.mayDeliver()) {
      const record = this.#deliveries.takeRecord(reader)
      if (record !== undefined) {
        this.#hand(reader, record)
        return Promise.resolve({ done: false, value: record })
      }
    }
    return this.#nextSlowly()
  }

  #hand(reader: PartitionReader, record: AnyRecord): void {
    this.#sinceTurn++
    this.#inHand = record
    this.#lastHanded = record
    this.#handedAt = this.#surface.checkedAt
    reader.inFlight.begin()
  }

  get isReading(): boolean {
    return this.#isPending || this.#inHand !== undefined
  }

  get oldestInHand(): InHand | undefined {
    if (this.#inHand === undefined) return undefined
    const { topic, partition, offset } = this.#inHand
    return { topic, partition, offset, since: this.#handedAt }
  }

  get lastHanded(): Place | undefined {
    return this.#lastHanded && placeOf(this.#lastHanded)
  }

  /** The record before is processed. */
  #finishInHand(): void {
    const record = this.#inHand
    if (record === undefined) return
    this.#inHand = undefined
    const { lineage } = record
    if (lineage.isLive) lineage.tracker.passTo(record.offset + 1)
    else this.#surface.noteStale(record)
    ;(this.#reader as PartitionReader).inFlight.end()
  }

  async #nextSlowly(): Promise<IteratorResult<AnyRecord, undefined>> {
    this.#isPending = true
    this.#surface.userReturned()
    try {
      for (;;) {
        if (this.#sinceTurn >= RECORDS_PER_TURN || this.#surface.isTurnDue) {
          this.#sinceTurn = 0
          await this.#surface.turn()
        }
        // Returned while it waited.
        if (this.#isDone) return { done: true, value: undefined }
        const record = this.#reader === undefined ? undefined : this.#takeOn(this.#reader)
        if (record !== undefined) return { done: false, value: record }
        if (this.#reader !== undefined) {
          this.#deliveries.giveBack(this.#reader)
          this.#reader = undefined
        }
        this.#reader = this.#deliveries.takePartition()
        if (this.#reader !== undefined) continue
        if (this.#deliveries.hasEnded) return this.#finish()
        await this.#surface.waitForRecords()
      }
    } catch (error) {
      this.#finish()
      throw error
    } finally {
      this.#isPending = false
    }
  }

  #takeOn(reader: PartitionReader): AnyRecord | undefined {
    if (!this.#surface.mayDeliver()) return undefined
    const record = this.#deliveries.takeRecord(reader)
    if (record !== undefined) this.#hand(reader, record)
    return record
  }

  #finish(): { done: true; value: undefined } {
    this.#isDone = true
    this.#surface.release(this)
    return { done: true, value: undefined }
  }

  /** `break` and `throw` look the same from here: the record in hand stays unprocessed. */
  return(): Promise<IteratorResult<AnyRecord, undefined>> {
    const reader = this.#reader
    if (reader !== undefined) {
      const record = this.#inHand
      if (record !== undefined) {
        this.#inHand = undefined
        const { committable } = record.lineage.tracker
        // Marked, it is processed; else it comes again.
        const from = Math.max(record.offset, committable)
        if (record.lineage === reader.current?.lineage) reader.current.rewindTo(from)
        else if (record.lineage === reader.lineage) this.#deliveries.rewind(reader)
        reader.inFlight.end()
      }
      this.#deliveries.giveBack(reader)
      this.#reader = undefined
    }
    const last = this.#finish()
    if (this.#isPending) this.#deliveries.recheck()
    return Promise.resolve(last)
  }

  hasAmong(calling: readonly Caller[]): boolean {
    return this.#inHand !== undefined && isAmong(this.#loop, calling)
  }

  /** As if the loop were left here. */
  leaveIt(): number {
    void this.return()
    return 0
  }
}

export function placeOf({ topic, partition, offset }: AnyRecord): Place {
  return { topic, partition, offset }
}
