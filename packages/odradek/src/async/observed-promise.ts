/**
 * A promise that knows whether anybody looks at it. `consumer.run(...)` need not be awaited; its
 * error must then neither become an unhandled rejection nor be lost: `close()` throws it.
 */
export class ObservedPromise<T> extends Promise<T> {
  wasObserved = false
  /** Called once, when somebody waits for the value: `await` and `then`, not `catch` alone. */
  onAwaited: (() => void) | undefined

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a promise is what this is.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.wasObserved = true
    if (typeof onFulfilled === 'function') {
      const { onAwaited } = this
      this.onAwaited = undefined
      onAwaited?.()
    }
    return super.then(onFulfilled, onRejected)
  }

  /** Hears how it ends without counting as an observer. */
  watch(onSettled: (error?: unknown) => void): void {
    super.then(
      () => onSettled(),
      (error: unknown) => onSettled(error),
    )
  }
}
