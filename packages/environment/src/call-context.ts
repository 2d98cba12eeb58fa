/**
 * A value that a call, and everything that it awaits or starts, can read: which run has called this
 * handler, for instance. It is the runtime's own bookkeeping of asynchronous calls, the same in the
 * real and in the virtual environment.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

export class CallContext<T> {
  readonly #storage = new AsyncLocalStorage<T>()

  /** Calls `work`; while it and what it started run, `current` is this value. */
  run<R>(value: T, work: () => R): R {
    return this.#storage.run(value, work)
  }

  /** Undefined outside of `run`. */
  get current(): T | undefined {
    return this.#storage.getStore()
  }
}
