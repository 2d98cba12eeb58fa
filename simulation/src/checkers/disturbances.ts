/**
 * When a run was disturbed: by the plan's faults, and by members that come, go, and stop
 * reading. Between disturbances a group has no excuse.
 */
import type { HistoryEvent } from '../history/event.ts'

export interface Interval {
  readonly from: number
  readonly to: number
}

/** In order, those that overlap joined; each made longer by the time that recovery may take. */
export function disturbancesOf(
  events: readonly HistoryEvent[],
  recoveryMs: number,
): readonly Interval[] {
  const found = events.flatMap((event): Interval[] => {
    switch (event.type) {
      case 'fault':
        return [{ from: event.at, to: event.until + recoveryMs }]
      case 'memberStarted':
      case 'memberClosing':
      case 'memberKilled':
      case 'memberFenced':
      case 'readingResumed':
        return [{ from: event.at, to: event.at + recoveryMs }]
      case 'readingStopped':
        return [{ from: event.at, to: event.at + event.leavesWithinMs + recoveryMs }]
      default:
        return []
    }
  })
  return joined(found)
}

function joined(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = [...intervals].sort((a, b) => a.from - b.from)
  const result: Interval[] = []
  for (const { from, to } of sorted) {
    const last = result.at(-1)
    if (last !== undefined && from <= last.to) {
      result[result.length - 1] = { from: last.from, to: Math.max(last.to, to) }
    } else result.push({ from, to })
  }
  return result
}

/** The longest stretch of `[from, to]` that no interval covers. */
export function longestQuiet(
  { from, to }: Interval,
  disturbances: readonly Interval[],
): Interval | undefined {
  let longest: Interval | undefined
  let at = from
  const consider = (until: number): void => {
    const isLonger = longest === undefined || until - at > longest.to - longest.from
    if (until > at && isLonger) longest = { from: at, to: until }
  }
  for (const disturbance of disturbances) {
    if (disturbance.to <= at) continue
    if (disturbance.from >= to) break
    consider(disturbance.from)
    at = disturbance.to
  }
  consider(to)
  return longest
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
}
