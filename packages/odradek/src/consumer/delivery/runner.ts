/**
 * `consumer.run(handler)`: calls a handler for every record, as many at once as wanted, in the
 * order that is wanted. A handler that returns no promise costs no turn of the promise queue.
 *
 * Order by partition needs no queue: each worker takes a partition into its hands and walks it.
 * Order by key (or none) deals records out to lanes, each with a short queue, and the offset
 * tracker puts what they finish back in order for the commits.
 */
import { asError } from '../../errors/as-error.ts'
import { DeadLetterError, DecodeError } from '../../errors/errors.ts'
import { backoffMs } from '../../cluster/backoff.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { missingDeadLetterTopic } from './dead-letter-topic.ts'
import type { AnyRecord, Deliveries } from './fetch-buffer.ts'
import { Hand, Hands, type InHand, type Occupant, type Place } from './in-flight-records.ts'
import { asRun } from './close-inside-run.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { placeOf } from './record-iterator.ts'
import { RECORDS_PER_TURN } from './serial-iterator.ts'
import type { Surface } from './read-guard.ts'
import { Lanes } from './lanes.ts'
import type { EffectiveRunOptions } from '../options/run-options.ts'

export interface HandlerContext {
  /**
   * Aborts when the record's partition is taken away, or when the handler takes longer than
   * `maxPollIntervalMs`; its reason says which.
   */
  readonly signal: AbortSignal
}

export type RecordHandler = (record: AnyRecord, context: HandlerContext) => unknown

export interface RunnerTools {
  readonly surface: Surface
  readonly cluster: Cluster
  readonly emitter: TypedEmitter<ClientEvents>
  readonly unknownTopicGraceMs: number
  /** Writes a record to a dead letter topic; settles when it is there. */
  readonly deadLetter: (topic: string, record: AnyRecord, error: unknown) => Promise<void>
}

export class Runner implements Occupant {
  readonly #tools: RunnerTools
  readonly #surface: Surface
  readonly #deliveries: Deliveries
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #handler: RecordHandler
  readonly #options: EffectiveRunOptions
  #isStopping = false
  /** A handler waits for the close: what waits behind its record cannot be finished. */
  #isClosingWithin = false
  #error: unknown
  #sinceTurn = 0
  /** Calls of the handler that have not settled. */
  readonly #hands = new Hands()
  #lastHanded: AnyRecord | undefined

  constructor(tools: RunnerTools, handler: RecordHandler, options: EffectiveRunOptions) {
    this.#tools = tools
    this.#surface = tools.surface
    this.#deliveries = tools.surface.deliveries
    this.#cluster = tools.cluster
    this.#emitter = tools.emitter
    this.#handler = handler
    this.#options = options
  }

