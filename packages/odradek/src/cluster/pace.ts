/**
 * THE pace of whatever is tried again without progress (semantics S34): the fetches of a broker, a
 * partition, a share session. Each has one `Pace`, and reports to it what a try has brought.
 *
 * - `failed`: an error. The usual pause, doubling from `retryBackoffMs` to `retryBackoffMaxMs`.
 * - `idled`: a response without an error that brought nothing. A long poll has waited at the
 *   broker; what the broker did not wait, the client waits, in steps that double from 1 ms. So a
 *   broker that responds at once (because it was asked to, or because it is mistaken) gets no more
 *   requests than one that holds them, and records that flow meet no pause.
 * - `progressed`: something came, or moved.
 */
import type { Environment } from '@odradek/environment'
import { type RetryBackoff, retryPauseMs } from './backoff.ts'

/** A cluster, or as much of one. */
export interface Paced {
  readonly options: RetryBackoff
  readonly environment: Pick<Environment, 'random' | 'clock'>
}

export interface Poll {
  /** When the request was sent, by the monotonic clock. */
  readonly sentAt: number
  /** How long a poll that brings nothing takes, whether the broker waits or the client. */
  readonly roundMs: number
}

/**
 * A poll that brings nothing takes this long at least, however short the wait that is configured:
 * 20 requests a second. While nothing comes the broker is asked to wait that long, because it ends
 * the wait when a record arrives.
 */
export const SHORTEST_ROUND_MS = 50
const MAX_DOUBLINGS = 20

export class Pace {
  /** The next try comes no earlier than this, by the monotonic clock. */
  notBefore = Number.NEGATIVE_INFINITY
  #failures = 0
  #idleRounds = 0
  #isIdle = false

  /** The last poll brought nothing. */
  get isIdle(): boolean {
    return this.#isIdle
  }

  failed(paced: Paced): void {
    this.pause(paced, retryPauseMs(paced, this.#failures++))
  }

  idled({ environment }: Paced, { sentAt, roundMs }: Poll): void {
    this.#failures = 0
    this.#isIdle = true
    const now = environment.clock.monotonic()
    const restMs = sentAt + roundMs - now
    if (restMs <= 0) {
      this.#idleRounds = 0
      return
    }
    const stepMs = 2 ** Math.min(this.#idleRounds++, MAX_DOUBLINGS)
    this.notBefore = now + Math.min(restMs, stepMs)
  }

  progressed(): void {
    this.notBefore = Number.NEGATIVE_INFINITY
    this.#failures = 0
    this.#idleRounds = 0
    this.#isIdle = false
  }

  /** Exactly this long, whatever was before. */
  pause({ environment }: Pick<Paced, 'environment'>, delayMs: number): void {
    this.notBefore = environment.clock.monotonic() + delayMs
  }
}
