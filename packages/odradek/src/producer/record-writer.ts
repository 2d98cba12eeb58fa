/**
 * The way of records into their partitions' batches: at once where that is possible, else in line
 * (for a topic that is not known yet, for room), so that waiting never changes the order of calls.
 */
import { loadCodecs } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { AbortError, UsageError } from '../errors/errors.ts'
import { abortable } from '../async/on-abort.ts'
import { checkTopicName } from '../serdes/topic.ts'
import { type Accumulator, NO_ROOM } from './accumulator.ts'
import type { Batch } from './batch.ts'
import { Entrances } from './entrance.ts'
import type { EffectiveProducerOptions } from './producer-options.ts'
import {
  type AnyRecord,
  checkRecord,
  checkTopicInput,
  encodeHeaders,
  encodeKey,
  encodeValue,
  looseRecordBytes,
  type RecordMetadata,
  type TopicInput,
} from './record.ts'
import { SentRecords } from './sent-records.ts'

export interface WriteHooks {
  readonly until: AbortSignal | undefined
  readonly onFailure: (error: unknown) => void
}

export interface RecordWriterOwner {
  /** Aborts when the producer has ended. */
  readonly finished: AbortSignal
  /** Why the producer takes nothing any more. */
  readonly stopped: UsageError | undefined
  /** There may be something to send. */
  wake(): void
}

/** A call with many records lets the event loop have a turn after so many. */
const RECORDS_PER_TURN = 5000
/** Who goes on writing although `write` says that the buffer is full is stopped here. */
const MAX_OVERFLOW = 2

interface Placed {
  readonly batch: Batch
  readonly index: number
  readonly timestamp: number
}

export class RecordWriter {
  readonly #cluster: Cluster
  readonly #options: EffectiveProducerOptions
  readonly #accumulator: Accumulator
  readonly #owner: RecordWriterOwner
  readonly #entrances: Entrances
  readonly #releases = new Map<string, () => void>()
  #areCodecsLoaded: boolean

  constructor(
    cluster: Cluster,
    options: EffectiveProducerOptions,
    accumulator: Accumulator,
    owner: RecordWriterOwner,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#accumulator = accumulator
    this.#owner = owner
    this.#areCodecsLoaded = options.compressionType === 'none'
    this.#entrances = new Entrances((topic) => this.#prepare(topic), owner.finished)
  }

  /** Resolves when nobody stands in line. */
  cleared(): Promise<void> {
    return this.#entrances.cleared()
  }

  /** The topics are needed no more. */
  release(): void {
    for (const release of this.#releases.values()) release()
  }

  /**
   * Sends a record, or many with one promise; see `Producer.send`. `signal` ends the wait, and
   * after `until` nothing goes into a batch any more.
   */
  send(
    topic: TopicInput,
    records: AnyRecord | readonly AnyRecord[],
    signal: AbortSignal | undefined,
    until = signal,
  ): Promise<RecordMetadata | readonly RecordMetadata[]> {
    if (signal?.aborted === true) throw notSent(signal)
    checkTopicInput(topic)
    const entrance = this.#entrances.of(topic)
    if (Array.isArray(records)) {
      // A mistake in the first is likely one in all: it is told before anything is waited for.
      if (records.length > 0) checkRecord(records[0], nameOf(topic))
      const sent = new SentRecords(records.length)
      const outcome = this.#sendMany(topic, records as AnyRecord[], sent, until)
      return abortable(outcome, signal, (aborted) => (sent.isBegun ? mayBeSent : notSent)(aborted))
    }
    const record = records as AnyRecord
    checkRecord(record, nameOf(topic))
    if (entrance.isOpen) {
      const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
      const index = this.#append(topic, record, timestamp, false)
      if (index >= 0) {
        const batch = this.#note(index, false)
        const receipt = batch.settled.then(() => batch.receiptOf(index, timestamp))
        return abortable(receipt, signal, mayBeSent)
      }
    }
    let isPlaced = false
    const receipt = this.#entrances
      .standInLine(entrance, until, () => this.#place(topic, record, { until, isWrite: false }))
      .then(async ({ batch, index, timestamp }) => {
        isPlaced = true
        await batch.settled
        return batch.receiptOf(index, timestamp)
      })
    return abortable(receipt, signal, (aborted) => (isPlaced ? mayBeSent : notSent)(aborted))
  }

  async #sendMany(
    topic: TopicInput,
    records: readonly AnyRecord[],
    sent: SentRecords,
    until: AbortSignal | undefined,
  ): Promise<readonly RecordMetadata[]> {
    const entrance = this.#entrances.of(topic)
    if (entrance.isOpen) {
      const rest = this.#placeAll(topic, records, sent, until)
      // What could not go at once stands in line, before whoever comes next.
      if (rest !== undefined) await this.#entrances.standInLine(entrance, until, () => rest)
    } else {
      await this.#entrances.standInLine(entrance, until, async () =>
        this.#placeAll(topic, records, sent, until),
      )
    }
    return sent.outcome()
  }