  /** Settles when the consumer closes, the signal aborts, or something fails for good. */
  run(): Promise<void> {
    return asRun(this, () => this.#run())
  }

  async #run(): Promise<void> {
    const { concurrency, order, signal, onError } = this.#options
    const ended = new AbortController()
    if (typeof onError.onExhausted === 'object') {
      void this.#findDeadLetterTopic(onError.onExhausted.deadLetterTopic, ended.signal)
    }
    const stop = (): void => this.#stop()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted === true) stop()
    try {
      if (order === 'partition') {
        const workers = Array.from({ length: concurrency }, () => this.#walkPartitions())
        await Promise.all(workers)
      } else await this.#dealOut()
    } finally {
      ended.abort()
      signal?.removeEventListener('abort', stop)
      this.#surface.release(this)
    }
    if (this.#error !== undefined) throw this.#error as Error
  }

  /** A dead letter topic that does not exist ends the run before a handler fails. */
  async #findDeadLetterTopic(topic: string, signal: AbortSignal): Promise<void> {
    const { unknownTopicGraceMs: graceMs } = this.#tools
    const given = { topic, where: 'consumer.run(...)', graceMs, signal }
    const missing = await missingDeadLetterTopic(this.#cluster, given)
    if (missing !== undefined) this.#stop(missing)
  }

  #stop(error?: unknown): void {
    this.#isStopping = true
    this.#error ??= error
    this.#deliveries.recheck()
  }

  /** The next partition; undefined when this run is over. */
  async #nextPartition(): Promise<PartitionReader | undefined> {
    for (;;) {
      if (this.#isStopping) return undefined
      try {
        const reader = this.#deliveries.takePartition()
        if (reader !== undefined) return reader
      } catch (error) {
        this.#stop(error)
        return undefined
      }
      if (this.#deliveries.hasEnded) return undefined
      await this.#surface.waitForRecords()
    }
  }

  #takeRecord(reader: PartitionReader): AnyRecord | undefined {
    if (this.#isStopping || !this.#surface.mayDeliver()) return undefined
    return this.#deliveries.takeRecord(reader)
  }

  async #walkPartitions(): Promise<void> {
    for (;;) {
      const reader = await this.#nextPartition()
      if (reader === undefined) return
      for (;;) {
        const record = this.#takeRecord(reader)
        if (record === undefined) break
        reader.inFlight.begin()
        const outcome = this.#call(record)
        const isProcessed = typeof outcome === 'boolean' ? outcome : await outcome
        if (!record.lineage.isLive) this.#surface.noteStale(record)
        else if (isProcessed) record.lineage.tracker.passTo(record.offset + 1)
        else this.#deliveries.rewind(reader)
        reader.inFlight.end()
        if (++this.#sinceTurn >= RECORDS_PER_TURN || this.#surface.isTurnDue) await this.#turn()
      }
      this.#deliveries.giveBack(reader)
    }
  }

  /** Until `run` settles. */
  get isReading(): boolean {
    return true
  }

  get oldestInHand(): InHand | undefined {
    return this.#hands.oldest
  }

  get lastHanded(): Place | undefined {
    return this.#lastHanded && placeOf(this.#lastHanded)
  }

  *overdue(handedBefore: number): Generator<Hand> {
    for (const hand of this.#hands) {
      if (hand.since > handedBefore) return
      yield hand
    }
  }

  handlerAwaitsClose(): void {
    this.#isClosingWithin = true
  }

  async #turn(): Promise<void> {
    this.#sinceTurn = 0
    await this.#surface.turn()
  }

  async #dealOut(): Promise<void> {
    const { concurrency, order } = this.#options
    const lanes = new Lanes(concurrency, order === 'key' ? 'key' : 'none', (record) =>
      // It may have waited in its lane for long.
      this.#surface.mayDeliver() ? this.#call(record) : this.#callWhenSure(record),
    )
    const touched = new Set<PartitionReader>()
    for (;;) {
      const reader = await this.#nextPartition()
      if (reader === undefined) break
      for (;;) {
        const record = this.#takeRecord(reader)
        if (record === undefined) break
        touched.add(reader)
        reader.inFlight.begin()
        const { lineage } = record
        const ticket = lineage.tracker.deliver(record.offset)
        const room = lanes.push(record, (isProcessed) => {
          if (!lineage.isLive) this.#surface.noteStale(record)
          else if (isProcessed) lineage.tracker.finish(ticket)
          reader.inFlight.end()
          this.#letGoOn(reader)
        })
        if (room !== undefined) await room
        if (this.#holdBack(reader)) break
        if (++this.#sinceTurn >= RECORDS_PER_TURN || this.#surface.isTurnDue) await this.#turn()
      }
      this.#deliveries.giveBack(reader)
    }
    await lanes.idle()
    // What a failed handler left unprocessed, and everything dealt out behind it, comes again.
    for (const reader of touched) {
      if (reader.lineage.tracker.unfinishedCount > 0) this.#deliveries.rewind(reader)
    }
  }

  /** S7: the gap behind one unfinished record is bounded; the record is named. */
  #holdBack(reader: PartitionReader): boolean {
    const { tracker } = reader.lineage
    if (tracker.unfinishedCount < this.#options.maxUncommittedRecords) return false
    reader.pause('unfinishedRecords')
    this.#emitter.emit('stalled', {
      operation: `delivering ${reader.name}`,
      message:
        `the record at ${reader.name} offset ${tracker.oldestUnfinished ?? -1} is unfinished and ` +
        `holds back ${tracker.unfinishedCount} records behind it, so no more are handed out`,
    })
    return true
  }

