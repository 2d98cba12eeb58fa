/**
 * In quiet times a partition with records to read moves on: between two deliveries of it, or from a
 * record's append to its delivery, no long stretch passes in which nothing disturbed the run.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Bounds, type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { disturbancesOf, type Interval, longestQuiet, seconds } from './disturbances.ts'
import { LogBook } from './log-book.ts'
import { StartBook } from './start-book.ts'

/** One partition, as one group reads it. */
interface Progress {
  /** Behind the last record that was appended. */
  end: number
  /** Behind the furthest record that was delivered. */
  position: number
  /** Since when there is something to read and nothing of it came. */
  waitsSince: number | undefined
}

export const nothingStalls: Checker = {
  name: 'nothing-stalls',
  promise: 'A partition with records to read is read on.',
  check(events, bounds) {
    const groups = new Set(
      events.flatMap((event) => (event.type === 'memberStarted' ? [event.groupId] : [])),
    )
    return [...groups].flatMap((groupId) => stallsOf(groupId, events, bounds))
  },
}

function stallsOf(groupId: string, events: readonly HistoryEvent[], bounds: Bounds): Violation[] {
  const disturbances = disturbancesOf(events, bounds.settleMs)
  const partitions = new Map<string, Progress>()
  const isRead = topicsThatAreRead(events)
  const violations: Violation[] = []
  const book = new LogBook()
  const starts = new StartBook(events)
  const judge = (name: string, { position, end }: Progress, waited: Interval): void => {
    const quiet = longestQuiet(waited, disturbances)
    if (quiet === undefined || quiet.to - quiet.from <= bounds.stallMs) return
    if (violations.length >= MAX_VIOLATIONS) return
    const text =
      `Group ${groupId} stood still at offset ${position} of ${name} for ` +
      `${seconds(quiet.to - quiet.from)} in which nothing was wrong; the log ended at ${end}.`
    violations.push({ at: quiet.to, text })
  }
  for (const event of events) {
    if (!isOfALog(event) || !isRead(event.topic)) continue
    book.enter(event)
    const name = partitionName(event)
    const progress = partitions.get(name) ?? { end: 0, position: 0, waitsSince: undefined }
    partitions.set(name, progress)
    if (event.type === 'recordsGone') {
      if (event.cause !== 'expired') {
        progress.end = event.from
        progress.position = Math.min(progress.position, event.from)
      } else progress.position = Math.max(progress.position, event.to)
      if (progress.position >= progress.end) progress.waitsSince = undefined
    } else if (event.type === 'appended') {
      const isDue = (id: string): boolean => !starts.mayLeaveOut(groupId, event.topic, id)
      const count = event.ids.findLastIndex(isDue) + 1
      if (count === 0) continue
      progress.end = Math.max(progress.end, event.baseOffset + count)
      progress.waitsSince ??= event.at
    } else if (event.groupId === groupId && !book.hasLostItsPlace(event.id)) {
      const { waitsSince } = progress
      if (waitsSince !== undefined) judge(name, progress, { from: waitsSince, to: event.at })
      progress.position = Math.max(progress.position, event.offset + 1)
      progress.waitsSince = progress.position < progress.end ? event.at : undefined
    }
  }
  const until = events.at(-1)?.at ?? 0
  for (const [name, progress] of partitions) {
    const { waitsSince } = progress
    if (waitsSince !== undefined) judge(name, progress, { from: waitsSince, to: until })
  }
  return violations
}

/**
 * Those that the history introduces, if it introduces any: others are written for other readers.
 */
function topicsThatAreRead(events: readonly HistoryEvent[]): (topic: string) => boolean {
  const topics = new Set(events.flatMap((event) => (event.type === 'topic' ? [event.topic] : [])))
  return (topic) => topics.size === 0 || topics.has(topic)
}

type OfALog = EventOf<'appended' | 'delivered' | 'shareTaken' | 'recordsGone'>
const OF_A_LOG: ReadonlySet<string> = new Set<OfALog['type']>([
  ...(['appended', 'delivered', 'shareTaken', 'recordsGone'] as const),
])

function isOfALog(event: HistoryEvent): event is OfALog {
  return OF_A_LOG.has(event.type)
}