  /** Appends the records of one call; a promise only if some have to wait. */
  #placeAll(
    topic: TopicInput,
    records: readonly AnyRecord[],
    sent: SentRecords,
    until: AbortSignal | undefined,
    start = 0,
  ): Promise<void> | undefined {
    const now = this.#cluster.environment.clock.now()
    const end = Math.min(records.length, start + RECORDS_PER_TURN)
    let at = start
    try {
      until?.throwIfAborted()
      for (; at < end; at++) {
        const record = records[at] as AnyRecord
        checkRecord(record, nameOf(topic))
        const timestamp = record.timestamp ?? now
        const index = this.#append(topic, record, timestamp, false)
        if (index < 0) break
        sent.add(this.#note(index, false), index, timestamp)
      }
    } catch (error) {
      sent.refuse(error)
      return undefined
    }
    return at < records.length ? this.#placeRest(topic, records, sent, until, at) : undefined
  }

  async #placeRest(
    topic: TopicInput,
    records: readonly AnyRecord[],
    sent: SentRecords,
    until: AbortSignal | undefined,
    start: number,
  ): Promise<void> {
    try {
      await this.#cluster.environment.timers.turn()
      // It stands where `#placeAll` stopped, and was checked there.
      const { batch, index, timestamp } = await this.#place(topic, records[start] as AnyRecord, {
        until,
        isWrite: false,
      })
      sent.add(batch, index, timestamp)
    } catch (error) {
      sent.refuse(error)
      return
    }
    await this.#placeAll(topic, records, sent, until, start + 1)
  }

  /** Queues a record; `onFailure` hears when it finds no way into a batch. */
  write(topic: TopicInput, record: AnyRecord, { until, onFailure }: WriteHooks): boolean {
    checkTopicInput(topic)
    const name = nameOf(topic)
    checkRecord(record, name)
    const entrance = this.#entrances.of(topic)
    const { memory } = this.#accumulator
    if (memory.bytes >= this.#options.bufferMemory * MAX_OVERFLOW) {
      throw new UsageError(
        'write() was called on and on although the buffer is full: await producer.drained() ' +
          'when write() returns false.',
        { code: 'BUFFER_FULL' },
      )
    }
    if (entrance.isOpen) {
      const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
      const index = this.#append(topic, record, timestamp, true)
      if (index >= 0) {
        this.#note(index, true)
        return !memory.isFull
      }
    }
    this.#entrances
      .standInLine(entrance, until, () => this.#place(topic, record, { until, isWrite: true }))
      .catch((error: unknown) => onFailure(error))
    return false
  }

  /** What a topic needs before its first record: codecs, metadata, its serdes' preparation. */
  async #prepare(topic: TopicInput): Promise<void> {
    const name = nameOf(topic)
    checkTopicName(name)
    if (!this.#areCodecsLoaded) {
      await loadCodecs([this.#options.compressionType])
      this.#areCodecsLoaded = true
    }
    if (typeof topic !== 'string') {
      await topic.key?.prepare?.(name)
      await topic.value?.prepare?.(name)
    }
    if (!this.#releases.has(name)) this.#releases.set(name, this.#cluster.needTopics([name]))
    const { maxBlockMs, unknownTopicGraceMs } = this.#options
    const graceMs = Math.min(unknownTopicGraceMs, maxBlockMs / 2)
    await this.#cluster.topic(name, maxBlockMs, undefined, graceMs)
  }

  /** Puts a record into its partition's open batch: its index there, or why it has to wait. */
  #append(topic: TopicInput, record: AnyRecord, timestamp: number, isForced: boolean): number {
    const name = nameOf(topic)
    const { partition } = record
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
      throw new UsageError(`${String(partition)} is no partition of topic ${name}.`)
    }
    return this.#accumulator.append(
      this.#accumulator.topic(name),
      {
        key: encodeKey(topic, record),
        value: encodeValue(topic, record),
        headers: encodeHeaders(name, record.headers),
        timestamp,
        partition,
      },
      isForced,
    )
  }

  #note(index: number, isWrite: boolean): Batch {
    // The accumulator has just appended to it.
    const batch = this.#accumulator.lastBatch as Batch
    batch.note(index, isWrite)
    if (!isWrite) batch.isAwaited = true
    this.#owner.wake()
    return batch
  }

  /** Appends one record, however long that has to wait. */
  async #place(
    topic: TopicInput,
    record: AnyRecord,
    { until, isWrite }: { readonly until: AbortSignal | undefined; readonly isWrite: boolean },
  ): Promise<Placed> {
    let hasRefreshed = false
    let isGranted = false
    for (;;) {
      until?.throwIfAborted()
      this.#owner.finished.throwIfAborted()
      if (this.#owner.stopped !== undefined) throw this.#owner.stopped
      const timestamp = record.timestamp ?? this.#cluster.environment.clock.now()
      const index = this.#append(topic, record, timestamp, isWrite || isGranted)
      if (index >= 0) return { batch: this.#note(index, isWrite), index, timestamp }
      if (index === NO_ROOM) {
        isGranted = true
        await this.#waitForRoom(topic, record, until)
      } else {
        if (hasRefreshed) throw this.#noPartition(nameOf(topic), record.partition)
        hasRefreshed = true
        await this.#lookForPartition(nameOf(topic), until)
      }
    }
  }

  async #waitForRoom(
    topic: TopicInput,
    record: AnyRecord,
    until: AbortSignal | undefined,
  ): Promise<void> {
    const { memory } = this.#accumulator
    this.#owner.wake()
    const bytes = looseRecordBytes(
      encodeKey(topic, record),
      encodeValue(topic, record),
      encodeHeaders(nameOf(topic), record.headers),
    )
    const taken = await memory.wait(bytes, this.#options.maxBlockMs, until)
    taken()
  }

  /** The topic may have more partitions by now. */
  async #lookForPartition(name: string, until: AbortSignal | undefined): Promise<void> {
    await this.#cluster.retry(
      () => this.#cluster.refreshMetadata(`a partition of ${name} is not known`),
      { action: `find a partition of ${name}`, timeoutMs: this.#options.maxBlockMs, signal: until },
    )
  }

  #noPartition(name: string, partition: number | undefined): UsageError {
    const count = this.#cluster.metadata.topics.get(name)?.partitions.length ?? 0
    return new UsageError(
      `Topic ${name} has the partitions 0 to ${count - 1}; there is no ${partition}.`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }
}

function notSent(signal: AbortSignal): AbortError {
  return new AbortError(
    'The send was aborted before anything of it was sent.',
    'notWritten',
    signal,
  )
}

function mayBeSent(signal: AbortSignal): AbortError {
  const what = 'The wait for the send was aborted; what is in a batch is still sent.'
  return new AbortError(what, 'unknown', signal)
}

export function nameOf(topic: TopicInput): string {
  return typeof topic === 'string' ? topic : topic.name
}
