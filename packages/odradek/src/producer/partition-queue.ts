/**
 * What waits for one partition, in order: batches that were tried and must go again, closed and
 * open batches, and those under way. Order is the whole point: while something has to be repeated,
 * nothing newer is sent until the broker's word about everything under way is in.
 */
import { type Bytes, type HeaderInput, maxRecordBytes } from '@odradek/protocol'
import { Batch } from './batch.ts'

export interface Appended {
  readonly batch: Batch
  readonly index: number
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Oldest first; the last one may still be open. */
  readonly waiting: Batch[] = []
  readonly inFlight: Batch[] = []
  nextSequence = 0
  /** The last sequence number that the broker confirmed; -1 before any. */
  lastAckedSequence = -1

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  append(
    now: number,
    batchSize: number,
    record: {
      readonly timestamp: number
      readonly key: Bytes
      readonly value: Bytes
      readonly headers: readonly HeaderInput[]
    },
  ): Appended {
    const { key, value, headers } = record
    let batch = this.waiting.at(-1)
    const bytes = maxRecordBytes(key, value, headers)
    const builder = batch?.builder
    if (batch === undefined || builder === undefined || builder.byteLength + bytes > batchSize) {
      batch = new Batch(this.topic, this.partition, now, Math.max(batchSize, bytes + 64))
      this.waiting.push(batch)
    }
    const index = (batch.builder as NonNullable<typeof builder>).append(
      record.timestamp,
      key,
      value,
      headers,
    )
    batch.recordCount = index + 1
    return { batch, index }
  }

  /** Puts a batch back that has to be sent again, at its place by sequence. */
  putBack(batch: Batch): void {
    const at = this.waiting.findIndex(
      (other) => other.baseSequence < 0 || other.baseSequence > batch.baseSequence,
    )
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, batch)
  }

  /**
   * The next batch that may go now; order forbids it while a repeated batch has others before it.
   */
  nextToSend(maxInFlight: number): Batch | undefined {
    const [head] = this.waiting
    if (head === undefined || this.inFlight.length >= maxInFlight) return undefined
    if (head.attempts > 0 && this.inFlight.length > 0) return undefined
    const hasRepeatsUnderWay = this.inFlight.some((batch) => batch.attempts > 1)
    return hasRepeatsUnderWay ? undefined : head
  }
}
