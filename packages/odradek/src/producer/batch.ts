/**
 * A batch of one partition on its way from the first `send` to the broker's word about it. All its
 * records share one promise, made when somebody first waits; it never rejects: whoever waited asks
 * for the fate of its own record, because a batch that is split may fail by halves.
 */
import type { KafkaError, RecordBatchBuilder } from '@odradek/protocol'
import type { PartitionQueue } from './partition-queue.ts'
import type { RecordMetadata } from './record.ts'

/** The batches of one partition, in order. */
export type BatchQueue = PartitionQueue<Batch>

/** What is known of records whose delivery failed. */
export type DeliveryOutcome = 'written' | 'notWritten' | 'unknown'

export class Batch {
  readonly queue: BatchQueue
  /** By the monotonic clock. */
  readonly createdAt: number
  /** The place among the partition's batches; halves of a split batch lie between whole numbers. */
  readonly ordinal: number
  readonly ordinalSpan: number
  builder: RecordBatchBuilder | undefined
  /** The bytes to send, once the batch is closed. */
  bytes: Buffer | undefined
  recordCount = 0
  /** Bytes of the buffer memory that this batch holds. */
  reservedBytes = 0
  /** -1 until the batch is first sent, and again when its numbers turned out to be unused. */
  baseSequence = -1
  attempts = 0
  retryAt = 0
  /** The leader that the last try went to: another one needs no pause. */
  lastLeader = -1
  lastError: KafkaError | undefined
  /** Whether a try may have reached the broker without our hearing of it. */
  isOutcomeUnknown = false
  /** When a try last ended without an answer; what it sent may land for a while yet. */
  unknownSince = Number.NEGATIVE_INFINITY
  /** Not to be sent before, whoever leads. */
  heldUntil = 0
  /** The records may be in the log as a part of the larger batch that they were split from. */
  mayBeWrittenAsWhole = false
  /** Somebody awaits a record of this batch: it does not linger while nothing else is under way. */
  isAwaited = false
  /** Records of `write`: all of them (true), none (false), or these. */
  written: boolean | number[] = false
  isSettled = false
  error: KafkaError | undefined
  baseOffset: number | null = null
  logAppendTimeMs = -1
  /** The two batches that this one became. */
  halves: readonly [Batch, Batch] | undefined
  #settled: Promise<void> | undefined
  #resolve: (() => void) | undefined

  constructor(queue: BatchQueue, createdAt: number, ordinal: number, ordinalSpan = 1) {
    this.queue = queue
    this.createdAt = createdAt
    this.ordinal = ordinal
    this.ordinalSpan = ordinalSpan
  }

  /** Resolves with the last word about this batch, good or bad. */
  get settled(): Promise<void> {
    this.#settled ??= this.isSettled
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#resolve = resolve
        })
    return this.#settled
  }

  /** Notes that a record was appended by `write`, or by `send`. */
  note(index: number, isWrite: boolean): void {
    if (index === 0) this.written = isWrite
    else if (this.written !== isWrite) this.#noteMixed(index, isWrite)
  }

  #noteMixed(index: number, isWrite: boolean): void {
    if (typeof this.written === 'boolean') {
      this.written = this.written ? Array.from({ length: index }, (_, at) => at) : []
    }
    if (isWrite) this.written.push(index)
  }

  succeed(baseOffset: number | null, logAppendTimeMs: number): void {
    this.baseOffset = baseOffset
    this.logAppendTimeMs = logAppendTimeMs
    this.#settle()
  }

  fail(error: KafkaError): void {
    if (this.isSettled) return
    this.error = error
    this.#settle()
  }

  #settle(): void {
    this.isSettled = true
    this.#resolve?.()
  }

  errorOf(index: number): KafkaError | undefined {
    if (this.halves === undefined) return this.error
    const [first, second] = this.halves
    if (!first.isSettled || !second.isSettled) return this.error
    const { recordCount } = first
    return index < recordCount ? first.errorOf(index) : second.errorOf(index - recordCount)
  }

  /** Where the record is; throws what became of it otherwise. */
  receiptOf(index: number, timestamp: number): RecordMetadata {
    const error = this.errorOf(index)
    if (error !== undefined) throw error
    if (this.halves !== undefined) {
      const [first, second] = this.halves
      const { recordCount } = first
      return index < recordCount
        ? first.receiptOf(index, timestamp)
        : second.receiptOf(index - recordCount, timestamp)
    }
    const { topic, partition } = this.queue
    return {
      topic,
      partition,
      offset: this.baseOffset === null ? null : this.baseOffset + index,
      timestamp: this.logAppendTimeMs >= 0 ? this.logAppendTimeMs : timestamp,
    }
  }
}

/** The error with what is known of the records' fate. */
export function withOutcome<T extends KafkaError>(error: T, outcome: DeliveryOutcome): T {
  return Object.assign(error, { outcome })
}
