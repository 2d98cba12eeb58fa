/**
 * The promise of `run`: it need not be awaited. A failure that no code looks at is neither an
 * unhandled rejection nor lost: it is emitted as `runFailed`, and `close` throws it.
 */
import { ObservedPromise } from '../../async/observed-promise.ts'
import { asError } from '../../errors/as-error.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'

export class ObservedRun {
  readonly #emitter: TypedEmitter<ClientEvents>
  #failed: { readonly promise: ObservedPromise<void>; readonly error: unknown } | undefined

  constructor(emitter: TypedEmitter<ClientEvents>) {
    this.#emitter = emitter
  }

  observe(run: Promise<void>, onFailed: () => void = () => undefined): Promise<void> {
    const promise = new ObservedPromise<void>((resolve, reject) => {
      run.then(resolve, reject)
    })
    promise.watch((error) => {
      if (error === undefined) return
      this.#failed = { promise, error }
      const { wasObserved: wasAwaited } = promise
      this.#emitter.emit('runFailed', { error: asError(error), wasAwaited })
      onFailed()
    })
    return promise
  }

  /** @throws what the last run failed with, if no code looked at its promise. */
  throwIfUnobserved(): void {
    if (this.#failed?.promise.wasObserved === false) throw this.#failed.error as Error
  }
}
