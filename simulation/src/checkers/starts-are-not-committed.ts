/**
 * Under automatic commits a member commits what was processed, not the place where it began: a
 * start that was found may be old, and another tool may have committed since (S42). Nothing is
 * processed in front of offset 0, so only a reset that was reported may commit that.
 */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const startsAreNotCommitted: Checker = {
  name: 'starts-are-not-committed',
  promise: 'Under automatic commits nothing is committed that no record was processed to reach.',
  check(events) {
    const automatic = new Set<string>()
    /** By actor and partition. */
    const reset = new Set<string>()
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'memberStarted') {
        const { commits, startsFrom, protocol, actor } = event
        if (commits === undefined && startsFrom === undefined && protocol !== 'share') {
          automatic.add(actor)
        }
      } else if (event.type === 'positionReset') {
        reset.add(`${event.actor} ${partitionName(event)}`)
      } else if (event.type === 'committed' && event.offset === 0) {
        const { clientId, groupId, at } = event
        if (!automatic.has(clientId)) continue
        if (reset.has(`${clientId} ${partitionName(event)}`)) continue
        const text =
          `${clientId} committed 0 of ${partitionName(event)} for group ${groupId}, and nothing ` +
          'had been processed.'
        violations.push({ at, text })
      }
    }
    return violations
  },
}
