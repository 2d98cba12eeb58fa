/** Waits for a promise, but not beyond a deadline. */
import type { Environment } from '@odradek/environment'

/**
 * What the promise settles with, or `late` at the deadline (by the monotonic clock). The promise
 * itself is not cancelled: a caller for which that matters ends it.
 */
export async function withDeadline<T, L>(
  { timers, clock }: Environment,
  promise: Promise<T>,
  deadline: number,
  late: L,
): Promise<T | L> {
  let timer
  const expired = new Promise<L>((resolve) => {
    timer = timers.set(Math.max(1, deadline - clock.monotonic()), () => resolve(late))
  })
  try {
    return await Promise.race([promise, expired])
  } finally {
    timers.clear(timer)
  }
}
