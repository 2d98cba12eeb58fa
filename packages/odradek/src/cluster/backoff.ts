/**
 * How long to wait before the next try (KIP-580): doubling from the first to the longest pause,
 * each with up to 20 percent of jitter, so that clients that failed together do not come back
 * together.
 */
import type { Environment, Random } from '@odradek/environment'

export interface BackoffRange {
  readonly initialMs: number
  readonly maxMs: number
}

/** The client's options for whatever it tries again. */
export interface RetryBackoff {
  readonly retryBackoffMs: number
  readonly retryBackoffMaxMs: number
}

/** A cluster, or as much of one. */
interface Retrying {
  readonly options: RetryBackoff
  readonly environment: Pick<Environment, 'random'>
}

export function backoffMs(range: BackoffRange, failures: number, random: Random): number {
  return jittered(range, failures, 80 + random.integer(41))
}

/** The pause of everything that has no options of its own. */
export function retryPauseMs({ options, environment }: Retrying, failures: number): number {
  return backoffMs(rangeOf(options), failures, environment.random)
}

/** The same for a machine, to which chance (in [0, 1)) is given. */
export function pauseByChanceMs(options: RetryBackoff, failures: number, chance: number): number {
  return jittered(rangeOf(options), failures, 80 + 40 * chance)
}

function rangeOf({ retryBackoffMs, retryBackoffMaxMs }: RetryBackoff): BackoffRange {
  return { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs }
}

function jittered({ initialMs, maxMs }: BackoffRange, failures: number, percent: number): number {
  const MAX_DOUBLINGS = 20
  // The longest pause jitters too, downwards.
  const doubled = Math.min(maxMs, initialMs * 2 ** Math.min(failures, MAX_DOUBLINGS))
  return Math.min(maxMs, Math.round((doubled * percent) / 100))
}
