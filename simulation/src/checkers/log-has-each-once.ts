/** Idempotence: a retry neither writes a record twice nor lets a later one overtake an earlier. */
import { partitionName } from '../history/history.ts'
import { actorOf, numberOf } from '../history/record-identity.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const logHasEachOnce: Checker = {
  name: 'log-has-each-once',
  promise: 'A producer’s records enter the log once each, and in the order in which it sent them.',
  check(events) {
    const places = new Map<string, string>()
    const last = new Map<string, string>()
    const violations: Violation[] = []
    for (const event of events) {
      if (event.type !== 'appended') continue
      event.ids.forEach((id, index) => {
        if (violations.length >= MAX_VIOLATIONS) return
        const { at } = event
        const place = `${partitionName(event)} offset ${event.baseOffset + index}`
        const before = places.get(id)
        if (before !== undefined) {
          violations.push({ at, text: `${id} is in the log twice: at ${before} and ${place}.` })
          return
        }
        places.set(id, place)
        const order = `${actorOf(id)} ${partitionName(event)}`
        const previous = last.get(order)
        last.set(order, id)
        if (previous !== undefined && numberOf(previous) > numberOf(id)) {
          violations.push({
            at,
            text: `${id} (${place}) is behind ${previous}, which was sent later.`,
          })
        }
      })
    }
    return violations
  },
}
