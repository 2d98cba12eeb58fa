/**
 * With `enableAutoCommit: false` a coordinator gets no offset that the program did not ask for: not
 * at a revocation, at close, after a seek, or because reading began somewhere. An offset that was
 * asked for may be sent again, as long as it is not known whether it arrived.
 */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const commitsWereRequested: Checker = {
  name: 'commits-were-requested',
  promise: 'Under manual commits nothing is committed that the program did not ask for.',
  check(events) {
    const manual = new Set<string>()
    /** By actor and partition: the highest offset that its program asked for. */
    const requested = new Map<string, number>()
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'memberStarted' && event.commits === 'manual') manual.add(event.actor)
      else if (event.type === 'commitRequested') {
        const name = `${event.actor} ${partitionName(event)}`
        requested.set(name, Math.max(event.offset, requested.get(name) ?? event.offset))
      } else if (event.type === 'committed' && manual.has(event.clientId)) {
        const highest = requested.get(`${event.clientId} ${partitionName(event)}`)
        if (highest !== undefined && event.offset <= highest) continue
        const text =
          `${event.clientId} committed ${event.offset} of ${partitionName(event)} for group ` +
          `${event.groupId}, and its program asked for ${highest ?? 'no commit of it'}.`
        violations.push({ at: event.at, text })
      }
    }
    return violations
  },
}
