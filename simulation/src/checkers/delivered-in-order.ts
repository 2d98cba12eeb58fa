/**
 * Order within a lineage: from an assignment (or a seek, a reset, a loop that was left) on, a
 * member gets a partition's records one after the other, none twice and none left out but what the
 * log has lost. A reader that keeps the order of keys alone gets each key's records in order.
 */
import type { EventOf } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { LogBook } from './log-book.ts'

export const deliveredInOrder: Checker = {
  name: 'delivered-in-order',
  promise: 'Within a lineage records come in the order of their offsets, none twice, none skipped.',
  check(events) {
    const book = new LogBook()
    const isJudged = events.some(({ type }) => type === 'appended')
    /** By actor and partition; for each key or, with the partition's order, for ''. */
    const lineages = new Map<string, Map<string, number>>()
    const violations: Violation[] = []
    for (const event of events) {
      book.enter(event)
      if (event.type === 'assigned') {
        for (const partition of event.partitions) {
          lineages.delete(`${event.actor} ${partitionName(partition)}`)
        }
      } else if (event.type === 'positionReset' || event.type === 'rewound') {
        lineages.delete(`${event.actor} ${partitionName(event)}`)
      } else if (event.type === 'delivered' && violations.length < MAX_VIOLATIONS) {
        const problem = follow(event, lineages, isJudged ? book : undefined)
        if (problem !== undefined) violations.push({ at: event.at, text: problem })
      }
    }
    return violations
  },
}

function follow(
  event: EventOf<'delivered'>,
  lineages: Map<string, Map<string, number>>,
  book: LogBook | undefined,
): string | undefined {
  const { actor, offset, keeps } = event
  const name = `${actor} ${partitionName(event)}`
  const lineage = lineages.get(name) ?? new Map<string, number>()
  lineages.set(name, lineage)
  const order = keeps === 'key' ? `${event.key}` : ''
  const last = lineage.get(order)
  lineage.set(order, offset)
  if (last === undefined) return undefined
  const what = `${actor} got offset ${offset} of ${partitionName(event)} after offset ${last}`
  if (offset <= last) return `${what}${keeps === 'key' ? ` of the same key (${event.key})` : ''}.`
  if (keeps === 'key' || book?.isCurrent(event) !== true) return undefined
  for (let between = last + 1; between < offset; between++) {
    if (book.idAt(event, between) !== undefined) return `${what}: it skipped ${between}.`
  }
  return undefined
}
