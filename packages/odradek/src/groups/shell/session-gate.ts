/**
 * Whether this member may act on what it holds. While its session is in doubt (a clock ran ahead,
 * the machine was suspended) the membership asks its coordinator by itself, and its answer is no
 * event of a rebalance: so whoever was turned away is told when the doubt is over.
 */
import type { Environment, Timer } from '@odradek/environment'
import type { Membership } from './membership.ts'

export const DOUBT_CHECK_MS = 50

export class SessionGate {
  readonly #environment: Environment
  readonly #membership: () => Membership
  readonly #onOpen: () => void
  #timer: Timer | undefined
  #isClosed = false

  constructor(environment: Environment, membership: () => Membership, onOpen: () => void) {
    this.#environment = environment
    this.#membership = membership
    this.#onOpen = onOpen
  }

  /** Asked before each delivery; `now` by the monotonic clock, if it was just read. */
  mayAct(now?: number): boolean {
    if (this.#membership().isSessionAlive(now)) return true
    this.#lookAgain()
    return false
  }

  #lookAgain(): void {
    // Without a generation the next one tells everybody.
    const isInDoubt = this.#membership().stamp !== undefined
    if (!isInDoubt || this.#isClosed || this.#timer !== undefined) return
    this.#timer = this.#environment.timers.set(DOUBT_CHECK_MS, () => {
      this.#timer = undefined
      if (this.mayAct()) this.#onOpen()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#environment.timers.clear(this.#timer)
  }
}
