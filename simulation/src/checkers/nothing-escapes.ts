/**
 * No error reaches user code that the client should have dealt with, and none comes from nowhere.
 * One is final by design, and whoever runs the program starts it again: another member has this
 * one's group instance id (semantics S20). A coordinator that lost its memory may say so by
 * mistake; where nothing went wrong nobody may.
 */
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const nothingEscapes: Checker = {
  name: 'nothing-escapes',
  promise: 'No error escapes: not from reading, not from close, not as an unhandled rejection.',
  check(events) {
    const firstFault = events.findIndex(({ type }) => type === 'fault')
    return events
      .flatMap((event, index): Violation[] => {
        const { at } = event
        if (event.type === 'memberFenced' && (firstFault < 0 || index < firstFault)) {
          return [{ at, text: `${event.actor} was fenced, though nothing had gone wrong.` }]
        }
        if (event.type === 'escaped') return [{ at, text: `${event.actor}: ${event.error}` }]
        if (event.type === 'closed' && event.error !== undefined) {
          return [{ at, text: `close() of ${event.actor} failed: ${event.error}` }]
        }
        return []
      })
      .slice(0, MAX_VIOLATIONS)
  },
}
