/**
 * Records become bytes here, at once: each goes straight into the open batch of its partition, and
 * no object per record is kept. This is the hot path of every `send` and `write`.
 */
import {
  type Bytes,
  type HeaderInput,
  maxRecordBytes,
  partitionOfKey,
  RecordBatchBuilder,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { PartitionMetadata } from '../cluster/metadata.ts'
import { UsageError } from '../errors/errors.ts'
import { shown } from '../errors/shown.ts'
import { Batch, type BatchQueue } from './batch.ts'
import { MemoryGate } from './memory-gate.ts'
import { PartitionQueue } from './partition-queue.ts'
import { drawPartition } from './partitioner.ts'
import type { EffectiveProducerOptions } from './producer-options.ts'
import { looseRecordBytes } from './record.ts'

/** Why a record was not appended: it has to wait for room. */
export const NO_ROOM = -1
/** Why a record was not appended: its partition is not known (yet). */
export const NO_PARTITION = -2

const BATCH_OVERHEAD_BYTES = 61
const MIN_BUFFER_BYTES = 1024
const BUFFER_MARGIN_BYTES = 256

/** A topic that is written to. */
export class TopicQueues {
  readonly name: string
  readonly queues: (BatchQueue | undefined)[] = []
  /** Where records without a key go for now, and how many bytes went there. */
  sticky: BatchQueue | undefined
  stickyBytes = 0

  constructor(name: string) {
    this.name = name
  }
}

export interface EncodedRecord {
  readonly key: Bytes
  readonly value: Bytes
  readonly headers: readonly HeaderInput[]
  readonly timestamp: number
  readonly partition: number | undefined
}

export class Accumulator {
  readonly memory: MemoryGate
  readonly topics = new Map<string, TopicQueues>()
  /** Queues in which something waits or is under way. */
  readonly active = new Set<BatchQueue>()
  /** Batches without a last word. */
  readonly unsettled = new Set<Batch>()
  readonly #cluster: Cluster
  readonly #options: EffectiveProducerOptions
  /** Where the last record went. */
  lastBatch: Batch | undefined

  constructor(cluster: Cluster, options: EffectiveProducerOptions) {
    this.#cluster = cluster
    this.#options = options
    this.memory = new MemoryGate(cluster.environment, options.bufferMemory)
  }

  topic(name: string): TopicQueues {
    let topic = this.topics.get(name)
    if (topic === undefined) {
      topic = new TopicQueues(name)
      this.topics.set(name, topic)
    }
    return topic
  }

  /**
   * Appends a record and gives its index in `lastBatch`, or why it could not be: `NO_ROOM` (never
   * when `isForced`) or `NO_PARTITION`.
   */
  append(topic: TopicQueues, record: EncodedRecord, isForced: boolean): number {
    const { value, headers } = record
    let { key } = record
    const loose = looseRecordBytes(key, value, headers)
    if (loose > this.#options.maxRequestSize) this.#refuseLarge(topic.name, record)
    if (!isForced && !this.memory.hasRoom(loose)) return NO_ROOM
    const partitions = this.#cluster.metadata.topics.get(topic.name)?.partitions
    if (partitions === undefined || partitions.length === 0) return NO_PARTITION
    let queue: BatchQueue
    const given = record.partition
    if (given === undefined && this.#options.partitioner === undefined) {
      if (key === null) queue = this.#stickyQueue(topic, partitions, loose, record)
      else {
        // Encoded once: hashed, then copied.
        if (typeof key === 'string') key = Buffer.from(key)
        queue = this.#queue(topic, partitionOfKey(key, partitions.length))
      }
    } else {
      const chosen = given ?? this.#choose(topic.name, key, partitions.length)
      if (chosen >= partitions.length) return NO_PARTITION
      queue = this.#queue(topic, chosen)
    }
    return this.#put(queue, key, record, loose)
  }

  #put(queue: BatchQueue, key: Bytes, record: EncodedRecord, loose: number): number {
    const { value, headers, timestamp } = record
    let batch = queue.open
    if (batch === undefined || !this.#fits(batch, loose, key, value, headers)) {
      batch = this.#newBatch(queue, loose)
    }
    // An open batch has a builder.
    const builder = batch.builder as RecordBatchBuilder
    const before = builder.byteLength
    const index = builder.append(timestamp, key, value, headers)
    batch.recordCount = index + 1
    const bytes = builder.byteLength - (index === 0 ? 0 : before)
    batch.reservedBytes += bytes
    this.memory.take(bytes)
    this.lastBatch = batch
    return index
  }

  #fits(
    batch: Batch,
    loose: number,
    key: Bytes,
    value: Bytes,
    headers: readonly HeaderInput[],
  ): boolean {
    const room = this.#options.batchSize - (batch.builder?.byteLength ?? 0)
    return loose <= room || maxRecordBytes(key, value, headers) <= room
  }

  #newBatch(queue: BatchQueue, loose: number): Batch {
    const { batchSize } = this.#options
    const full = queue.open
    if (full !== undefined) queue.expectedBytes = batchSize
    const batch = new Batch(queue, this.#cluster.environment.clock.monotonic(), queue.nextOrdinal++)
    const expected = Math.max(queue.expectedBytes, loose + BATCH_OVERHEAD_BYTES, MIN_BUFFER_BYTES)
    batch.builder = new RecordBatchBuilder(expected + BUFFER_MARGIN_BYTES)
    queue.waiting.push(batch)
    this.active.add(queue)
    this.unsettled.add(batch)
    return batch
  }

  #stickyQueue(
    topic: TopicQueues,
    partitions: readonly PartitionMetadata[],
    loose: number,
    { value, headers }: EncodedRecord,
  ): BatchQueue {
    const { batchSize } = this.#options
    const { sticky } = topic
    if (sticky !== undefined && topic.stickyBytes < batchSize) {
      const { open } = sticky
      if (open === undefined || this.#fits(open, loose, null, value, headers)) {
        topic.stickyBytes += loose
        return sticky
      }
      sticky.expectedBytes = batchSize
    }
    const drawn = drawPartition(
      partitions,
      (partition) => topic.queues[partition]?.waiting.length ?? 0,
      this.#cluster.environment.random,
    )
    const queue = this.#queue(topic, drawn)
    topic.sticky = queue
    topic.stickyBytes = loose
    return queue
  }

  #queue(topic: TopicQueues, partition: number): BatchQueue {
    let queue = topic.queues[partition]
    if (queue === undefined) {
      queue = new PartitionQueue<Batch>(topic.name, partition)
      topic.queues[partition] = queue
    }
    return queue
  }

  #choose(topic: string, key: Bytes, partitionCount: number): number {
    const bytes = typeof key === 'string' ? Buffer.from(key) : key
    const chosen: unknown = this.#options.partitioner?.({ topic, key: bytes, partitionCount })
    if (isIndex(chosen, partitionCount)) return chosen
    throw new UsageError(
      `The partitioner returned ${described(chosen)} for a record of topic ${topic}: it must ` +
        `return a whole number from 0 to ${partitionCount - 1}, the number of a partition.`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }

  #refuseLarge(topic: string, { key, value, headers }: EncodedRecord): void {
    const bytes = maxRecordBytes(key, value, headers) + BATCH_OVERHEAD_BYTES
    const { maxRequestSize } = this.#options
    if (bytes <= maxRequestSize) return
    throw new UsageError(
      `A record of about ${bytes} bytes for topic ${topic} is larger than "maxRequestSize" ` +
        `(${maxRequestSize}). Raise it (and the topic's max.message.bytes), or send less.`,
      { code: 'MESSAGE_TOO_LARGE' },
    )
  }
}

function isIndex(chosen: unknown, count: number): chosen is number {
  return Number.isInteger(chosen) && (chosen as number) >= 0 && (chosen as number) < count
}

function described(chosen: unknown): string {
  if (typeof chosen === 'number') return String(chosen)
  if (typeof (chosen as PromiseLike<unknown> | null | undefined)?.then === 'function') {
    return 'a promise'
  }
  return shown(chosen)
}
