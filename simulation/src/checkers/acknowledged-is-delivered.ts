/**
 * At least once: what a producer was told is written reaches every group, and is processed. What is
 * gone from the log is another matter (`loss-is-told`), and so is what is older than where a group
 * begins.
 */
import type { HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { bookOf } from './log-book.ts'
import { StartBook } from './start-book.ts'

export const acknowledgedIsDelivered: Checker = {
  name: 'acknowledged-is-delivered',
  promise: 'Every acknowledged record is delivered to the group and processed.',
  check(events) {
    const processed = processedByGroup(events)
    const book = bookOf(events)
    const starts = new StartBook(events)
    const violations: Violation[] = []
    for (const event of events) {
      if (event.type !== 'acknowledged' || book.gone(event.id) !== undefined) continue
      for (const [groupId, ids] of processed) {
        if (ids.has(event.id) || violations.length >= MAX_VIOLATIONS) continue
        if (starts.mayLeaveOut(groupId, event.topic, event.id)) continue
        const place = `${partitionName(event)} offset ${event.offset ?? '(not told)'}`
        const text = `${event.id}, acknowledged at ${place}, was never processed by ${groupId}.`
        violations.push({ at: event.at, text })
      }
    }
    return violations
  },
}

/**
 * The ids of the records that each group is done with; groups without members have no entry, and
 * neither have share groups (`each-is-settled` looks after them).
 */
function processedByGroup(events: readonly HistoryEvent[]): ReadonlyMap<string, Set<string>> {
  const groups = new Map<string, Set<string>>()
  const inHand = new Map<string, string>()
  for (const event of events) {
    if (event.type === 'memberStarted') {
      if (event.protocol === 'share' || groups.has(event.groupId)) continue
      groups.set(event.groupId, new Set())
    } else if (event.type === 'delivered') {
      inHand.set(`${event.actor} ${partitionName(event)} ${event.offset}`, event.id)
    } else if (event.type === 'processed') {
      const id = inHand.get(`${event.actor} ${partitionName(event)} ${event.offset}`)
      if (id !== undefined) groups.get(event.groupId)?.add(id)
    }
  }
  return groups
}
