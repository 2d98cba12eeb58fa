/**
 * When nothing is written any more a group reads to the end, commits it, and the lag is nothing.
 *
 * The offsets of a topic go with it, but a commit that arrives after that is taken for one of the
 * topic that bears the name by then. It says itself whose it is, so it holds nobody up: whoever
 * finds it begins at the start. The group has come as far as its commits before that say.
 *
 * A group that starts at an instant commits nothing of a partition that has no later record (S42):
 * what it owes there is judged by the records that are delivered.
 *
 * When a log loses its end, programs that commit by themselves ask for nothing less than before:
 * what is committed may lie behind the end then.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS } from './checker.ts'

export const endsDrained: Checker = {
  name: 'ends-drained',
  promise: 'At the end the group has committed everything: its lag is 0.',
  check(events) {
    const covered = coveredUp(events)
    const manual = new Set(
      events.flatMap((event) =>
        event.type === 'memberStarted' && event.commits === 'manual' ? [event.groupId] : [],
      ),
    )
    const atInstant = new Set(
      events.flatMap((event) =>
        event.type === 'memberStarted' && event.startsFrom !== undefined ? [event.groupId] : [],
      ),
    )
    const processed = new Set(
      events.flatMap((event) =>
        event.type === 'processed' ? [`${event.groupId} ${partitionName(event)}`] : [],
      ),
    )
    return events
      .flatMap((event) => {
        if (event.type !== 'lag') return []
        const name = `${event.groupId} ${partitionName(event)}`
        const committed = covered.get(name)?.offset ?? event.committed
        if (committed === null && atInstant.has(event.groupId) && !processed.has(name)) return []
        const lag = event.end - (committed ?? 0)
        if (lag === 0 || (lag < 0 && manual.has(event.groupId))) return []
        const text =
          `Group ${event.groupId} ended ${lag} records behind in ${partitionName(event)}: ` +
          `${committed ?? 'nothing'} is committed, the log ends at ${event.end}.`
        return [{ at: event.at, text }]
      })
      .slice(0, MAX_VIOLATIONS)
  },
}

/** By group and partition: last commits behind which one of a former topic has come. */
function coveredUp(events: readonly HistoryEvent[]): Map<string, EventOf<'committed'>> {
  const last = new Map<string, EventOf<'committed'>>()
  const covered = new Map<string, EventOf<'committed'>>()
  for (const event of events) {
    if (event.type === 'recordsGone' && event.cause === 'deleted') {
      for (const map of [last, covered]) {
        for (const name of map.keys())
          if (name.endsWith(` ${partitionName(event)}`)) map.delete(name)
      }
    }
    if (event.type !== 'committed') continue
    const name = `${event.groupId} ${partitionName(event)}`
    const before = last.get(name)
    if (event.formerTopicId === undefined) {
      last.set(name, event)
      covered.delete(name)
    } else if (before !== undefined) covered.set(name, before)
  }
  return covered
}
