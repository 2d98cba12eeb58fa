/**
 * Records as a web stream, for pipes and for Node's streams. Streams read ahead, so that being
 * asked for the next record says nothing about the one before: here a record counts as processed
 * only when it is marked (`consumer.mark(record)`), with everything of its partition before it.
 * What is not marked is delivered again, after a restart or a cancel.
 */
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { Occupant } from './in-flight-records.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { RECORDS_PER_TURN } from './serial-iterator.ts'
import type { Surface } from './read-guard.ts'

export class RecordStream implements Occupant {
  readonly #surface: Surface
  readonly #deliveries: Deliveries
  readonly #maxUncommittedRecords: number
  readonly #touched = new Set<PartitionReader>()
  #reader: PartitionReader | undefined
  #isCancelled = false
  #isPulling = false
  #sinceTurn = 0

  constructor(surface: Surface, maxUncommittedRecords: number) {
    this.#surface = surface
    this.#deliveries = surface.deliveries
    this.#maxUncommittedRecords = maxUncommittedRecords
  }

  /** The stream requests a record. It requests none while its queue is full. */
  get isReading(): boolean {
    return this.#isPulling
  }

  /** Streams read ahead: which records user code has is not known. */
  get oldestInHand(): undefined {
    return undefined
  }

  get lastHanded(): undefined {
    return undefined
  }

  async pull(controller: ReadableStreamDefaultController<AnyRecord>): Promise<void> {
    this.#isPulling = true
    this.#surface.userReturned()
    try {
      await this.#enqueueNext(controller)
    } catch (error) {
      this.cancel()
      throw error
    } finally {
      this.#isPulling = false
    }
  }

  async #enqueueNext(controller: ReadableStreamDefaultController<AnyRecord>): Promise<void> {
    for (;;) {
      if (++this.#sinceTurn >= RECORDS_PER_TURN) {
        this.#sinceTurn = 0
        await this.#surface.turn()
      }
      if (this.#isCancelled) return
      const record = this.#take()
      if (record !== undefined) {
        controller.enqueue(record)
        return
      }
      // What `takePartition` throws errors the stream.
      this.#reader = this.#deliveries.takePartition()
      if (this.#reader !== undefined) continue
      if (this.#deliveries.hasEnded) {
        this.#surface.release(this)
        controller.close()
        return
      }
      await this.#surface.waitForRecords()
    }
  }

  #take(): AnyRecord | undefined {
    const reader = this.#reader
    if (reader === undefined) return undefined
    const { tracker } = reader.lineage
    // One unmarked record must not let the gap behind it grow without bound.
    const isHeldBack = tracker.unfinishedCount >= this.#maxUncommittedRecords
    if (isHeldBack) reader.pause('unfinishedRecords')
    const mayTake = !isHeldBack && this.#surface.mayDeliver()
    const record = mayTake ? this.#deliveries.takeRecord(reader) : undefined
    if (record !== undefined) {
      tracker.deliver(record.offset)
      this.#touched.add(reader)
      return record
    }
    this.#deliveries.giveBack(reader)
    this.#reader = undefined
    return undefined
  }

  cancel(): void {
    this.#isCancelled = true
    if (this.#reader !== undefined) this.#deliveries.giveBack(this.#reader)
    this.#reader = undefined
    for (const reader of this.#touched) {
      reader.resume('unfinishedRecords')
      if (reader.lineage.tracker.unfinishedCount > 0) this.#deliveries.rewind(reader)
    }
    this.#touched.clear()
    this.#surface.release(this)
  }
}
