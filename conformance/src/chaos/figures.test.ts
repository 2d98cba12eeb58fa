import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEvent } from '@odradek/simulation'
import { figuresOf, stepsBackOf } from './figures.ts'

const PLACE = { topic: 'orders', partition: 0 } as const
const MEMBER = { actor: 'member-1', groupId: 'billing' } as const
const COMMIT = { ...PLACE, ...MEMBER, nodeId: 0, connectionId: 0, memberId: '', clientId: '' }

function written(at: number, id: string, offset: number): HistoryEvent[] {
  const appended = { nodeId: 0, baseOffset: offset, leaderEpoch: 0, producerId: '' } as const
  return [
    {
      ...{ type: 'appended', at, ...PLACE, ...appended, producerEpoch: 0, baseSequence: 0 },
      ids: [id],
    },
    { type: 'acknowledged', at, actor: 'producer', id, ...PLACE, offset },
  ]
}

const read = (at: number, id: string, offset: number): HistoryEvent[] => [
  {
    ...{ type: 'delivered', at, ...MEMBER, ...PLACE, offset, id },
    ...{ key: null, keeps: 'partition', isIntact: true },
  },
  { type: 'processed', at, ...MEMBER, ...PLACE, offset },
]

const committed = (at: number, offset: number): HistoryEvent => ({
  ...{ type: 'committed', at, ...COMMIT, offset, generationId: 1 },
})

test('what is not processed is lost, or told as lost, or older than the group', () => {
  const events: HistoryEvent[] = [
    ...written(0, 'old', 0),
    { type: 'memberStarted', at: 1000, ...MEMBER },
    ...written(2000, 'read', 1),
    ...read(2001, 'read', 1),
    ...written(3000, 'told', 2),
    { type: 'dataLoss', at: 3500, ...MEMBER, ...PLACE, from: 2, to: 3, reason: 'retention' },
    ...written(4000, 'lost', 3),
  ]
  const { lost, toldAsLost, olderThanStart } = figuresOf(events, { startsAtEnd: true })
  assert.deepEqual(
    { lost, toldAsLost, olderThanStart },
    { lost: 1, toldAsLost: 1, olderThanStart: 1 },
  )
  assert.equal(figuresOf(events, { startsAtEnd: false }).lost, 2)
})

test('a commit that goes back counts unless a reset of the position was told', () => {
  const back = [committed(1, 10), committed(2, 5), committed(3, 12)]
  assert.deepEqual(stepsBackOf(back), [
    { at: 2, partition: 0, from: 10, to: 5, repairedAfterMs: 1 },
  ])
  const reset: HistoryEvent = {
    ...{ type: 'positionReset', at: 1.5, ...MEMBER, ...PLACE, offset: 4 },
    reason: 'the log was truncated',
  }
  assert.deepEqual(stepsBackOf([back[0], reset, back[1], back[2]].flatMap((one) => one ?? [])), [])
})
