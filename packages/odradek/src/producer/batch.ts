/**
 * A batch of one partition on its way from the first `send` to the broker's word about it. All its
 * records share one promise; a record's offset is the batch's base offset plus its index.
 */
import { type KafkaError, RecordBatchBuilder } from '@odradek/protocol'

/** What is known of records whose delivery failed. */
export type Outcome = 'written' | 'notWritten' | 'unknown'

export interface Delivery {
  /**
   * The offset of a record by its index; null when the broker does not tell (acks=0, a duplicate).
   */
  readonly offsetOf: (index: number) => number | null
  /** -1 unless the topic stamps records when they are appended. */
  readonly logAppendTimeMs: number
}

export class Batch {
  readonly topic: string
  readonly partition: number
  /** By the monotonic clock. */
  readonly createdAt: number
  readonly done: Promise<Delivery>
  builder: RecordBatchBuilder | undefined
  /** The bytes to send, once the batch is closed. */
  bytes: Buffer | undefined
  recordCount = 0
  /** Bytes of the buffer memory that this batch holds. */
  reservedBytes = 0
  baseSequence = -1
  producerEpoch = -1
  attempts = 0
  retryAt = 0
  /** The leader that the last try went to: another one needs no pause. */
  lastLeader = -1
  isSettled = false
  /** Whether a failure is reported on behalf of `write`. */
  isWatched = false
  lastError: KafkaError | undefined
  /** Whether a try may have reached the broker without our hearing of it. */
  isOutcomeUnknown = false
  #resolve!: (delivery: Delivery) => void
  #reject!: (error: KafkaError) => void

  constructor(topic: string, partition: number, createdAt: number, expectedBytes: number) {
    this.topic = topic
    this.partition = partition
    this.createdAt = createdAt
    this.builder = new RecordBatchBuilder(expectedBytes)
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever sent records hears of a failure; a batch of `write`s has nobody waiting.
    this.done.catch(() => undefined)
  }

  resolve(delivery: Delivery): void {
    this.isSettled = true
    this.#resolve(delivery)
  }

  reject(error: KafkaError, outcome: Outcome): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(Object.assign(error, { outcome }))
  }
}
