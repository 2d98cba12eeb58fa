/**
 * A commit says that everything before it is processed, so it must be: by whichever member of the
 * group. What the client reported as lost is excused.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

/** One partition, as one group has read it. */
class Reading {
  readonly done = new Set<number>()
  /** Everything before is processed or excused. */
  verifiedUpTo = 0

  /** The first offset before `end` with a record that is not processed. */
  firstUnprocessed(end: number, log: ReadonlySet<number>): number | undefined {
    while (this.verifiedUpTo < end) {
      const offset = this.verifiedUpTo
      if (log.has(offset) && !this.done.has(offset)) return offset
      this.verifiedUpTo++
    }
    return undefined
  }
}

export const committedWasProcessed: Checker = {
  name: 'committed-was-processed',
  promise: 'Nothing is committed before it is processed.',
  check(events) {
    const logs = new Map<string, { readonly offsets: Set<number>; end: number }>()
    const readings = new Map<string, Reading>()
    const readingOf = (event: EventOf<'processed' | 'committed' | 'dataLoss'>): Reading => {
      const name = `${event.groupId} ${partitionName(event)}`
      const reading = readings.get(name) ?? new Reading()
      readings.set(name, reading)
      return reading
    }
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'appended') append(logs, event)
      else if (event.type === 'processed') readingOf(event).done.add(event.offset)
      else if (event.type === 'dataLoss') {
        const { done } = readingOf(event)
        for (let offset = event.from; offset < event.to; offset++) done.add(offset)
      } else if (event.type === 'committed') {
        const log = logs.get(partitionName(event))
        const problem = problemWith(event, log, readingOf(event))
        if (problem !== undefined) violations.push({ at: event.at, text: problem })
      }
    }
    return violations
  },
}

function append(
  logs: Map<string, { readonly offsets: Set<number>; end: number }>,
  event: Extract<HistoryEvent, { type: 'appended' }>,
): void {
  const log = logs.get(partitionName(event)) ?? { offsets: new Set(), end: 0 }
  logs.set(partitionName(event), log)
  event.ids.forEach((_, index) => log.offsets.add(event.baseOffset + index))
  log.end = Math.max(log.end, event.baseOffset + event.ids.length)
}

function problemWith(
  event: EventOf<'committed'>,
  log: { readonly offsets: ReadonlySet<number>; readonly end: number } | undefined,
  reading: Reading,
): string | undefined {
  const what =
    `${event.clientId} (generation ${event.generationId}) committed ${event.offset} of ` +
    `${partitionName(event)} for group ${event.groupId}`
  const end = log?.end ?? 0
  if (event.offset > end) return `${what}, and the log ends at ${end}.`
  const missing = reading.firstUnprocessed(event.offset, log?.offsets ?? new Set())
  return missing === undefined ? undefined : `${what}, and offset ${missing} was not processed.`
}
