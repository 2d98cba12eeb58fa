/**
 * How long to wait before the next try (KIP-580): doubling from the first to the longest pause,
 * each with up to 20 percent of jitter, so that clients that failed together do not come back
 * together.
 */
import type { Random } from '@odradek/environment'

export interface BackoffRange {
  readonly initialMs: number
  readonly maxMs: number
}

export function backoffMs(range: BackoffRange, failures: number, random: Random): number {
  const MAX_DOUBLINGS = 20
  // The longest pause jitters too, downwards.
  const doubled = Math.min(range.maxMs, range.initialMs * 2 ** Math.min(failures, MAX_DOUBLINGS))
  const percent = 80 + random.integer(41)
  return Math.min(range.maxMs, Math.round((doubled * percent) / 100))
}