  #letGoOn(reader: PartitionReader): void {
    if (!reader.isPausedBy('unfinishedRecords')) return
    if (reader.lineage.tracker.unfinishedCount * 2 > this.#options.maxUncommittedRecords) return
    this.#deliveries.letGoOn(reader)
  }

  /** While the session is in doubt nothing begins; false when the record is not ours any more. */
  async #isSure(record: AnyRecord): Promise<boolean> {
    for (;;) {
      if (!this.#mayBegin(record)) return false
      if (this.#surface.mayDeliver()) return true
      if (this.#isStopping || this.#deliveries.hasEnded) return false
      await this.#surface.waitForRecords()
    }
  }

  /**
   * A run that stops, and a partition that is revoked, begin nothing new; what waits before a
   * record that was begun is finished, so that both can be committed.
   */
  #mayBegin({ lineage, offset }: AnyRecord): boolean {
    if (this.#error !== undefined || this.#isClosingWithin) return false
    if (this.#isStopping || this.#deliveries.hasEnded) {
      return lineage.isLive && offset < lineage.begunUpTo
    }
    return lineage.mayBeginAt(offset)
  }

  async #callWhenSure(record: AnyRecord): Promise<boolean> {
    return (await this.#isSure(record)) && this.#call(record)
  }

  /** Whether the record counts as processed; a promise only when the handler made one. */
  #call(record: AnyRecord): boolean | Promise<boolean> {
    if (!this.#mayBegin(record)) return false
    const { lineage, offset } = record
    if (offset > lineage.begunUpTo) lineage.begunUpTo = offset
    this.#lastHanded = record
    const hand = new Hand(record, this.#surface.checkedAt)
    const handler = this.#handler
    let result: unknown
    try {
      result = handler(record, hand)
    } catch (error) {
      hand.close()
      return this.#handleError(record, error)
    }
    if (!isThenable(result)) {
      hand.close()
      return true
    }
    return this.#settled(hand, result).then(
      () => true,
      (error: unknown) => this.#handleError(record, error),
    )
  }

  async #settled(hand: Hand, result: unknown): Promise<void> {
    this.#hands.add(hand)
    try {
      await result
    } finally {
      this.#hands.remove(hand)
      if (hand.isTimedOut) this.#surface.userReturned()
    }
  }

  async #handleError(record: AnyRecord, first: unknown): Promise<boolean> {
    const { retry, backoffMs: initialMs, backoffMaxMs: maxMs } = this.#options.onError
    const { lineage } = record
    let error = first
    // Bytes that could not be decoded will not be by the next try.
    const tries = first instanceof DecodeError ? 0 : retry
    for (let attempt = 0; attempt < tries; attempt++) {
      const pauseMs = backoffMs({ initialMs, maxMs }, attempt, this.#cluster.environment.random)
      await this.#cluster.sleep(pauseMs, lineage.signal)
      if (!lineage.isLive || !(await this.#isSure(record))) return false
      const hand = new Hand(record, this.#surface.now)
      const handler = this.#handler
      try {
        await this.#settled(hand, handler(record, hand))
        return true
      } catch (again) {
        error = again
      }
    }
    return lineage.isLive && (await this.#giveUp(record, error))
  }

  /** The handler failed for good: whether the record counts as processed all the same. */
  async #giveUp(record: AnyRecord, error: unknown): Promise<boolean> {
    const { onExhausted } = this.#options.onError
    if (onExhausted === 'stop') {
      this.#stop(error)
      return false
    }
    if (onExhausted !== 'skip') {
      try {
        await this.#tools.deadLetter(onExhausted.deadLetterTopic, record, error)
      } catch (failure) {
        const { deadLetterTopic } = onExhausted
        this.#stop(new DeadLetterError(deadLetterTopic, record, asError(failure), asError(error)))
        return false
      }
    }
    const { topic, partition, offset } = record
    this.#emitter.emit('recordSkipped', { topic, partition, offset, error: asError(error) })
    return true
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
