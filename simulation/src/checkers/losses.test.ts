/** What checkers say of logs that lose their ends, or their beginnings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import { committedWasProcessed } from './committed-was-processed.ts'
import { deliveredInOrder } from './delivered-in-order.ts'
import { deliveredWasSent } from './delivered-was-sent.ts'
import { logHasEachOnce } from './log-has-each-once.ts'
import { lossIsTold } from './loss-is-told.ts'
import { nothingStalls } from './nothing-stalls.ts'
import { outcomesAreTrue } from './outcomes-are-true.ts'
import {
  acknowledged,
  appended,
  committed,
  dataLoss,
  delivered,
  failed,
  later,
  member,
  owns,
  positionReset,
  processed,
  recordsGone,
  sending,
  verdictOf,
} from './story.test-kit.ts'

const read = (at: number, ...offsets: readonly number[]) =>
  offsets.flatMap((offset) => [delivered(at, 'm', offset), processed(at, 'm', offset)])

/** Three records, of which the group reads one and commits it. */
const START = [
  member('memberStarted', 0, 'm'),
  sending(0, 'p:0', 'p:1', 'p:2'),
  appended(1, 0, 'p:0', 'p:1', 'p:2'),
  ...[0, 1, 2].map((offset) => acknowledged(2, `p:${offset}`, offset)),
  ...read(3, 0),
  committed(4, 'm', 1),
]

test('what retention takes unread must be told', () => {
  const expired = [...START, recordsGone(5, 'expired', 0, 3)]
  assert.match(verdictOf(lossIsTold, ...expired)[0] ?? '', /p:1 went from offset 1 of orders-0/)
  assert.deepEqual(verdictOf(lossIsTold, ...expired, dataLoss(6, 'm', 1, 3)), [])
  assert.deepEqual(verdictOf(lossIsTold, ...expired, ...read(6, 1, 2)), [])
  assert.match(verdictOf(lossIsTold, ...expired, dataLoss(6, 'm', 2, 3))[0] ?? '', /p:1/)
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...expired), [])
  assert.deepEqual(verdictOf(committedWasProcessed, ...expired, committed(7, 'm', 3)), [])
})

test('a group that has committed nothing begins where the log does', () => {
  const [first, ...rest] = START.filter(({ type }) => type !== 'committed')
  assert.ok(first)
  assert.deepEqual(verdictOf(lossIsTold, first, ...rest, recordsGone(5, 'expired', 0, 3)), [])
})

test('what is told to be lost must be gone', () => {
  assert.match(verdictOf(lossIsTold, ...START, dataLoss(5, 'm', 1, 2))[0] ?? '', /1 is not/)
  const some = [...START, recordsGone(5, 'expired', 0, 2), dataLoss(6, 'm', 1, 3)]
  assert.match(verdictOf(lossIsTold, ...some)[0] ?? '', /1 to 3 of orders-0 .* offset 2 is not/)
})

/** The group has read everything; then two of three records are lost, another takes their place. */
const TRUNCATED = [
  ...START,
  ...read(5, 1, 2),
  committed(6, 'm', 3),
  recordsGone(7, 'truncated', 1, 3),
  sending(8, 'p:3'),
  appended(8, 1, 'p:3'),
]
const ANEW = [delivered(10, 'm', 1, { id: 'p:3' }), processed(10, 'm', 1), committed(11, 'm', 2)]
const TOLD = [dataLoss(9, 'm', 1, 3), positionReset(9, 'm', 1)]

test('who has read what a truncation took hears of it before it reads on', () => {
  assert.deepEqual(verdictOf(lossIsTold, ...TRUNCATED, ...TOLD, ...ANEW), [])
  const silent = verdictOf(lossIsTold, ...TRUNCATED, positionReset(9, 'm', 1), ...ANEW)
  assert.match(silent[0] ?? '', /m got p:2 at offset 2 .* p:3 at offset 1; it was told of no loss/)
})

test('who has lost its partition begins where the group is, and knows of nothing beyond', () => {
  const uncommitted = TRUNCATED.map((event) =>
    event.type === 'committed' ? { ...event, offset: 1 } : event,
  )
  const back = [owns('lost', 8, 'm'), owns('assigned', 9, 'm'), ...ANEW]
  assert.deepEqual(verdictOf(lossIsTold, ...uncommitted, ...back), [])
  assert.match(verdictOf(lossIsTold, ...TRUNCATED, ...back)[0] ?? '', /it was told of no loss/)
})

test('after a truncation offsets hold other records, and those must be processed', () => {
  const fine = [...TRUNCATED, ...TOLD, ...ANEW]
  for (const checker of [
    ...[deliveredWasSent, deliveredInOrder, committedWasProcessed, logHasEachOnce],
    ...[acknowledgedIsDelivered, outcomesAreTrue, nothingStalls],
  ]) {
    assert.deepEqual(verdictOf(checker, ...fine), [], checker.name)
  }
  const skipped = verdictOf(
    committedWasProcessed,
    ...TRUNCATED,
    ...TOLD,
    committed(10, 'm', 1),
    committed(11, 'm', 2),
  )
  assert.match(skipped[0] ?? '', /offset 1 was not processed/)
  const unread = verdictOf(acknowledgedIsDelivered, ...TRUNCATED, acknowledged(9, 'p:3', 1))
  assert.match(unread[0] ?? '', /p:3/)
  const waiting = verdictOf(nothingStalls, ...TRUNCATED, ...TOLD, later(90_000))
  assert.match(waiting[0] ?? '', /stood still at offset 1/)
})

test('until a member hears of a truncation it commits what it has read', () => {
  assert.deepEqual(verdictOf(committedWasProcessed, ...TRUNCATED, committed(9, 'm', 3)), [])
  const underWay = [...TRUNCATED, ...TOLD, committed(10, 'm', 3), committed(11, 'm', 1)]
  assert.deepEqual(verdictOf(committedWasProcessed, ...underWay), [])
  const after = verdictOf(
    committedWasProcessed,
    ...TRUNCATED,
    ...TOLD,
    committed(10, 'm', 1),
    committed(11, 'm', 3),
  )
  assert.match(after[0] ?? '', /committed 3 of orders-0 .* the log ends at 2/)
})

test('a record that was lost with the end of a log may be written again, once', () => {
  const again = [
    ...START,
    recordsGone(7, 'truncated', 1, 3),
    appended(12, 1, 'p:2'),
    acknowledged(13, 'p:2', 1),
  ]
  assert.deepEqual(verdictOf(logHasEachOnce, ...again), [])
  assert.deepEqual(verdictOf(outcomesAreTrue, ...again), [])
  assert.match(verdictOf(logHasEachOnce, ...again, appended(14, 2, 'p:2'))[0] ?? '', /twice/)
  assert.deepEqual(verdictOf(outcomesAreTrue, ...TRUNCATED, failed(9, 'p:1', 'notWritten')), [])
})
