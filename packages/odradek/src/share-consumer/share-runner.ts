/**
 * `shareConsumer.run(handler)`: calls a handler for every record, as many at once as wanted. What
 * the handler returns decides what becomes of the record; what it throws releases it, after a pause
 * that grows with the deliveries. The pause does not hold up a lane, and the lock is kept
 * meanwhile: a record that fails everywhere must not race through its deliveries in a second.
 */
import { didYouMean } from '@odradek/protocol'
import { backoffMs } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors/errors.ts'
import { asError } from '../errors/as-error.ts'
import { onAbort } from '../async/on-abort.ts'
import { asRun, type ClosableRun } from '../consumer/delivery/close-inside-run.ts'
import { Lanes } from '../consumer/delivery/lanes.ts'
import { RECORDS_PER_TURN } from '../consumer/delivery/serial-iterator.ts'
import type { Surface } from '../consumer/delivery/read-guard.ts'
import type { Hold } from './acquired-record.ts'
import type { ShareBuffer } from './share-fetch-buffer.ts'
import { placeOf, type RecordOutcome, type ShareLedger } from './acknowledgement-tracker.ts'
import type { AnyShareRecord } from './share-record.ts'
import type { EffectiveShareRunOptions } from './share-run-options.ts'

export interface ShareHandlerContext {
  /** How often the record was delivered to the group, this time included. */
  readonly deliveryCount: number
  /** Aborts when the record's lock is lost; its reason says how (`timeout`, `lost`, `closing`). */
  readonly signal: AbortSignal
  /**
   * Locks the record anew, now. It happens by itself while a handler works, until
   * `maxPollIntervalMs`; this is for handlers that know that they take longer.
   *
   * @throws when the lock is lost, or the cluster has no renewals (Kafka 4.1, or switched off).
   */
  readonly renew: () => Promise<void>
}

export type ShareRecordHandler = (record: AnyShareRecord, context: ShareHandlerContext) => unknown

export interface ShareRunnerParts {
  readonly surface: Surface<ShareBuffer>
  readonly cluster: Cluster
  readonly ledger: ShareLedger
  readonly handler: ShareRecordHandler
  readonly options: EffectiveShareRunOptions
  readonly renew: (hold: Hold) => Promise<void>
}

export class ShareRunner implements ClosableRun {
  readonly #parts: ShareRunnerParts
  readonly #handler: ShareRecordHandler
  readonly #buffer: ShareBuffer
  /** Pauses before releases end when the run does. */
  readonly #ending = new AbortController()
  readonly #releases = new Set<Promise<void>>()
  #error: unknown
  #sinceTurn = 0

  constructor(parts: ShareRunnerParts) {
    this.#parts = parts
    this.#handler = parts.handler
    this.#buffer = parts.surface.deliveries
  }

