/** No storm: a group has only as many generations as what happened to it can account for. */
import { type Checker, type Violation } from './checker.ts'

interface Count {
  readonly generations: Set<number>
  reasons: number
  lastAt: number
}

export const rebalancesAreFew: Checker = {
  name: 'rebalances-are-few',
  promise: 'Every start or end of a member, and every fault, costs a bounded number of rebalances.',
  check(events, { rebalancesPerChange }) {
    const groups = new Map<string, Count>()
    let faults = 0
    for (const event of events) {
      if (event.type === 'fault') faults++
      if (event.type === 'group') {
        const count = countOf(groups, event.groupId)
        count.generations.add(event.generationId)
        count.lastAt = event.at
      }
      if (
        event.type === 'memberStarted' ||
        event.type === 'memberClosing' ||
        event.type === 'memberKilled' ||
        event.type === 'memberFenced' ||
        event.type === 'readingStopped' ||
        event.type === 'readingResumed'
      ) {
        countOf(groups, event.groupId).reasons++
      }
    }
    return [...groups].flatMap(([groupId, { generations, reasons, lastAt }]): Violation[] => {
      generations.delete(0)
      const allowed = (reasons + faults) * rebalancesPerChange
      if (generations.size <= allowed) return []
      const text =
        `Group ${groupId} went through ${generations.size} generations; ${reasons} changes of ` +
        `its members and ${faults} faults account for ${allowed}.`
      return [{ at: lastAt, text }]
    })
  },
}

function countOf(groups: Map<string, Count>, groupId: string): Count {
  const count = groups.get(groupId) ?? { generations: new Set(), reasons: 0, lastAt: 0 }
  groups.set(groupId, count)
  return count
}
