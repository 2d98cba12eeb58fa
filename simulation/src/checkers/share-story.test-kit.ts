/** Histories of a share group by hand: one record, the first of `orders-0`. */
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { ShareOutcome } from '../history/share-event.ts'
import { PLACE } from './story.test-kit.ts'

const GROUP = { groupId: 'mail' }
const RECORD = { ...GROUP, ...PLACE, offset: 0 }

export const starts = (at: number, actor: string): HistoryEvent => ({
  ...{ type: 'memberStarted', at, actor, ...GROUP, protocol: 'share' },
})

/** All of its members read the partition. */
export const shareGroup = (at: number, ...members: readonly string[]): HistoryEvent => ({
  ...{ type: 'group', at, nodeId: 1, ...GROUP, protocol: 'share', generationId: 1 },
  ...{ state: members.length === 0 ? 'Empty' : 'Stable', cause: 'heartbeat' },
  members: members.map((name) => ({ memberId: name, clientId: name, partitions: [PLACE] })),
})

export const led = (at: number): HistoryEvent => ({
  ...{ type: 'leader', at, ...PLACE, leaderId: 2, leaderEpoch: 1, end: 1 },
})

export const changed = (
  at: number,
  what: EventOf<'shareChanged'>['what'],
  memberId = '',
  deliveryCount = 1,
): HistoryEvent => ({
  ...{ type: 'shareChanged', at, nodeId: 1, ...GROUP, ...PLACE, what, memberId, deliveryCount },
  ...{ firstOffset: 0, lastOffset: 0 },
})

export const taken = (
  at: number,
  actor: string,
  deliveryCount = 1,
  more: Partial<EventOf<'shareTaken'>> = {},
): HistoryEvent => ({
  ...{ type: 'shareTaken', at, actor, ...RECORD, id: 'p:0', isIntact: true, deliveryCount },
  ...{ isKept: true, ...more },
})

export const said = (at: number, actor: string, outcome: ShareOutcome): HistoryEvent => ({
  ...{ type: 'shareSaid', at, actor, ...RECORD, outcome },
})

export const confirmed = (at: number, actor: string): HistoryEvent => ({
  ...{ type: 'shareConfirmed', at, actor, ...RECORD, outcome: 'accept' },
})

export const exhausted = (at: number, actor: string): HistoryEvent => ({
  ...{ type: 'shareExhausted', at, actor, ...RECORD, deliveryCount: 5 },
})

export const shareLag = (at: number, locked: number, available: number): HistoryEvent => ({
  ...{ type: 'shareLag', at, ...GROUP, ...PLACE, locked, available },
})
