/**
 * `for await (const batch of consumer.batches())`. The next batch may be asked for once this one
 * was iterated to its end, or its rest was spoken for: otherwise records would be lost in silence.
 */
import { UsageError } from '../../errors/errors.ts'
import { type Caller, callers } from './callers.ts'
import { isAmong, loopOf, type Within } from './close-from-within.ts'
import { ConsumerBatch } from './consumer-batch.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { InHand, Occupant, Place } from './in-flight-records.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { Surface } from './read-guard.ts'

export type AnyBatch = ConsumerBatch<AnyRecord>

export class BatchIterator implements AsyncIterableIterator<AnyBatch>, Occupant, Within {
  readonly #surface: Surface
  readonly #deliveries: Deliveries
  readonly #loop: string | undefined
  #reader: PartitionReader | undefined
  #batch: AnyBatch | undefined
  #handedAt = 0
  #lastHanded: Place | undefined
  #isPending = false
  #isDone = false

  constructor(surface: Surface) {
    this.#surface = surface
    this.#deliveries = surface.deliveries
    this.#loop = loopOf(callers())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<AnyBatch, undefined>> {
    if (this.#isDone) return { done: true, value: undefined }
    this.#refuseUnfinished()
    this.#isPending = true
    try {
      this.#letGo()
      this.#surface.userReturned()
      // One turn of the event loop between two batches keeps timers and sockets alive.
      await this.#surface.turn()
      for (;;) {
        // Returned while it waited.
        if (this.#isDone) return { done: true, value: undefined }
        const reader = this.#deliveries.takePartition()
        if (reader?.current !== undefined) {
          reader.inFlight.begin()
          this.#reader = reader
          this.#handedAt = this.#surface.now
          const { topic, partition, current } = reader
          this.#lastHanded = { topic, partition, offset: current.position }
          this.#batch = new ConsumerBatch<AnyRecord>(this.#surface, reader, current)
          return { done: false, value: this.#batch }
        }
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

  get isReading(): boolean {
    return this.#isPending || this.#batch !== undefined
  }

  /** The batch: it is handed out as a whole. */
  get oldestInHand(): InHand | undefined {
    if (this.#batch === undefined || this.#lastHanded === undefined) return undefined
    return { ...this.#lastHanded, since: this.#handedAt }
  }

  get lastHanded(): Place | undefined {
    return this.#lastHanded
  }

  #refuseUnfinished(): void {
    if (this.#isPending) {
      throw new UsageError('next() was called while another next() is pending; ask one at a time.')
    }
    const batch = this.#batch
    if (batch === undefined || batch.isFinished) return
    throw new UsageError(
      `The batch of ${batch.topic}-${batch.partition} was not iterated to its end. Call ` +
        'batch.markUpTo(offset) to have the rest delivered again, or batch.skipRest().',
    )
  }

  #letGo(): void {
    const reader = this.#reader
    if (reader === undefined) return
    this.#reader = undefined
    this.#batch?.leave()
    this.#batch = undefined
    this.#deliveries.giveBack(reader)
    reader.inFlight.end()
  }

  #finish(): { done: true; value: undefined } {
    this.#isDone = true
    this.#surface.release(this)
    return { done: true, value: undefined }
  }

  /** What is unfinished of the batch in hand is delivered again. */
  return(): Promise<IteratorResult<AnyBatch, undefined>> {
    this.#letGo()
    const last = this.#finish()
    if (this.#isPending) this.#deliveries.recheck()
    return Promise.resolve(last)
  }

  hasAmong(calling: readonly Caller[]): boolean {
    return this.#batch !== undefined && isAmong(this.#loop, calling)
  }

  /** As if the loop were left here. */
  leaveIt(): number {
    void this.return()
    return 0
  }
}