  /** Settles when the consumer closes, the signal aborts, or something fails for good. */
  run(): Promise<void> {
    return asRun(this, () => this.#run())
  }

  async #run(): Promise<void> {
    const { surface, options } = this.#parts
    const { concurrency, signal } = options
    const forget = onAbort(signal, () => this.stop())
    if (signal?.aborted === true) this.stop()
    const lanes = new Lanes(concurrency, 'none', (record) => this.#work(record as AnyShareRecord))
    try {
      for (;;) {
        const record = await this.#take()
        if (record === undefined) break
        await lanes.push(record, () => undefined)
        if (++this.#sinceTurn < RECORDS_PER_TURN) continue
        this.#sinceTurn = 0
        await surface.turn()
      }
      await lanes.idle()
      this.stop()
      await Promise.all(this.#releases)
    } finally {
      forget()
      surface.release(this)
    }
    if (this.#error !== undefined) throw this.#error as Error
  }

  /** Nothing new is begun; what is in hand is finished. */
  stop(error?: unknown): void {
    this.#error ??= error
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    this.#buffer.recheck()
  }

  /** The next record; undefined when this run is over. */
  async #take(): Promise<AnyShareRecord | undefined> {
    for (;;) {
      if (this.#ending.signal.aborted) return undefined
      try {
        const record = this.#buffer.take()
        if (record !== undefined) return record
      } catch (error) {
        this.stop(error)
        return undefined
      }
      if (this.#buffer.hasEnded) return undefined
      await this.#parts.surface.waitForRecords()
    }
  }

  #work(record: AnyShareRecord): boolean | Promise<boolean> {
    const { renew } = this.#parts
    const handler = this.#handler
    let result: unknown
    try {
      result = handler(record, new Context(record.hold, renew))
    } catch (error) {
      this.#failed(record.hold, error)
      return false
    }
    return isThenable(result)
      ? this.#settled(record.hold, result)
      : this.#settle(record.hold, result)
  }

  async #settled(hold: Hold, result: unknown): Promise<boolean> {
    try {
      return this.#settle(hold, await result)
    } catch (error) {
      this.#failed(hold, error)
      return false
    }
  }

  /** Until `run` settles. */
  get isReading(): boolean {
    return true
  }

  handlerAwaitsClose(): void {
    // Lanes hold no record back for another one: there is nothing more to decide.
  }

  #settle(hold: Hold, result: unknown): boolean {
    // What is no string says nothing of the record: most handlers return what they happen to have.
    const outcome = typeof result === 'string' ? result : 'accept'
    if (isOutcome(outcome)) return this.#parts.ledger.settle(hold, outcome)
    this.#failed(hold, unknownOutcome(hold, outcome))
    return false
  }

  #failed(hold: Hold, error: unknown): void {
    const { ledger, options } = this.#parts
    const { onExhausted } = options.onError
    hold.failure = error
    if (onExhausted === 'reject') {
      ledger.rejectFor(hold, asError(error))
    } else if (onExhausted === 'stop' || this.#ending.signal.aborted) {
      ledger.settle(hold, 'release')
      if (onExhausted === 'stop') this.stop(error)
    } else {
      const released = this.#releaseLater(hold).finally(() => this.#releases.delete(released))
      this.#releases.add(released)
    }
  }

  async #releaseLater(hold: Hold): Promise<void> {
    const { ledger, options, cluster } = this.#parts
    const { backoffMs: initialMs, backoffMaxMs: maxMs } = options.onError
    const { random } = cluster.environment
    const pauseMs = backoffMs({ initialMs, maxMs }, hold.deliveryCount - 1, random)
    await cluster.sleep(pauseMs, this.#ending.signal)
    ledger.settle(hold, 'release')
  }
}

/** What a handler gets beside the record: made for each call, so nothing in it may cost. */
class Context implements ShareHandlerContext {
  readonly #hold: Hold
  readonly #renew: (hold: Hold) => Promise<void>

  constructor(hold: Hold, renew: (hold: Hold) => Promise<void>) {
    this.#hold = hold
    this.#renew = renew
  }

  get deliveryCount(): number {
    return this.#hold.deliveryCount
  }

  get signal(): AbortSignal {
    return this.#hold.signal
  }

  get renew(): () => Promise<void> {
    return () => this.#renew(this.#hold)
  }
}

const OUTCOMES: readonly RecordOutcome[] = ['accept', 'release', 'reject']

function isOutcome(value: string): value is RecordOutcome {
  return (OUTCOMES as readonly string[]).includes(value)
}

/** Misspelt, most likely: `'rejct'` must not count as processed. */
function unknownOutcome(hold: Hold, outcome: string): UsageError {
  const { topic, partition, offset } = placeOf(hold)
  const shown = outcome.length > MAX_SHOWN ? `${outcome.slice(0, MAX_SHOWN)}...` : outcome
  const text =
    `The handler returned ${JSON.stringify(shown)} for the record at ${topic}-${partition} ` +
    `offset ${offset}. What it may say is "accept", "release" or "reject"; whatever is no string ` +
    `accepts the record. ${didYouMean(outcome.slice(0, MAX_SHOWN), OUTCOMES)}`
  return new UsageError(text.trimEnd(), { code: 'UNKNOWN_OUTCOME' })
}

/** Of what a handler returned by mistake: it may be the whole text of a mail. */
const MAX_SHOWN = 40

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
