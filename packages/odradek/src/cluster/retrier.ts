/** THE retry policy of the client, and the pauses that its closing ends early. */
import type { Environment, Timer } from '@odradek/environment'
import { closedError } from '../errors/closed-error.ts'
import { asError } from '../errors/as-error.ts'
import { TimeoutError } from '../errors/errors.ts'
import { reactionTo } from '../errors/reaction.ts'
import { abortable, onAbort } from '../async/on-abort.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { retryPauseMs } from './backoff.ts'

export interface RetryOptions {
  /** What is tried, as the end of "Could not ...". */
  readonly action: string
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Reads may be repeated whatever happened to the first; true by default. */
  readonly isRead?: boolean | undefined
  /** Called before a try that follows a "not the coordinator" answer. */
  readonly onCoordinatorMoved?: (() => void) | undefined
}

/** Trouble is told once it lasts so long, and again after so long. */
export const PATIENCE_MS = 3000
export const REPEAT_MS = 15_000

export interface RetrierHooks {
  /** An error says that the metadata is old. */
  readonly refreshMetadata: () => void
  /** What is being waited for, for people. */
  readonly progress: () => string | undefined
  /** Something is tried again for a while already. */
  readonly onTrouble: (stall: {
    readonly operation: string
    readonly message: string
    readonly error: Error
  }) => void
}

export class Retrier {
  readonly #environment: Environment
  readonly #options: EffectiveKafkaOptions
  readonly #hooks: RetrierHooks
  readonly #sleeps = new Set<{ readonly timer: Timer; readonly wake: () => void }>()
  readonly #waits = new Set<() => void>()
  #isClosed = false

  constructor(environment: Environment, options: EffectiveKafkaOptions, hooks: RetrierHooks) {
    this.#environment = environment
    this.#options = options
    this.#hooks = hooks
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  refuseIfClosed(): void {
    if (this.#isClosed) throw closedError('client')
  }

  /**
   * THE retry policy: tries until it works, the error cannot go away by itself, the deadline passes
   * or the signal aborts (which rejects with the signal's reason, as it is). The last two end the
   * wait at once; a request that is under way lives on to its own timeout.
   */
  async retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
    const { clock } = this.#environment
    const timeoutMs = options.timeoutMs ?? this.#options.defaultApiTimeoutMs
    const startedAt = clock.monotonic()
    const deadline = startedAt + timeoutMs
    let tellAt = startedAt + PATIENCE_MS
    const paced = { options: this.#options, environment: this.#environment }
    let last: unknown
    const expired = (attempts: number): TimeoutError => {
      const progress = this.#hooks.progress() ?? 'No answer came.'
      const reason = last instanceof Error ? `The last one: ${last.message}` : progress
      return new TimeoutError(
        `Could not ${options.action} within ${timeoutMs} ms (${countOf(attempts)}). ${reason}`,
        { cause: last, attempts },
      )
    }
    for (let attempt = 0; ; attempt++) {
      options.signal?.throwIfAborted()
      this.refuseIfClosed()
      try {
        const remaining = Math.max(1, deadline - clock.monotonic())
        const attempted = abortable(operation(attempt), options.signal)
        return await this.before(remaining, attempted, () => new Expired(expired(attempt + 1)))
      } catch (error) {
        if (error instanceof Expired) throw error.reason
        options.signal?.throwIfAborted()
        if (this.#isClosed) throw closedError('client', error)
        last = error
        const reaction = reactionTo(error, { isRead: options.isRead ?? true })
        if (!reaction.retry) throw error
        if (clock.monotonic() >= tellAt) {
          tellAt = clock.monotonic() + REPEAT_MS
          const seconds = Math.round((clock.monotonic() - startedAt) / 1000)
          const operation = `trying to ${options.action}`
          const message = `${operation} has not worked for ${seconds} s`
          this.#hooks.onTrouble({ operation, message, error: asError(error) })
        }
        const pauseMs = retryPauseMs(paced, attempt)
        if (clock.monotonic() + pauseMs >= deadline) throw expired(attempt + 1)
        if (reaction.refresh === 'coordinator') options.onCoordinatorMoved?.()
        if (reaction.refresh === 'metadata') {
          this.#hooks.refreshMetadata()
        }
        await this.sleep(pauseMs, options.signal)
      }
    }
  }

  /** The promise's outcome, or the error of `late` once `limitMs` have passed. */
  before<T>(limitMs: number, promise: Promise<T>, late: () => unknown): Promise<T> {
    const { timers } = this.#environment
    return new Promise((resolve, reject) => {
      // An answer that is there already is read before a late timer judges.
      const timer = timers.set(limitMs, () => timers.soon(() => reject(late())))
      const end = (): void => {
        timers.clear(timer)
        this.#waits.delete(stop)
      }
      const stop = (): void => {
        end()
        reject(closedError('client'))
      }
      this.#waits.add(stop)
      promise.then(resolve, reject).finally(end)
    })
  }

  /** Waits; a signal, or closing the client, ends the wait early. */
  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs <= 0 || this.#isClosed || signal?.aborted === true) return
    const { timers } = this.#environment
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        timers.clear(sleep.timer)
        this.#sleeps.delete(sleep)
        release()
        resolve()
      }
      const sleep = { wake, timer: timers.set(delayMs, wake) }
      this.#sleeps.add(sleep)
      const release = onAbort(signal, wake)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const sleep of [...this.#sleeps]) sleep.wake()
    for (const stop of [...this.#waits]) stop()
  }
}

/** Carries a deadline's error past the attempts' own. */
class Expired extends Error {
  readonly reason: TimeoutError

  constructor(reason: TimeoutError) {
    super(reason.message)
    this.reason = reason
  }
}

function countOf(attempts: number): string {
  return attempts === 1 ? '1 try' : `${attempts} tries`
}
