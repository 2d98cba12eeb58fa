/**
 * Of a history what concerns one violation: its partition, its members, its records, what happened
 * to the group and what went wrong. Records that come one after the other are one line.
 */
import type { HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import { formatEvent } from '../history/format.ts'
import { partitionName } from '../history/history.ts'
import { isOfShares } from '../history/share-event.ts'

/** What a sentence about a history names. */
interface Subject {
  readonly actors: ReadonlySet<string>
  readonly partitions: ReadonlySet<string>
}

/** Beginnings and ends are told; what is between is counted. */
const HEAD_LINES = 40
const TAIL_LINES = 80
/** What follows upon a violation says more than what came before everything. */
const AFTERMATH_MS = 2000

export function excerptOf(
  events: readonly HistoryEvent[],
  violation: { readonly at: number; readonly text: string },
): readonly string[] {
  const subject = subjectOf(events, violation.text)
  const told = events.filter(
    (event) => event.at <= violation.at + AFTERMATH_MS && isTold(event, subject),
  )
  const lines = inRuns(told)
  const left = lines.length - HEAD_LINES - TAIL_LINES
  if (left <= 0) return lines
  return [...lines.slice(0, HEAD_LINES), `... ${left} lines ...`, ...lines.slice(-TAIL_LINES)]
}

function subjectOf(events: readonly HistoryEvent[], text: string): Subject {
  const words = new Set(text.split(/[\s,;:()]+/).map((word) => word.replace(/\.$/, '')))
  const actors = new Set<string>()
  const partitions = new Set<string>()
  for (const event of events) {
    if ('actor' in event && words.has(event.actor)) actors.add(event.actor)
    // A record is told of with its partition.
    if (event.type === 'acknowledged' && words.has(event.id)) partitions.add(partitionName(event))
    if (event.type !== 'topic') continue
    for (let partition = 0; partition < event.partitions; partition++) {
      const name = partitionName({ topic: event.topic, partition })
      if (words.has(name)) partitions.add(name)
    }
  }
  return { actors, partitions }
}

function isTold(event: HistoryEvent, { actors, partitions }: Subject): boolean {
  const isHers = 'actor' in event && actors.has(event.actor)
  const isThere = (place: TopicPartition): boolean => partitions.has(partitionName(place))
  if (isOfShares(event)) return isThere(event)
  switch (event.type) {
    case 'fault':
    case 'group':
    case 'escaped':
    case 'memberStarted':
    case 'memberClosing':
    case 'memberKilled':
    case 'memberFenced':
    case 'readingStopped':
    case 'readingResumed':
    case 'writesStopped':
      return true
    case 'cluster':
      return [...partitions, 'coordinates', 'killed', 'stopped', 'started'].some((word) =>
        event.what.split(' ').includes(word),
      )
    case 'assigned':
    case 'revoked':
    case 'lost':
      return isHers || event.partitions.some(isThere)
    case 'sending':
      return false
    case 'remark':
    case 'closed':
    case 'leftovers':
    case 'topic':
      return isHers
    case 'leader':
    case 'delivered':
    case 'processed':
    case 'committed':
    case 'acknowledged':
    case 'sendFailed':
    case 'appended':
    case 'commitRequested':
    case 'rewound':
    case 'positionReset':
    case 'dataLoss':
    case 'lag':
    case 'copied':
    case 'recordsGone':
      if (partitions.size === 0) return isHers && event.type !== 'processed'
      return 'partition' in event && isThere(event)
  }
}

/** Neighbours that differ by their offset alone become one line. */
function inRuns(events: readonly HistoryEvent[]): string[] {
  const lines: string[] = []
  let first: HistoryEvent | undefined
  let last: HistoryEvent | undefined
  const flush = (): void => {
    if (first === undefined || last === undefined) return
    const to = first === last || !('offset' in last) ? '' : ` .. @${last.offset}`
    lines.push(`${formatEvent(first)}${to}`)
    first = undefined
  }
  for (const event of events) {
    // What is processed was delivered just before; where they part, somebody else is between.
    if (first?.type === 'delivered' && event.type === 'processed' && isSame(first, event)) continue
    if (last?.type === event.type && isSame(last, event) && isNext(last, event)) {
      last = event
      continue
    }
    // A group that gathers is told of once: as it was when it had gathered.
    if (!isStillGathering(last, event)) flush()
    first = event
    last = event
  }
  flush()
  return lines
}

function isStillGathering(before: HistoryEvent | undefined, event: HistoryEvent): boolean {
  if (before?.type !== 'group' || event.type !== 'group') return false
  const { groupId, state, generationId } = event
  const isNext = before.groupId === groupId && before.generationId === generationId
  return isNext && before.state === state
}

function isNext(one: HistoryEvent, other: HistoryEvent): boolean {
  return 'offset' in one && 'offset' in other && other.offset === Number(one.offset) + 1
}

function isSame(one: HistoryEvent, other: HistoryEvent): boolean {
  return (
    (one.type === 'delivered' || one.type === 'processed' || one.type === 'acknowledged') &&
    (other.type === 'delivered' || other.type === 'processed' || other.type === 'acknowledged') &&
    one.actor === other.actor &&
    partitionName(one) === partitionName(other)
  )
}
