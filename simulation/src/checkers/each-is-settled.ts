/**
 * Share groups: what a producer was told is written is accepted in the end, or rejected, or given
 * up after its last delivery; whoever had it then, and lives, says so. Nothing is left over, and
 * nothing is locked, when everybody is gone.
 *
 * A share group keeps its records by offset, and so does its memory of them: where the end of a log
 * was truncated, records that take the offsets of others may count as settled, as theirs were.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { LogBook } from './log-book.ts'
import { ShareBook } from './share-book.ts'

export const eachIsSettled: Checker = {
  name: 'each-is-settled',
  promise: 'Every record of a share group ends accepted, rejected, or given up, and that is told.',
  check(events) {
    const groups = new Set(
      events.flatMap((event) =>
        event.type === 'memberStarted' && event.protocol === 'share' ? [event.groupId] : [],
      ),
    )
    return [...groups]
      .flatMap((groupId) => [
        ...unsettled(groupId, events),
        ...untold(groupId, events),
        ...leftOver(groupId, events),
      ])
      .slice(0, MAX_VIOLATIONS)
  },
}

/** Records that were acknowledged, are still there, and of which nothing became. */
function unsettled(groupId: string, events: readonly HistoryEvent[]): readonly Violation[] {
  const logs = new LogBook()
  const book = new ShareBook()
  const reused = new Map<string, number>()
  for (const event of events) {
    logs.enter(event)
    book.enter(event)
    if (event.type !== 'recordsGone' || event.cause !== 'truncated') continue
    const name = partitionName(event)
    reused.set(name, Math.min(event.from, reused.get(name) ?? event.from))
  }
  return events.flatMap((event): readonly Violation[] => {
    if (event.type !== 'acknowledged' || event.offset === null) return []
    const { at, id, offset } = event
    const name = partitionName(event)
    if (logs.gone(id) !== undefined) return []
    if (offset >= (reused.get(name) ?? Number.POSITIVE_INFINITY)) return []
    const { topic, partition } = event
    if (book.record({ topic, partition, groupId }, offset).final !== undefined) return []
    const what = `${id}, acknowledged at ${name} offset ${offset}`
    return [{ at, text: `${what}, was never accepted, rejected or given up by ${groupId}.` }]
  })
}

/** Records that were given up, and whoever had them at last said nothing. */
function untold(groupId: string, events: readonly HistoryEvent[]): readonly Violation[] {
  const book = new ShareBook()
  const debts = new Map<string, Violation>()
  const drop = (actor: string): void => {
    for (const key of debts.keys()) if (key.startsWith(`${actor} `)) debts.delete(key)
  }
  for (const event of events) {
    if (event.type === 'memberKilled') drop(event.actor)
    else if (event.type === 'leader') {
      // Whoever hears of that first does not know whether this was the last delivery.
      for (const key of debts.keys()) {
        if (key.includes(` ${partitionName(event)}@`)) debts.delete(key)
      }
    } else if (event.type === 'shareExhausted') debts.delete(keyOf(event, event.actor))
    else if (isExhaustion(event, groupId)) {
      for (const { name, lock, offset } of book.changed(event)) {
        if (lock?.taken === undefined) continue
        const { actor } = lock
        const what = `${actor} had ${name} at its last delivery`
        const text = `${what}, and did not tell that it is given up.`
        debts.set(keyOf({ ...event, offset }, actor), { at: event.at, text })
      }
    }
    book.enter(event)
  }
  return [...debts.values()]
}

function isExhaustion(event: HistoryEvent, groupId: string): event is EventOf<'shareChanged'> {
  return event.type === 'shareChanged' && event.what === 'exhausted' && event.groupId === groupId
}

function keyOf(
  place: { readonly topic: string; readonly partition: number; readonly offset: number },
  actor: string,
): string {
  return `${actor} ${partitionName(place)}@${place.offset}`
}

function leftOver(groupId: string, events: readonly HistoryEvent[]): readonly Violation[] {
  return events.flatMap((event): readonly Violation[] => {
    if (event.type !== 'shareLag' || event.groupId !== groupId) return []
    const { at, locked, available } = event
    if (locked + available === 0) return []
    const text =
      `Group ${groupId} ended with ${locked} records of ${partitionName(event)} locked, and ` +
      `${available} to be handed out.`
    return [{ at, text }]
  })
}
