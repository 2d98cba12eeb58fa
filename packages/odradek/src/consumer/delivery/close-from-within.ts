/**
 * `await consumer.close()` inside of the loop or the handler that has a record in hand: close waits
 * for the record, and the record for close. So who closes from within and awaits it is not waited
 * for: what it has in hand is unfinished (unless it was marked) and delivered again. Who closes
 * from within and goes on (`void consumer.close()`) finishes its record as ever.
 */
import { ObservedPromise } from '../../async/observed-promise.ts'
import { type Caller, callers } from './callers.ts'

/** A way to read, as far as closing from within is concerned. */
export interface Within {
  /** Whether one of these functions is user code that has something in hand. */
  hasAmong(calling: readonly Caller[]): boolean
  /** That user code is not waited for. How many pieces it keeps in hand all the same. */
  leaveIt(): number
}

/**
 * What `close` gives to a caller.
 * @param reading who reads the consumer, if anybody does
 * @param onLeft is told how many pieces in hand are not to be waited for
 */
export function closePromise<T>(
  reading: Partial<Within> | undefined,
  closing: Promise<T>,
  onLeft: (inHandCount: number) => void,
): Promise<T> {
  if (reading?.hasAmong?.(callers()) !== true) return closing
  const promise = new ObservedPromise<T>((resolve) => resolve(closing))
  promise.onAwaited = () => onLeft(reading.leaveIt?.() ?? 0)
  return promise
}

/** Of a loop: the function that it stands in, which made the iterator. */
export function loopOf(making: readonly Caller[]): string | undefined {
  return making[CONSTRUCTOR_AND_METHOD]?.place
}

/** Between the loop and its iterator: `new Iterator`, and the consumer's method that says it. */
const CONSTRUCTOR_AND_METHOD = 2

/** Whether the loop's function is among these. */
export function isAmong(loop: string | undefined, calling: readonly Caller[]): boolean {
  return loop !== undefined && calling.some(({ place }) => place === loop)
}
