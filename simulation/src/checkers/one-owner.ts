/**
 * A partition has one owner: in the coordinator's plan of a generation, and in what members do. The
 * second is the one that users feel: once another member was told that a partition is its own,
 * nothing of it may be delivered to whoever had it before.
 *
 * One thing a member of a KIP-848 group cannot know in time: that the coordinator waited for it no
 * longer. It hears of it with its next heartbeat, and until then it is excused. A classic member
 * knows when its group may go on without it, and has no excuse.
 */
import type { EventOf } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'

export const oneOwner: Checker = {
  name: 'one-owner',
  promise: 'At most one member of a group owns a partition, and only its owner is given records.',
  check(events, { noticeMs }) {
    const owners = new Map<string, string>()
    const expelled = new Expelled()
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      if (event.type === 'group') {
        expelled.follow(event)
        // Classic members are told of a plan all at once; KIP-848 ones each in its own time.
        const isInForce = event.state === 'Stable' || event.protocol === 'consumer'
        if (isInForce) violations.push(...doubles(event))
      } else if (event.type === 'assigned') {
        for (const one of event.partitions) {
          owners.set(`${event.groupId} ${partitionName(one)}`, event.actor)
        }
      } else if (event.type === 'delivered') {
        const owner = owners.get(`${event.groupId} ${partitionName(event)}`)
        if (owner === event.actor || expelled.isExcused(event, noticeMs)) continue
        const text =
          `${event.actor} got offset ${event.offset} of ${partitionName(event)}, which belongs ` +
          `to ${owner ?? 'nobody'}.`
        violations.push({ at: event.at, text })
      }
    }
    return violations
  },
}

/** Members whom the coordinator of a KIP-848 group no longer waited for, and when that was. */
class Expelled {
  readonly #members = new Map<string, readonly string[]>()
  readonly #expelledAt = new Map<string, number>()

  follow({ at, groupId, cause, members }: EventOf<'group'>): void {
    const present = members.map(({ clientId }) => clientId)
    if (cause === 'rebalanceExpired') {
      const before = this.#members.get(groupId) ?? []
      for (const actor of before) if (!present.includes(actor)) this.#expelledAt.set(actor, at)
    }
    this.#members.set(groupId, present)
  }

  isExcused({ at, actor }: EventOf<'delivered'>, noticeMs: number): boolean {
    return at <= (this.#expelledAt.get(actor) ?? Number.NEGATIVE_INFINITY) + noticeMs
  }
}

function doubles({ at, groupId, generationId, members }: EventOf<'group'>): Violation[] {
  const owners = new Map<string, string>()
  const violations: Violation[] = []
  for (const { clientId, partitions } of members) {
    for (const name of partitions.map(partitionName)) {
      const other = owners.get(name)
      owners.set(name, clientId)
      if (other === undefined) continue
      const text =
        `Generation ${generationId} of group ${groupId} gives ${name} to both ${other} and ` +
        `${clientId}.`
      violations.push({ at, text })
    }
  }
  return violations
}
