/**
 * A committed offset never goes back, judged on every commit that a coordinator accepted and not on
 * what the client believes. Generations fence the commits of members that lost a partition, so this
 * holds across members, too; only a position that was reset (a seek, lost data), and said so,
 * begins anew.
 */
import type { EventOf } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const commitsNeverDecrease: Checker = {
  name: 'commits-never-decrease',
  promise: 'A committed offset never decreases within a lineage.',
  check(events) {
    const last = new Map<string, EventOf<'committed'>>()
    const violations: Violation[] = []
    for (const event of events) {
      if (event.type === 'positionReset') last.delete(`${event.groupId} ${partitionName(event)}`)
      if (event.type !== 'committed') continue
      const name = `${event.groupId} ${partitionName(event)}`
      const before = last.get(name)
      last.set(name, event)
      if (before === undefined || event.offset >= before.offset) continue
      if (violations.length >= MAX_VIOLATIONS) break
      const text =
        `${partitionName(event)} of group ${event.groupId} was committed at ${before.offset} by ` +
        `${before.clientId} (generation ${before.generationId}), then at ${event.offset} by ` +
        `${event.clientId} (generation ${event.generationId}).`
      violations.push({ at: event.at, text })
    }
    return violations
  },
}
