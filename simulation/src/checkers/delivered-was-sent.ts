/**
 * Nothing is made up, mixed up or damaged: an offset holds one record, and it is one that was sent.
 */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { LogBook } from './log-book.ts'

export const deliveredWasSent: Checker = {
  name: 'delivered-was-sent',
  promise: 'Nothing is delivered that was not sent, and an offset always holds the same record.',
  check(events) {
    const sent = new Set<string>()
    const places = new Map<string, string>()
    const book = new LogBook()
    const violations: Violation[] = []
    const refuse = (at: number, text: string): void => {
      if (violations.length < MAX_VIOLATIONS) violations.push({ at, text })
    }
    const place = (at: number, where: string, id: string): void => {
      // What is gone may still be told of, and delivered from a buffer.
      if (book.hasLostItsPlace(id)) return
      const known = places.get(where)
      if (known === undefined) places.set(where, id)
      else if (known !== id) refuse(at, `${where} held ${known} before, and ${id} now.`)
    }
    for (const event of events) {
      book.enter(event)
      if (event.type === 'recordsGone' && event.cause !== 'expired') {
        for (let offset = event.from; offset < event.to; offset++) {
          places.delete(`${partitionName(event)} offset ${offset}`)
        }
      } else if (event.type === 'sending') for (const id of event.ids) sent.add(id)
      else if (event.type === 'appended') {
        event.ids.forEach((id, index) => {
          place(event.at, `${partitionName(event)} offset ${event.baseOffset + index}`, id)
          if (!sent.has(id)) refuse(event.at, `${id} was appended, and nobody sent it.`)
        })
      } else if (event.type === 'acknowledged') {
        if (event.offset === null) continue
        place(event.at, `${partitionName(event)} offset ${event.offset}`, event.id)
      } else if (event.type === 'delivered' || event.type === 'shareTaken') {
        const where = `${partitionName(event)} offset ${event.offset}`
        place(event.at, where, event.id)
        if (!sent.has(event.id)) {
          refuse(event.at, `${event.actor} got ${event.id} at ${where}, and nobody sent it.`)
        } else if (!event.isIntact) {
          refuse(event.at, `${event.actor} got ${event.id} at ${where} damaged.`)
        }
      }
    }
    return violations
  },
}
