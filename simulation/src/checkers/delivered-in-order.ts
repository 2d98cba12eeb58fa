/**
 * Order within a lineage: from an assignment (or a seek, a reset, a loop that was left) on, a
 * member gets a partition's records one after the other, none twice and none left out. A reader
 * that keeps the order of keys alone gets each key's records in order.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const deliveredInOrder: Checker = {
  name: 'delivered-in-order',
  promise: 'Within a lineage records come in the order of their offsets, none twice, none skipped.',
  check(events) {
    const logs = offsetsByPartition(events)
    /** By actor and partition; for each key or, with the partition's order, for ''. */
    const lineages = new Map<string, Map<string, number>>()
    const violations: Violation[] = []
    for (const event of events) {
      if (event.type === 'assigned') {
        for (const partition of event.partitions) {
          lineages.delete(`${event.actor} ${partitionName(partition)}`)
        }
      } else if (event.type === 'positionReset' || event.type === 'rewound') {
        lineages.delete(`${event.actor} ${partitionName(event)}`)
      } else if (event.type === 'delivered' && violations.length < MAX_VIOLATIONS) {
        const problem = follow(event, lineages, logs.get(partitionName(event)))
        if (problem !== undefined) violations.push({ at: event.at, text: problem })
      }
    }
    return violations
  },
}

function follow(
  event: EventOf<'delivered'>,
  lineages: Map<string, Map<string, number>>,
  log: ReadonlySet<number> | undefined,
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
  if (keeps === 'key' || log === undefined) return undefined
  for (let between = last + 1; between < offset; between++) {
    if (log.has(between)) return `${what}: it skipped ${between}.`
  }
  return undefined
}

function offsetsByPartition(
  events: readonly HistoryEvent[],
): ReadonlyMap<string, ReadonlySet<number>> {
  const logs = new Map<string, Set<number>>()
  for (const event of events) {
    if (event.type !== 'appended') continue
    const name = partitionName(event)
    const log = logs.get(name) ?? new Set()
    logs.set(name, log)
    event.ids.forEach((_, index) => log.add(event.baseOffset + index))
  }
  return logs
}
