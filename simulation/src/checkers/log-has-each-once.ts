/** Idempotence: a retry neither writes a record twice nor lets a later one overtake an earlier. */
import type { EventOf } from '../history/event.ts'
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
      if (event.type === 'recordsGone' && event.cause !== 'expired') {
        forget(event, places, last)
        continue
      }
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

/** What a log has lost may be written again, behind what was written meanwhile. */
function forget(
  gone: EventOf<'recordsGone'>,
  places: Map<string, string>,
  last: Map<string, string>,
): void {
  const name = partitionName(gone)
  const isLost = (place: string): boolean => {
    const [there, offset] = place.split(' offset ')
    return there === name && Number(offset) >= gone.from
  }
  for (const [id, place] of places) if (isLost(place)) places.delete(id)
  for (const order of last.keys()) if (order.endsWith(` ${name}`)) last.delete(order)
}
