/** When nothing is written any more a group reads to the end, commits it, and the lag is nothing. */
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS } from './checker.ts'

export const endsDrained: Checker = {
  name: 'ends-drained',
  promise: 'At the end the group has committed everything: its lag is 0.',
  check(events) {
    return events
      .flatMap((event) => {
        if (event.type !== 'lag') return []
        const lag = event.end - (event.committed ?? 0)
        if (lag === 0) return []
        const text =
          `Group ${event.groupId} ended ${lag} records behind in ${partitionName(event)}: ` +
          `${event.committed ?? 'nothing'} is committed, the log ends at ${event.end}.`
        return [{ at: event.at, text }]
      })
      .slice(0, MAX_VIOLATIONS)
  },
}
