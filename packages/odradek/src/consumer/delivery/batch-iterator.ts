/**
 * `for await (const batch of consumer.batches())`. The next batch may be requested once this one
 * was iterated to its end, or its rest was spoken for: otherwise records would be lost in silence.
 */
import { UsageError } from '../../errors/errors.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { ConsumerBatch } from './consumer-batch.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import type { InHand, Occupant, Place } from './in-flight-records.ts'
import { RECORDS_PER_TURN, SerialIterator } from './serial-iterator.ts'

export type AnyBatch = ConsumerBatch<AnyRecord>

export class BatchIterator
  extends SerialIterator<AnyBatch, Deliveries>
  implements AsyncIterableIterator<AnyBatch>, Occupant
{
  #reader: PartitionReader | undefined
  #batch: AnyBatch | undefined
  #handedAt = 0
  #lastHanded: Place | undefined

  async next(): Promise<IteratorResult<AnyBatch, undefined>> {
    if (this.isDone) return { done: true, value: undefined }
    this.#refuseUnfinished()
    this.#letGo()
    // One turn of the event loop between two batches keeps timers and sockets alive.
    this.sinceTurn = RECORDS_PER_TURN
    return this.waitForNext()
  }

  protected override take(): AnyBatch | undefined {
    const reader = this.surface.deliveries.takePartition()
    if (reader?.current === undefined) return undefined
    reader.inFlight.begin()
    this.#reader = reader
    this.#handedAt = this.surface.now
    const { topic, partition, current } = reader
    this.#lastHanded = { topic, partition, offset: current.position }
    this.#batch = new ConsumerBatch<AnyRecord>(this.surface, reader, current)
    return this.#batch
  }

  get isReading(): boolean {
    return this.isPending || this.#batch !== undefined
  }

  /** The batch: it is delivered as a whole. */
  get oldestInHand(): InHand | undefined {
    if (this.#batch === undefined || this.#lastHanded === undefined) return undefined
    return { ...this.#lastHanded, since: this.#handedAt }
  }

  get lastHanded(): Place | undefined {
    return this.#lastHanded
  }

  #refuseUnfinished(): void {
    if (this.isPending) throw this.refusal('Each call says that the batch before is processed')
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
    this.surface.deliveries.giveBack(reader)
    reader.inFlight.end()
  }

  /** What is unfinished of the batch in flight is delivered again. */
  return(): Promise<IteratorResult<AnyBatch, undefined>> {
    this.#letGo()
    return this.end()
  }
}
