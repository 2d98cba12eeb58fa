/**
 * Share groups: a lock does not run out under somebody who works. The client renews what is in hand
 * and what is about to be, and tells in time what became of the rest; in peace only those locks run
 * out that user code has to look after itself and did not.
 */
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { disturbancesOf } from './disturbances.ts'
import { ShareBook } from './share-book.ts'

export const locksAreKept: Checker = {
  name: 'locks-are-kept',
  promise: 'While a member of a share group works undisturbed, its locks do not run out.',
  check(events, { repairMs }) {
    // Members that come and go do not disturb others.
    const faults = events.filter(({ type }) => type === 'fault')
    const disturbances = disturbancesOf(faults, repairMs)
    const isDisturbed = (at: number): boolean =>
      disturbances.some(({ from, to }) => from <= at && at <= to)
    const book = new ShareBook()
    const violations: Violation[] = []
    const stopped = new Set<string>()
    for (const event of events) {
      if (event.type === 'shareChanged' && event.what === 'expired' && !isDisturbed(event.at)) {
        for (const { name, lock } of book.changed(event)) {
          if (lock === undefined) continue
          const { taken, said, actor } = lock
          const isForgotten = taken?.isKept === false && said.size === 0
          if (isForgotten || stopped.has(actor)) continue
          violations.push({ at: event.at, text: `${actor} let its lock of ${name} run out.` })
        }
      }
      if (event.type === 'readingStopped') stopped.add(event.actor)
      else if (event.type === 'readingResumed') stopped.delete(event.actor)
      book.enter(event)
    }
    return violations.slice(0, MAX_VIOLATIONS)
  },
}
