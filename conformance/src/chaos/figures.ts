/** What a history amounts to, in figures that people ask for first. Pure. */
import type { HistoryEvent } from '@odradek/simulation'

export interface CommitStepBack {
  readonly at: number
  readonly partition: number
  readonly from: number
  readonly to: number
  /** After so many ms the partition was committed at `from` or beyond; null: never. */
  readonly repairedAfterMs: number | null
}

export interface Figures {
  readonly acknowledged: number
  readonly delivered: number
  /** Acknowledged and never processed, and nobody said why. */
  readonly lost: number
  /** Acknowledged and never processed, and told as gone (`dataLoss`). */
  readonly toldAsLost: number
  /** Acknowledged before a group that starts at the end did so: not for it. */
  readonly olderThanStart: number
  /** Deliveries of what was delivered before. */
  readonly duplicates: number
  /** The longest time in which nobody got anything while records were being written, ms. */
  readonly longestGapMs: number
  /** The longest time from a record's append to its first delivery, ms. */
  readonly longestWaitMs: number
  /** The group's generation (or epoch) before the first fault, and before everybody left. */
  readonly generationBefore: number
  readonly generationAfter: number
  readonly rebalances: number
  /** Times that a member was told that its partitions are lost. */
  readonly losses: number
  readonly commits: number
  readonly stepsBack: readonly CommitStepBack[]
}

export interface FiguresOptions {
  /** The group's first start is the end of the log: what is older is not for it. */
  readonly startsAtEnd: boolean
}

/** Stamps are whole milliseconds: what is so close may have been either way round. */
export const STAMP_MS = 1

export function figuresOf(
  events: readonly HistoryEvent[],
  { startsAtEnd }: FiguresOptions,
): Figures {
  const firstFault = events.find(({ type }) => type === 'fault')?.at ?? Number.POSITIVE_INFINITY
  // Of members that start together whoever finds no offsets says when the group began.
  const starts = events.filter(({ type, at }) => type === 'memberStarted' && at < firstFault)
  const startedAt = starts.at(-1)?.at ?? 0
  const appendedAt = new Map<string, number>()
  /** Where they are, by id. */
  const acknowledged = new Map<string, string>()
  const told = new Set<string>()
  const deliveredIds = new Set<string>()
  const inHand = new Map<string, string>()
  const processed = new Set<string>()
  const generations = new Set<number>()
  let generationBefore = 0
  let generationAfter = 0
  let delivered = 0
  let lastDelivery: number | undefined
  let stoppedAt = Number.POSITIVE_INFINITY
  let longestGapMs = 0
  let longestWaitMs = 0
  let losses = 0
  /** The end of the run, when everybody leaves, is no part of the story. */
  let isOver = false
  for (const event of events) {
    if (event.type === 'appended') for (const id of event.ids) appendedAt.set(id, event.at)
    else if (event.type === 'acknowledged') {
      acknowledged.set(event.id, `${event.partition} ${event.offset}`)
    } else if (event.type === 'dataLoss') {
      for (let offset = event.from; offset < event.to; offset++) {
        told.add(`${event.partition} ${offset}`)
      }
    } else if (event.type === 'writesStopped') stoppedAt = event.at
    else if (event.type === 'lost' && event.partitions.length > 0) losses++
    else if (event.type === 'delivered') {
      delivered++
      inHand.set(`${event.actor} ${event.partition} ${event.offset}`, event.id)
      if (!deliveredIds.has(event.id)) {
        const wait = event.at - (appendedAt.get(event.id) ?? event.at)
        longestWaitMs = Math.max(longestWaitMs, wait)
      }
      deliveredIds.add(event.id)
      if (event.at <= stoppedAt && lastDelivery !== undefined) {
        longestGapMs = Math.max(longestGapMs, event.at - lastDelivery)
      }
      lastDelivery = event.at
    } else if (event.type === 'processed') {
      const id = inHand.get(`${event.actor} ${event.partition} ${event.offset}`)
      if (id !== undefined) processed.add(id)
    } else if (event.type === 'memberClosing' && event.at > stoppedAt) isOver = true
    else if (event.type === 'group' && event.state !== 'Empty' && !isOver) {
      if (event.at < firstFault) generationBefore = event.generationId
      else if (event.members.length > 0) generations.add(event.generationId)
      generationAfter = event.generationId
    }
  }
  generations.delete(generationBefore)
  const unprocessed = [...acknowledged].filter(([id]) => !processed.has(id))
  const isOlder = (id: string): boolean =>
    startsAtEnd && (appendedAt.get(id) ?? startedAt) < startedAt + STAMP_MS
  const olderThanStart = unprocessed.filter(([id]) => isOlder(id)).length
  const toldAsLost = unprocessed.filter(([id, place]) => !isOlder(id) && told.has(place)).length
  const lost = unprocessed.length - olderThanStart - toldAsLost
  return {
    ...{ acknowledged: acknowledged.size, delivered, lost, toldAsLost, olderThanStart },
    ...{ duplicates: delivered - deliveredIds.size, longestGapMs, longestWaitMs },
    ...{ generationBefore, generationAfter, rebalances: generations.size, losses },
    commits: events.filter(({ type }) => type === 'committed').length,
    stepsBack: stepsBackOf(events),
  }
}

/** But for the one that follows from a position that was reset, and said so. */
export function stepsBackOf(events: readonly HistoryEvent[]): readonly CommitStepBack[] {
  const highest = new Map<number, number>()
  const open = new Map<number, Omit<CommitStepBack, 'repairedAfterMs'>>()
  const resets = new Map<number, number>()
  const found: CommitStepBack[] = []
  for (const event of events) {
    if (event.type === 'positionReset') resets.set(event.partition, event.offset)
    if (event.type !== 'committed') continue
    const { at, partition, offset } = event
    const top = highest.get(partition) ?? 0
    const debt = open.get(partition)
    const reset = resets.get(partition) ?? Number.POSITIVE_INFINITY
    if (offset < top && offset >= reset) {
      resets.delete(partition)
      highest.set(partition, offset)
    } else if (offset >= top) {
      highest.set(partition, offset)
      if (debt === undefined) continue
      open.delete(partition)
      found.push({ ...debt, repairedAfterMs: at - debt.at })
    } else if (debt === undefined) open.set(partition, { at, partition, from: top, to: offset })
  }
  for (const debt of open.values()) found.push({ ...debt, repairedAfterMs: null })
  return found
}
