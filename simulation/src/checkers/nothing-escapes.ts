/** No error reaches user code that the client should have dealt with, and none comes from nowhere. */
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const nothingEscapes: Checker = {
  name: 'nothing-escapes',
  promise: 'No error escapes: not from reading, not from close, not as an unhandled rejection.',
  check(events) {
    return events
      .flatMap((event): Violation[] => {
        const { at } = event
        if (event.type === 'escaped') return [{ at, text: `${event.actor}: ${event.error}` }]
        if (event.type === 'closed' && event.error !== undefined) {
          return [{ at, text: `close() of ${event.actor} failed: ${event.error}` }]
        }
        return []
      })
      .slice(0, MAX_VIOLATIONS)
  },
}
