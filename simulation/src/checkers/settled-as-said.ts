/**
 * Share groups: a record is accepted or rejected because user code said so of this delivery of it,
 * and when the client says that such a word counts, it does: nobody is given the record again.
 */
import type { EventOf } from '../history/event.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { ShareBook, type SharedRecord } from './share-book.ts'

const OUTCOMES = { accepted: 'accept', rejected: 'reject' } as const

export const settledAsSaid: Checker = {
  name: 'settled-as-said',
  promise: 'A share group takes user code at its word, and what counts is never taken back.',
  check(events) {
    const book = new ShareBook()
    const violations: Violation[] = []
    const isJudged = events.some(({ type }) => type === 'shareChanged')
    for (const event of events) {
      if (!isJudged || violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'shareChanged') {
        for (const record of book.changed(event)) {
          const text = problemOfChange(record, event, book)
          if (text !== undefined) violations.push({ at: event.at, text })
        }
      }
      book.enter(event)
      // What is gone from the log needs no word.
      if (event.type !== 'shareConfirmed' || event.outcome === 'release') continue
      const { name, final, isGone } = book.record(event, event.offset)
      if (final !== undefined || isGone) continue
      const { actor, outcome } = event
      const text = `${actor} was told that its ${outcome} of ${name} counts, and it did not.`
      violations.push({ at: event.at, text })
    }
    return violations.slice(0, MAX_VIOLATIONS)
  },
}

function problemOfChange(
  { name, lock, confirmed }: SharedRecord,
  { what, memberId }: EventOf<'shareChanged'>,
  book: ShareBook,
): string | undefined {
  const actor = book.actorOf(memberId)
  if (what === 'acquired' && confirmed !== undefined) {
    return `${actor} was given ${name} again, after ${confirmed.actor}'s ${confirmed.outcome} counted.`
  }
  if (what !== 'accepted' && what !== 'rejected') return undefined
  if (lock?.said.has(OUTCOMES[what]) !== false) return undefined
  const said = [...lock.said].join(', ') || 'nothing'
  return `${name} was ${what} for ${actor}, which had said ${said} of this delivery.`
}
