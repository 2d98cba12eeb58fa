/**
 * An abort signal that is made when it is first read: most partitions and records are never asked
 * for theirs. Every record in flight may listen to it, so the number of listeners is not limited.
 */
import { setMaxListeners } from 'node:events'

export class LazyAbort {
  #controller: AbortController | undefined
  #reason: unknown

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      setMaxListeners(0, this.#controller.signal)
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
