/**
 * Listening to abort signals. Any number of waits may hang on one signal (five hundred sends with
 * the signal of one request are normal), so each signal gets one listener of ours, and Node sees
 * no leak where none is.
 */
const watched = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `listener` once when the signal aborts; the answer takes it off again. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined
  let listeners = watched.get(signal)
  if (listeners === undefined) {
    const added = new Set<() => void>()
    listeners = added
    watched.set(signal, added)
    signal.addEventListener(
      'abort',
      () => {
        for (const one of [...added]) one()
        added.clear()
      },
      { once: true },
    )
  }
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** The promise's outcome, or the signal's reason (or the error made of it) when it aborts first. */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  errorOf: (signal: AbortSignal) => unknown = ({ reason }) => reason as unknown,
): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(errorOf(signal))
    if (signal.aborted) {
      promise.catch(() => undefined)
      fail()
      return
    }
    const release = onAbort(signal, fail)
    promise.then(resolve, reject).finally(release)
  })
}
