/**
 * A member joins for as long as it takes: an unreachable cluster is waited for, with `stalled`
 * events. A program that wants an error instead gives `connectTimeoutMs`; it bounds the first join.
 */
import type { Environment, Timer } from '@odradek/environment'
import { TimeoutError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'

export interface JoinTimeoutOptions {
  readonly environment: Environment
  readonly emitter: TypedEmitter<ClientEvents>
  /** Undefined: no bound. */
  readonly connectTimeoutMs: number | undefined
  /** As the error begins, for example `Group "billing"`. */
  readonly subject: string
  readonly onExpired: (error: TimeoutError) => void
}

export class JoinTimeout {
  readonly #options: JoinTimeoutOptions
  #timer: Timer | undefined
  #stopListening: () => void = () => undefined

  constructor(options: JoinTimeoutOptions) {
    this.#options = options
  }

  start(): void {
    const { environment, emitter, connectTimeoutMs, subject, onExpired } = this.#options
    if (connectTimeoutMs === undefined) return
    let cause: Error | undefined
    this.#stopListening = emitter.on('stalled', ({ error }) => {
      cause = error
    })
    this.#timer = environment.timers.set(connectTimeoutMs, () => {
      this.#stopListening()
      const reason = cause === undefined ? '' : ` ${cause.message}`
      const message = `${subject} was not joined within ${connectTimeoutMs} ms.${reason}`
      onExpired(new TimeoutError(message, { cause }))
    })
  }

  /** The member has joined, or is closing. */
  stop(): void {
    this.#stopListening()
    this.#options.environment.timers.clear(this.#timer)
  }
}
