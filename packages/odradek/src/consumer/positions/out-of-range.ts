/**
 * Where to go on when the position is not in the log any more. Below its start: retention took
 * what was there. Above its end: the log was truncated behind us. Either way the nearest offset
 * that skips nothing still there is the default, and what is gone is counted.
 */
import type { OnOutOfRange } from '../options/start-options.ts'

export interface LogRange {
  readonly start: number
  readonly end: number
  /** Where what was read ends in the leader's log, when it can tell. */
  readonly shared?: number | undefined
  /** Where it cannot: the first offset as late as the last record that was read. */
  readonly asLate?: number | undefined
}

export interface Resume {
  readonly offset: number
  /** What is gone: offsets that were not read before, or were read and are not there any more. */
  readonly lost?: { readonly from: number; readonly to: number }
  readonly reason: string
}

/** Undefined when the policy is to fail. */
export function resumeAt(
  position: number,
  range: LogRange,
  policy: OnOutOfRange,
): Resume | undefined {
  const { start, end } = range
  // In range after all: a broker that lagged behind answered, and nothing is wrong.
  if (position >= start && position <= end) {
    return { offset: position, reason: 'the position is in range' }
  }
  if (policy === 'fail') return undefined
  if (position < start) {
    const reason = 'retention removed records before they were read'
    const offset = policy === 'latest' ? end : start
    return { offset, lost: { from: position, to: start }, reason }
  }
  const nearest = Math.max(start, Math.min(range.shared ?? range.asLate ?? end, end))
  const offset = policy === 'nearest' ? nearest : policy === 'earliest' ? start : end
  return { offset, lost: { from: nearest, to: position }, reason: 'the log was truncated' }
}
