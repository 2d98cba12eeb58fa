/** Many wake-ups in one turn of the event loop become one call, after pending input was read. */
import type { Environment } from '@odradek/environment'

export class Coalesced {
  readonly #environment: Environment
  readonly #run: () => void
  #isScheduled = false
  #isClosed = false

  constructor(environment: Environment, run: () => void) {
    this.#environment = environment
    this.#run = run
  }

  wake(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    this.#environment.timers.soon(() => {
      this.#isScheduled = false
      if (!this.#isClosed) this.#run()
    })
  }

  /** A call that is already scheduled does not happen. */
  close(): void {
    this.#isClosed = true
  }
}
