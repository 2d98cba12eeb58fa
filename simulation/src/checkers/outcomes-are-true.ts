/** What a producer says of a record is so: written where it says, or not written at all. */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { bookOf } from './log-book.ts'

export const outcomesAreTrue: Checker = {
  name: 'outcomes-are-true',
  promise: 'An acknowledged record is in the log where its receipt says; a notWritten one is not.',
  check(events) {
    /** A record that was lost with the end of a log, and written again, had more than one. */
    const places = new Map<string, string[]>()
    for (const event of events) {
      if (event.type !== 'appended') continue
      event.ids.forEach((id, index) => {
        const place = `${partitionName(event)} offset ${event.baseOffset + index}`
        places.set(id, [...(places.get(id) ?? []), place])
      })
    }
    const book = bookOf(events)
    const violations: Violation[] = []
    // Without a word from brokers there is nothing to compare with.
    if (places.size === 0) return violations
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      const { at } = event
      if (event.type === 'sendFailed' && event.outcome === 'notWritten') {
        const place = places.get(event.id)?.at(-1)
        if (place === undefined || book.gone(event.id)?.gone.cause === 'truncated') continue
        const text = `${event.id} failed as notWritten (${event.reason}), and is at ${place}.`
        violations.push({ at, text })
      } else if (event.type === 'acknowledged') {
        const known = places.get(event.id) ?? []
        const place = known.at(-1)
        const told =
          event.offset === null ? place : `${partitionName(event)} offset ${event.offset}`
        if (told !== undefined && known.includes(told)) continue
        const where = place === undefined ? 'in no log' : `at ${place}`
        const there = told ?? partitionName(event)
        const text = `${event.id} was acknowledged at ${there}; it is ${where}.`
        violations.push({ at, text })
      }
    }
    return violations
  },
}
