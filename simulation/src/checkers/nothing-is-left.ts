/** Closing ends in the time it was given, and nothing of a closed client lives on. */
import { type Checker, type Violation } from './checker.ts'
import { seconds } from './disturbances.ts'

export const nothingIsLeft: Checker = {
  name: 'nothing-is-left',
  promise: 'close() ends within its timeout; no timer, socket or thread outlives it.',
  check(events) {
    return events.flatMap((event): Violation[] => {
      if (event.type === 'closed' && event.tookMs > event.timeoutMs) {
        const [took, had] = [seconds(event.tookMs), seconds(event.timeoutMs)]
        return [{ at: event.at, text: `close() of ${event.actor} took ${took}; it had ${had}.` }]
      }
      if (event.type !== 'leftovers') return []
      const { timers, connections, threads } = event
      if (timers + connections + threads === 0) return []
      const held = `${timers} timers, ${connections} connections and ${threads} threads`
      return [{ at: event.at, text: `${event.actor} was closed and still holds ${held}.` }]
    })
  },
}
