/** Exactly once: what transactions read and wrote together is in their output, each record once. */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const copiedOnce: Checker = {
  name: 'copied-once',
  promise: 'Every record of the input is in the committed output of its transactions, once.',
  check(events) {
    const copies = new Map<string, string>()
    const violations: Violation[] = []
    // Without transactions there are no copies; a log that lost records lost some of theirs.
    if (!events.some(({ type }) => type === 'copied')) return []
    if (events.some(({ type }) => type === 'recordsGone')) return []
    for (const event of events) {
      if (event.type !== 'copied') continue
      const { at, id } = event
      const place = `${partitionName(event)} offset ${event.offset}`
      const before = copies.get(id)
      if (before === undefined) copies.set(id, place)
      else violations.push({ at, text: `${id} was copied twice: to ${before} and ${place}.` })
    }
    for (const event of events) {
      if (event.type !== 'appended') continue
      for (const id of event.ids) {
        if (copies.has(id)) continue
        const { at } = event
        violations.push({ at, text: `${id} of ${partitionName(event)} was never copied.` })
      }
    }
    return violations.slice(0, MAX_VIOLATIONS)
  },
}
