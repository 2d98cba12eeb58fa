/**
 * Left alone, a group comes to rest: within a bounded time after the last fault or change of
 * membership there is one generation with exactly the living members that read, every partition has
 * an owner, and nothing changes any more until something happens.
 */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { type Bounds, type Checker, type Violation } from './checker.ts'
import { disturbancesOf, type Interval, seconds } from './disturbances.ts'

export const groupSettles: Checker = {
  name: 'group-settles',
  promise: 'Soon after the last fault a group is stable, and every partition has an owner.',
  check(events, bounds) {
    const groups = new Set(
      events.flatMap((event) => (event.type === 'group' ? [event.groupId] : [])),
    )
    return [...groups].flatMap((groupId) => checkGroup(groupId, events, bounds))
  },
}

function checkGroup(groupId: string, events: readonly HistoryEvent[], bounds: Bounds): Violation[] {
  const violations: Violation[] = []
  for (const quiet of quietTimes(events, bounds.settleMs)) {
    const changes = events.filter(
      (event): event is EventOf<'group'> => event.type === 'group' && event.groupId === groupId,
    )
    const before = changes.filter(({ at }) => at <= quiet.from).at(-1)
    const after = changes.filter(({ at }) => at > quiet.from && at < quiet.to)
    const problem =
      problemWith(before, events, quiet.from) ??
      (after[0] === undefined
        ? undefined
        : `it changed again: ${after[0].cause} made it ${after[0].state}, generation ` +
          `${after[0].generationId}`)
    if (problem === undefined) continue
    const patience = seconds(bounds.settleMs)
    const text = `Group ${groupId} did not settle in ${patience} of peace: ${problem}.`
    violations.push({ at: quiet.from, text })
  }
  return violations
}

/** From when the group must have settled, to the next disturbance or the end. */
function quietTimes(events: readonly HistoryEvent[], settleMs: number): readonly Interval[] {
  const disturbances = disturbancesOf(events, settleMs)
  const end = events.at(-1)?.at ?? 0
  return disturbances.flatMap(({ to: from }, index) => {
    const to = disturbances[index + 1]?.from ?? end
    return from < to ? [{ from, to }] : []
  })
}

function problemWith(
  group: EventOf<'group'> | undefined,
  events: readonly HistoryEvent[],
  at: number,
): string | undefined {
  const living = livingMembers(events, group?.groupId ?? '', at)
  if (group === undefined || living.length === 0) return undefined
  if (group.state !== 'Stable') return `it is ${group.state}`
  const mayStay = stoppedReaders(events, at)
  const present = group.members
    .map(({ clientId }) => clientId)
    .filter((clientId) => mayStay.get(clientId) !== true)
    .sort()
  if (present.join() !== living.join()) {
    return `its members are ${present.join(', ')}, and those alive ${living.join(', ')}`
  }
  const owned = new Set(
    group.members.flatMap(({ partitions }) => partitions.map((one) => partitionName(one))),
  )
  const topics = new Map<string, number>()
  for (const event of events) {
    if (event.type === 'topic' && event.at <= at) topics.set(event.topic, event.partitions)
  }
  for (const [topic, partitions] of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const name = partitionName({ topic, partition })
      if (!owned.has(name)) return `nobody owns ${name}`
    }
  }
  return undefined
}

const ENDS = new Set(['memberClosing', 'memberKilled', 'memberFenced'])

function livingMembers(events: readonly HistoryEvent[], groupId: string, until: number): string[] {
  const living = new Set<string>()
  for (const event of events) {
    if (event.at > until) break
    if (event.type === 'memberStarted' && event.groupId === groupId) living.add(event.actor)
    if (ENDS.has(event.type) && 'actor' in event) living.delete(event.actor)
  }
  const stopped = stoppedReaders(events, until)
  return [...living].filter((actor) => !stopped.has(actor)).sort()
}

/** Members whose programs do not read, and whether they may be in the group all the same. */
function stoppedReaders(
  events: readonly HistoryEvent[],
  until: number,
): ReadonlyMap<string, boolean> {
  const stopped = new Map<string, boolean>()
  for (const event of events) {
    if (event.at > until) break
    if (event.type === 'readingStopped') stopped.set(event.actor, event.mayStay)
    if (event.type === 'readingResumed' || event.type === 'memberStarted') {
      stopped.delete(event.actor)
    }
    if (ENDS.has(event.type) && 'actor' in event) stopped.delete(event.actor)
  }
  return stopped
}
