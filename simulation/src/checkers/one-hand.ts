/**
 * Share groups: a record is in one hand at a time. A leader gives it to nobody while somebody's
 * lock holds, and counts each delivery; a member hands it to user code once per delivery, with its
 * count, and not when its lock has run out. (A lock that the leader let go because a connection
 * broke is another matter: the member may hear of that later.)
 */
import type { EventOf } from '../history/event.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { ShareBook, type SharedRecord } from './share-book.ts'

export const oneHand: Checker = {
  name: 'one-hand',
  promise: 'A record of a share group is in one hand at a time, and every delivery is counted.',
  check(events) {
    const book = new ShareBook()
    const violations: Violation[] = []
    // A real cluster does not tell who has what.
    const isJudged = events.some(({ type }) => type === 'shareChanged')
    for (const event of events) {
      if (!isJudged || violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'shareChanged' && event.what === 'acquired') {
        for (const record of book.changed(event)) {
          const text = problemOfAcquisition(record, event, book.actorOf(event.memberId))
          if (text !== undefined) violations.push({ at: event.at, text })
        }
      } else if (event.type === 'shareTaken') {
        const text = problemOfTaking(book.record(event, event.offset), event)
        if (text !== undefined) violations.push({ at: event.at, text })
      }
      book.enter(event)
    }
    return violations.slice(0, MAX_VIOLATIONS)
  },
}

function problemOfAcquisition(
  { name, lock, deliveries }: SharedRecord,
  { deliveryCount }: EventOf<'shareChanged'>,
  actor: string,
): string | undefined {
  if (lock !== undefined) return `${actor} was given ${name} while ${lock.actor} had it.`
  if (deliveryCount === deliveries + 1) return undefined
  return `${actor} was given ${name} as delivery ${deliveryCount} after ${deliveries} deliveries.`
}

function problemOfTaking(
  { name, locks }: SharedRecord,
  { actor, deliveryCount }: EventOf<'shareTaken'>,
): string | undefined {
  const lock = locks.get(actor)
  if (lock === undefined) return `${actor} got ${name}, which was not given to it.`
  if (lock.taken !== undefined) return `${actor} got ${name} twice in one delivery.`
  if (lock.end === 'expired') return `${actor} got ${name} when its lock had run out.`
  if (lock.end === 'accepted' || lock.end === 'rejected') {
    return `${actor} got ${name} when it was ${lock.end}.`
  }
  if (lock.deliveryCount === deliveryCount) return undefined
  return `${actor} got ${name} as delivery ${deliveryCount}; it was delivery ${lock.deliveryCount}.`
}
