/**
 * A checker judges one promise on the history of a run, and nothing else: it is a pure function, so
 * the same one judges a simulated world and a real cluster. Where a history lacks what a checker
 * looks at (a real broker does not tell of its appends), it finds nothing.
 */
import type { HistoryEvent } from '../history/event.ts'

export interface Checker {
  readonly name: string
  /** The promise, as a sentence. */
  readonly promise: string
  check(events: readonly HistoryEvent[], bounds: Bounds): readonly Violation[]
}

export interface Violation {
  /** When it showed. */
  readonly at: number
  /** What happened, to what: one or two sentences. */
  readonly text: string
}

/** How patient the checkers are; the workload knows its timeouts, so it says. */
export interface Bounds {
  /** After the last fault or change of membership a group is stable within so long. */
  readonly settleMs: number
  /** In quiet times a partition with records to read moves within so long. */
  readonly stallMs: number
  /** How many generations one start or end of a member, or one fault, may cost. */
  readonly rebalancesPerChange: number
  /** A commit that landed late, on a connection long dead, is put right within so long. */
  readonly repairMs: number
}

/** A few are enough to see what is wrong. */
export const MAX_VIOLATIONS = 5
