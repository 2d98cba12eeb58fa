/**
 * Tells of trouble that lasts: the first few seconds of anything are everyday life (a broker
 * restarts, a leader moves) and are not worth a word; after that one is said every so often, until
 * it is over. It needs no timer: trouble is noted at every try.
 */
import { asError } from '../errors/as-error.ts'
import { PATIENCE_MS, REPEAT_MS } from './retrier.ts'
import type { Environment } from '@odradek/environment'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'

export { PATIENCE_MS, REPEAT_MS }

export class StallReport {
  readonly #environment: Environment
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #troubles = new Map<string, { readonly since: number; nextAt: number }>()

  constructor(environment: Environment, emitter: TypedEmitter<ClientEvents>) {
    this.#environment = environment
    this.#emitter = emitter
  }

  /**
   * A try failed: `operation` was tried, as in "reading orders-3". Trouble that does not go away by
   * itself may be told without patience.
   */
  note(operation: string, error: unknown, patienceMs = PATIENCE_MS): void {
    const now = this.#environment.clock.monotonic()
    const trouble = this.#troubles.get(operation) ?? { since: now, nextAt: now + patienceMs }
    this.#troubles.set(operation, trouble)
    if (now < trouble.nextAt) return
    trouble.nextAt = now + REPEAT_MS
    const seconds = Math.round((now - trouble.since) / 1000)
    this.#emitter.emit('stalled', {
      operation,
      message: seconds === 0 ? operation : `${operation} has not worked for ${seconds} s`,
      error: asError(error),
    })
  }

  /** It works (again). */
  clear(operation: string): void {
    this.#troubles.delete(operation)
  }
}
