/**
 * `for await (const record of consumer)`: asking for the next record says that the one before is
 * processed; a `break` or a `throw` leaves it unprocessed, and iteration can resume there. Written
 * by hand, because every record comes by: without a wait, `next()` costs one settled promise.
 */
import type { PartitionReader } from '../partition/partition-state.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { InHand, Occupant, Place } from './in-flight-records.ts'
import { SerialIterator } from './serial-iterator.ts'

export class RecordIterator
  extends SerialIterator<AnyRecord, Deliveries>
  implements AsyncIterableIterator<AnyRecord>, Occupant
{
  #reader: PartitionReader | undefined
  #inHand: AnyRecord | undefined
  #handedAt = 0
  #lastHanded: AnyRecord | undefined

  next(): Promise<IteratorResult<AnyRecord, undefined>> {
    if (this.isPending) {
      return Promise.reject(this.refusal('Each call says that the record before is processed'))
    }
    if (this.isDone) return Promise.resolve({ done: true, value: undefined })
    this.#finishInHand()
    const reader = this.#reader
    if (reader !== undefined && !this.isTurnDue) {
      const record = this.#takeOf(reader)
      if (record !== undefined) return Promise.resolve({ done: false, value: record })
    }
    return this.waitForNext()
  }

  protected override take(): AnyRecord | undefined {
    const { deliveries } = this.surface
    for (;;) {
      const record = this.#reader === undefined ? undefined : this.#takeOf(this.#reader)
      if (record !== undefined) return record
      if (this.#reader !== undefined) deliveries.giveBack(this.#reader)
      this.#reader = deliveries.takePartition()
      if (this.#reader === undefined) return undefined
    }
  }

  #takeOf(reader: PartitionReader): AnyRecord | undefined {
    if (!this.surface.mayDeliver()) return undefined
    const record = this.surface.deliveries.takeRecord(reader)
    if (record === undefined) return undefined
    this.sinceTurn++
    this.#inHand = record
    this.#lastHanded = record
    this.#handedAt = this.surface.checkedAt
    reader.inFlight.begin()
    return record
  }

  get isReading(): boolean {
    return this.isPending || this.#inHand !== undefined
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
    else this.surface.noteStale(record)
    ;(this.#reader as PartitionReader).inFlight.end()
  }

  /** `break` and `throw` look the same from here: the record in flight stays unprocessed. */
  return(): Promise<IteratorResult<AnyRecord, undefined>> {
    const reader = this.#reader
    if (reader !== undefined) {
      const { deliveries } = this.surface
      const record = this.#inHand
      if (record !== undefined) {
        this.#inHand = undefined
        const { committable } = record.lineage.tracker
        // Marked, it is processed; else it comes again.
        const from = Math.max(record.offset, committable)
        if (record.lineage === reader.current?.lineage) reader.current.rewindTo(from)
        else if (record.lineage === reader.lineage) deliveries.rewind(reader)
        reader.inFlight.end()
      }
      deliveries.giveBack(reader)
      this.#reader = undefined
    }
    return this.end()
  }
}

export function placeOf({ topic, partition, offset }: AnyRecord): Place {
  return { topic, partition, offset }
}
