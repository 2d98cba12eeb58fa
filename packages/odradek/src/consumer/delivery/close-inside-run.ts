/**
 * `await consumer.close()` inside a handler of `run`: close waits for the records in flight, and
 * the handler's record waits for close. So a run is the context of its handlers' calls, and close
 * does not wait for one record for each handler that awaits it: that record is delivered again,
 * unless it was marked. A handler that calls close without awaiting it finishes its record, which
 * counts.
 *
 * A loop is not recognised: close waits for its record, and reports that after 3 s.
 */
import { CallContext } from '@odradek/environment'
import { ObservedPromise } from '../../async/observed-promise.ts'

/** A run, as far as closing inside one of its handlers is concerned. */
export interface ClosableRun {
  /** One of its handlers awaits close. */
  handlerAwaitsClose?(): void
}

const runs = new CallContext<ClosableRun>()

/** Calls the work of a run, which calls its handlers. */
export function asRun<R>(run: ClosableRun, work: () => R): R {
  return runs.run(run, work)
}

/**
 * What `close` returns to its caller.
 * @param reading what reads the consumer, if anything does
 * @param onHandlerAwaits called when a handler of that run awaits the promise
 */
export function closePromise<T>(
  reading: object | undefined,
  closing: Promise<T>,
  onHandlerAwaits: () => void,
): Promise<T> {
  const run = runs.current
  if (run === undefined || run !== reading) return closing
  const promise = new ObservedPromise<T>((resolve) => resolve(closing))
  promise.onAwaited = () => {
    run.handlerAwaitsClose?.()
    onHandlerAwaits()
  }
  return promise
}
