/** Says that a membership does not come to rest, and why, every so often until it does. */
import type { Environment, Timer } from '@odradek/environment'
import type { KafkaError } from '@odradek/protocol'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { PATIENCE_MS, REPEAT_MS } from '../../cluster/stall-reporter.ts'

/**
 * What is not counted in, and does not do so by itself. Hooks end by themselves, in their time, so
 * a member whose hooks run is at rest.
 */
const UNSETTLED: ReadonlySet<string> = new Set(['preparing', 'joining', 'syncing', 'waiting'])

export interface StallWatchOptions {
  readonly groupId: string
  readonly rebalanceTimeoutMs: number
}

export class StallWatch {
  readonly #environment: Environment
  readonly #options: StallWatchOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  #timer: Timer | undefined
  #since = 0
  #stateName = 'unjoined'
  #lastError: KafkaError | undefined

  constructor(
    environment: Environment,
    options: StallWatchOptions,
    emitter: TypedEmitter<ClientEvents>,
  ) {
    this.#environment = environment
    this.#options = options
    this.#emitter = emitter
  }

  note(error: KafkaError): void {
    this.#lastError = error
  }

  /** How long ago the membership was at rest. */
  get unsettledMs(): number {
    return this.#timer === undefined ? 0 : this.#environment.clock.monotonic() - this.#since
  }

  follow(stateName: string): void {
    this.#stateName = stateName
    if (!UNSETTLED.has(stateName)) {
      this.#environment.timers.clear(this.#timer)
      this.#timer = undefined
      this.#lastError = undefined
    } else if (this.#timer === undefined) {
      this.#since = this.#environment.clock.monotonic()
      this.#arm(PATIENCE_MS)
    }
  }

  #arm(delayMs: number): void {
    this.#timer = this.#environment.timers.set(delayMs, () => {
      const forMs = this.unsettledMs
      const { groupId, rebalanceTimeoutMs } = this.#options
      const error = this.#lastError
      // After errors a stall is told soon; without any the group may just be gathering.
      if (error !== undefined || forMs >= rebalanceTimeoutMs + REPEAT_MS) {
        const seconds = Math.round(forMs / 1000)
        this.#emitter.emit('stalled', {
          operation: `joining group "${groupId}"`,
          message: `joining group "${groupId}" has taken ${seconds} s; it is ${this.#stateName}`,
          ...(error === undefined ? {} : { error }),
        })
      }
      this.#arm(REPEAT_MS)
    })
  }
}
