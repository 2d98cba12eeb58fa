/**
 * One timer for many wishes: it fires at the earliest instant that was asked for since it last did.
 */
import type { Environment, Timer } from '@odradek/environment'

export class EarliestTimer {
  readonly #environment: Environment
  readonly #callback: () => void
  #timer: Timer | undefined
  #at = Number.POSITIVE_INFINITY

  constructor(environment: Environment, callback: () => void) {
    this.#environment = environment
    this.#callback = callback
  }

  /** By the monotonic clock; infinity asks for nothing. */
  set(at: number): void {
    if (at >= this.#at) return
    const { timers, clock } = this.#environment
    timers.clear(this.#timer)
    this.#at = at
    this.#timer = timers.set(Math.max(1, Math.ceil(at - clock.monotonic())), () => {
      this.#at = Number.POSITIVE_INFINITY
      this.#timer = undefined
      this.#callback()
    })
  }

  clear(): void {
    this.#environment.timers.clear(this.#timer)
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
  }
}
