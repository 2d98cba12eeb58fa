/**
 * A partition has one owner: in the coordinator's plan of a generation, and in what members do. The
 * second is the one that users feel: once another member was told that a partition is its own,
 * nothing of it may be delivered to whoever had it before.
 *
 * Nobody is excused: a member knows when its coordinator may go on without it, because it joined or
 * gave up too late, and delivers nothing until it is told. Of a topic that was deleted its owner
 * may deliver what it has fetched, whoever gets the partition of the next topic of that name.
 */
import type { EventOf } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Checker, MAX_VIOLATIONS, type Violation } from './checker.ts'
import { LogBook } from './log-book.ts'

export const oneOwner: Checker = {
  name: 'one-owner',
  promise: 'At most one member of a group owns a partition, and only its owner is given records.',
  check(events) {
    const owners = new Map<string, string>()
    const formerOwners = new Map<string, string>()
    const book = new LogBook()
    const violations: Violation[] = []
    for (const event of events) {
      if (violations.length >= MAX_VIOLATIONS) break
      book.enter(event)
      if (event.type === 'group') {
        // In a share group everybody may read everything.
        if (event.protocol === 'share') continue
        // Classic members are told of a plan all at once; KIP-848 ones each in its own time.
        const isInForce = event.state === 'Stable' || event.protocol === 'consumer'
        if (isInForce) violations.push(...doubles(event))
      } else if (event.type === 'assigned') {
        for (const one of event.partitions) {
          owners.set(`${event.groupId} ${partitionName(one)}`, event.actor)
        }
      } else if (event.type === 'recordsGone' && event.cause === 'deleted') {
        for (const [name, owner] of owners) {
          if (name.endsWith(` ${partitionName(event)}`)) formerOwners.set(name, owner)
        }
      } else if (event.type === 'delivered') {
        const name = `${event.groupId} ${partitionName(event)}`
        const isFormer = book.gone(event.id)?.gone.cause === 'deleted'
        const owner = isFormer ? formerOwners.get(name) : owners.get(name)
        if (owner === event.actor) continue
        const text =
          `${event.actor} got offset ${event.offset} of ${partitionName(event)}, which belongs ` +
          `to ${owner ?? 'nobody'}.`
        violations.push({ at: event.at, text })
      }
    }
    return violations
  },
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
