/**
 * Whoever works is heard of: however long user code takes over a record, its process tells the
 * coordinator that it is alive. A member that is put out for its silence was killed, stopped or cut
 * off; in peace it is the client's fault. (Those that are late to join are another matter.)
 */
import type { EventOf } from '../history/event.ts'
import { type Checker, type Violation } from './checker.ts'
import { disturbancesOf } from './disturbances.ts'

export const membersStay: Checker = {
  name: 'members-stay',
  promise: 'A member that runs undisturbed is never put out of its group for its silence.',
  check(events, { settleMs }) {
    const faults = events.filter((event) => event.type === 'fault')
    const disturbances = disturbancesOf(faults, settleMs)
    const isDisturbed = (at: number): boolean =>
      disturbances.some(({ from, to }) => from <= at && at <= to)
    const living = new Set<string>()
    const groups = new Map<string, EventOf<'group'>>()
    const violations: Violation[] = []
    for (const event of events) {
      if (event.type === 'memberStarted' || event.type === 'readingResumed') living.add(event.actor)
      else if (
        event.type === 'readingStopped' ||
        event.type === 'memberClosing' ||
        event.type === 'memberKilled' ||
        event.type === 'memberFenced'
      ) {
        living.delete(event.actor)
      } else if (event.type === 'group') {
        const { at, groupId, cause } = event
        const before = groups.get(groupId)
        groups.set(groupId, event)
        if (cause !== 'sessionExpired' || isDisturbed(at)) continue
        const still = new Set(event.members.map(({ memberId }) => memberId))
        for (const { memberId, clientId } of before?.members ?? []) {
          if (still.has(memberId) || !living.has(clientId)) continue
          const text = `Group ${groupId} heard nothing of ${clientId} and put it out; it was alive.`
          violations.push({ at, text })
        }
      }
    }
    return violations
  },
}
