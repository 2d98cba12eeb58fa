/** Histories by hand: one partition, `orders-0`, one group, and as few words as possible. */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { TopicPartition } from '../history/topic-partition.ts'
import type { Bounds, Checker } from './checker.ts'

export const BOUNDS: Bounds = {
  settleMs: 10_000,
  stallMs: 5000,
  rebalancesPerChange: 2,
  repairMs: 5000,
}

export const PLACE: TopicPartition = { topic: 'orders', partition: 0 }
const GROUP = { groupId: 'billing' }

/** What a checker has to say about a story. */
export function verdictOf(checker: Checker, ...events: readonly HistoryEvent[]): readonly string[] {
  return checker.check(events, BOUNDS).map(({ text }) => text)
}

export const topic = (partitions = 1): HistoryEvent => ({
  ...{ type: 'topic', at: 0, topic: PLACE.topic, partitions },
})

export const sending = (at: number, ...ids: readonly string[]): HistoryEvent => ({
  ...{ type: 'sending', at, actor: 'p', topic: PLACE.topic, ids },
})

export const acknowledged = (at: number, id: string, offset: number | null): HistoryEvent => ({
  ...{ type: 'acknowledged', at, actor: 'p', id, ...PLACE, offset },
})

export const failed = (
  at: number,
  id: string,
  outcome: 'notWritten' | 'unknown',
): HistoryEvent => ({
  ...{ type: 'sendFailed', at, actor: 'p', topic: PLACE.topic, id, outcome, reason: 'told so' },
})

export const appended = (
  at: number,
  baseOffset: number,
  ...ids: readonly string[]
): HistoryEvent => ({
  ...{ type: 'appended', at, nodeId: 1, ...PLACE, baseOffset, leaderEpoch: 0, ids },
  ...{ producerId: '1', producerEpoch: 0, baseSequence: 0 },
})

export const copied = (at: number, offset: number, id: string): HistoryEvent => ({
  ...{ type: 'copied', at, topic: 'copies', partition: 0, offset, id },
})

export const delivered = (
  at: number,
  actor: string,
  offset: number,
  more: Partial<EventOf<'delivered'>> = {},
): HistoryEvent => ({
  ...{ type: 'delivered', at, actor, ...GROUP, ...PLACE, offset, id: `p:${offset}` },
  ...{ key: null, keeps: 'partition', isIntact: true },
  ...more,
})

export const processed = (at: number, actor: string, offset: number): HistoryEvent => ({
  ...{ type: 'processed', at, actor, ...GROUP, ...PLACE, offset },
})

export const commitRequested = (at: number, actor: string, offset: number): HistoryEvent => ({
  ...{ type: 'commitRequested', at, actor, ...GROUP, ...PLACE, offset },
})

export const rewound = (at: number, actor: string, offset: number): HistoryEvent => ({
  ...{ type: 'rewound', at, actor, ...GROUP, ...PLACE, offset },
})

export const positionReset = (at: number, actor: string, offset: number): HistoryEvent => ({
  ...{ type: 'positionReset', at, actor, ...GROUP, ...PLACE, offset, reason: 'a seek' },
})

export const dataLoss = (at: number, actor: string, from: number, to: number): HistoryEvent => ({
  ...{ type: 'dataLoss', at, actor, ...GROUP, ...PLACE, from, to, reason: 'retention' },
})

export const recordsGone = (
  at: number,
  cause: 'truncated' | 'expired' | 'deleted',
  from: number,
  to: number,
): HistoryEvent => ({ type: 'recordsGone', at, ...PLACE, cause, from, to })

export const committed = (
  at: number,
  actor: string,
  offset: number,
  more: Partial<EventOf<'committed'>> = {},
): HistoryEvent => ({
  ...{ type: 'committed', at, nodeId: 1, connectionId: 1, ...GROUP, ...PLACE, offset },
  ...{ generationId: 1, memberId: actor, clientId: actor },
  ...more,
})

export const owns = (
  type: 'assigned' | 'revoked' | 'lost',
  at: number,
  actor: string,
): HistoryEvent => ({ type, at, actor, ...GROUP, partitions: [PLACE] })

export const member = (
  type: 'memberStarted' | 'memberClosing' | 'memberKilled' | 'memberFenced',
  at: number,
  actor: string,
  more: { readonly commits?: 'manual' } = {},
): HistoryEvent => ({ type, at, actor, ...GROUP, ...more })

/** It leaves within 1000 ms. */
export const readingStopped = (at: number, actor: string, mayStay = false): HistoryEvent => ({
  ...{ type: 'readingStopped', at, actor, ...GROUP, leavesWithinMs: 1000, mayStay },
})

export const readingResumed = (at: number, actor: string): HistoryEvent => ({
  ...{ type: 'readingResumed', at, actor, ...GROUP },
})

/** A group with these members; all partitions are the first one's unless it is said otherwise. */
export const group = (
  at: number,
  state: string,
  generationId: number,
  members: Readonly<Record<string, readonly TopicPartition[]>>,
  cause = 'sync',
): HistoryEvent => ({
  ...{ type: 'group', at, nodeId: 1, ...GROUP, state, generationId, cause },
  members: Object.entries(members).map(([clientId, partitions]) => ({
    ...{ memberId: clientId, clientId, partitions },
  })),
})

export const fault = (at: number, until = at): HistoryEvent => ({
  ...{ type: 'fault', at, what: 'something', until },
})

export const closed = (at: number, more: Partial<EventOf<'closed'>> = {}): HistoryEvent => ({
  ...{ type: 'closed', at, actor: 'm', tookMs: 10, timeoutMs: 30_000 },
  ...more,
})

export const leftovers = (at: number, timers: number): HistoryEvent => ({
  ...{ type: 'leftovers', at, actor: 'm', timers, connections: 0, threads: 0 },
})

export const lag = (at: number, committedOffset: number | null, end: number): HistoryEvent => ({
  ...{ type: 'lag', at, ...GROUP, ...PLACE, committed: committedOffset, end },
})

/** Time goes by. */
export const later = (at: number): HistoryEvent => ({ type: 'writesStopped', at })
