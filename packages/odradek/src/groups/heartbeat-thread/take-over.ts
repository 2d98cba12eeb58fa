/**
 * When the heartbeat thread heartbeats: pure. It steps in once the main loop has not ticked for a
 * sixth of the session (three seconds at most). A heartbeat is due every third of a session at the
 * latest, so at least half of the session is left for the heartbeat thread's first ones. It stops
 * when the member may not be called alive any more, and when the coordinator has refused it.
 */

/**
 * How long the loop may not tick before the heartbeat thread steps in, and before it counts as
 * blocked.
 */
export function blockNoticedAfterMs(sessionTimeoutMs: number): number {
  return Math.max(2 * MIN_TICK_MS, Math.min(MAX_NOTICE_MS, sessionTimeoutMs / 6))
}

/** How often the loop ticks, and the heartbeat thread looks. */
export function tickIntervalMs(sessionTimeoutMs: number): number {
  const quarterMs = Math.floor(blockNoticedAfterMs(sessionTimeoutMs) / 4)
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, quarterMs))
}

const MAX_NOTICE_MS = 3000
const MIN_TICK_MS = 20
const MAX_TICK_MS = 500

export interface Sight {
  /** The heartbeat thread knows the lines that hold. */
  readonly isMember: boolean
  readonly isRefused: boolean
  /** A heartbeat of the heartbeat thread waits for its answer. */
  readonly isPending: boolean
  /** How long ago the main loop was last seen to tick. */
  readonly sinceTickMs: number
  /** How old what user code has in hand was at that tick, and is now. */
  readonly inHandMs: number
  /** How long until the next heartbeat of the heartbeat thread is due. */
  readonly dueInMs: number
}

export interface TakeOverLimits {
  readonly noticedAfterMs: number
  readonly maxPollIntervalMs: number
}

export type TakeOver =
  /** The main loop turns, or nothing can be done for the member. */
  | 'rest'
  /** It is the heartbeat thread's turn; nothing is due yet. */
  | 'wait'
  | 'beat'

export function takeOver(sight: Sight, limits: TakeOverLimits): TakeOver {
  const { isMember, isRefused, isPending, sinceTickMs, inHandMs, dueInMs } = sight
  if (!isMember || isRefused) return 'rest'
  if (sinceTickMs < limits.noticedAfterMs) return 'rest'
  if (Math.max(sinceTickMs, inHandMs) >= limits.maxPollIntervalMs) return 'rest'
  return isPending || dueInMs > 0 ? 'wait' : 'beat'
}

/**
 * The difference of two threads' monotonic clocks, from readings that come late: each says that the
 * difference is at most so much, and the smallest is the best. Being too large, it makes a
 * heartbeat look older than it is: the safe side.
 */
export class ClockOffset {
  #offset = Number.POSITIVE_INFINITY

  /** `theirs` was read by their clock, before `ours` by ours. */
  note(theirs: number, ours: number): void {
    this.#offset = Math.min(this.#offset, ours - theirs)
  }

  toTheirs(ours: number): number {
    return ours - this.#offset
  }

  toOurs(theirs: number): number {
    return theirs + this.#offset
  }
}
