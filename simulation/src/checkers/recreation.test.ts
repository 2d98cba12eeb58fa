/** What checkers say of a topic that is deleted and made anew under its name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import { commitsNeverDecrease } from './commits-never-decrease.ts'
import { committedWasProcessed } from './committed-was-processed.ts'
import { deliveredWasSent } from './delivered-was-sent.ts'
import { endsDrained } from './ends-drained.ts'
import { groupSettles } from './group-settles.ts'
import { logHasEachOnce } from './log-has-each-once.ts'
import { lossIsTold } from './loss-is-told.ts'
import { nothingStalls } from './nothing-stalls.ts'
import { oneOwner } from './one-owner.ts'
import {
  acknowledged,
  appended,
  committed,
  dataLoss,
  delivered,
  group,
  lag,
  later,
  member,
  owns,
  PLACE,
  positionReset,
  processed,
  recordsGone,
  sending,
  topic,
  verdictOf,
} from './story.test-kit.ts'

const read = (at: number, actor: string, offset: number, id: string) => [
  delivered(at, actor, offset, { id }),
  processed(at, actor, offset),
]
const FORMER = { formerTopicId: 'the one before' }

/** Three records, of which two are read; then another topic of the name, with one record. */
const START = [
  member('memberStarted', 0, 'm'),
  owns('assigned', 0, 'm'),
  sending(0, 'p:0', 'p:1', 'p:2', 'p:3'),
  appended(1, 0, 'p:0', 'p:1', 'p:2'),
  ...[0, 1, 2].map((offset) => acknowledged(2, `p:${offset}`, offset)),
  ...read(3, 'm', 0, 'p:0'),
  ...read(3, 'm', 1, 'p:1'),
  committed(4, 'm', 2),
  recordsGone(5, 'deleted', 0, 3),
  appended(6, 0, 'p:3'),
  acknowledged(6, 'p:3', 0),
]
const TOLD = positionReset(7, 'm', 0)

test('S11 whoever has read a topic that was deleted says so before it goes on in the next one', () => {
  const next = [...read(8, 'm', 0, 'p:3'), committed(9, 'm', 1)]
  assert.match(
    verdictOf(lossIsTold, ...START, ...next)[0] ?? '',
    /m had read orders-0 before its topic was deleted .* got offset 0 .*nobody told/,
  )
  assert.match(verdictOf(lossIsTold, ...START, committed(8, 'm', 0))[0] ?? '', /committed offset 0/)
  assert.deepEqual(verdictOf(lossIsTold, ...START, TOLD, ...next), [])
  assert.deepEqual(verdictOf(lossIsTold, ...START, dataLoss(7, 'm', 2, 3), ...next), [])
  // Who comes later knows nothing of it, and neither does what was fetched before.
  assert.deepEqual(verdictOf(lossIsTold, ...START, ...read(8, 'n', 0, 'p:3'), ...next), [])
  assert.deepEqual(verdictOf(lossIsTold, ...START, ...read(7, 'm', 2, 'p:2'), TOLD, ...next), [])
})

test('S11 nothing of the topic that was made anew may be skipped, nor what it replaced be missed', () => {
  assert.match(verdictOf(acknowledgedIsDelivered, ...START)[0] ?? '', /p:3, .* was never processed/)
  const rest = [TOLD, ...read(8, 'm', 0, 'p:3')]
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...START, ...rest), [])
  assert.deepEqual(verdictOf(deliveredWasSent, ...START, ...rest), [])
  const again = [...START.slice(0, -2), appended(6, 0, 'p:2')]
  assert.deepEqual(verdictOf(logHasEachOnce, ...again), [])
  assert.match(
    verdictOf(nothingStalls, ...START, later(60_000))[0] ?? '',
    /stood still at offset 0/,
  )
})

test('S11 an offset of the former topic counts for that alone, by the id that it names', () => {
  const former = committed(7, 'm', 3, FORMER)
  assert.match(
    verdictOf(committedWasProcessed, ...START, committed(7, 'm', 3))[0] ?? '',
    /ends at 1/,
  )
  const early = [...START, ...read(7, 'm', 2, 'p:2'), committed(8, 'm', 1)]
  assert.match(verdictOf(committedWasProcessed, ...early)[0] ?? '', /offset 0 was not processed/)
  assert.deepEqual(verdictOf(committedWasProcessed, ...START, former), [])
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...START, former, committed(8, 'm', 0)), [])
  const further = [...START, committed(8, 'm', 1), committed(9, 'm', 0)]
  assert.match(verdictOf(commitsNeverDecrease, ...further)[0] ?? '', /at 1 by m .* then at 0/)
})

test('S11 a late commit of the former topic does not say how far the group is in the next one', () => {
  const former = committed(9, 'n', 3, FORMER)
  assert.deepEqual(
    verdictOf(endsDrained, ...START, committed(8, 'm', 1), former, lag(10, 3, 1)),
    [],
  )
  assert.match(
    verdictOf(endsDrained, ...START, committed(8, 'm', 0), former, lag(10, 3, 1))[0] ?? '',
    /1 records behind/,
  )
})

test('S11 of the former topic its owner delivers what it has, of the next one its owner alone', () => {
  const moved = [...START, owns('assigned', 7, 'n')]
  assert.deepEqual(verdictOf(oneOwner, ...moved, ...read(8, 'm', 2, 'p:2')), [])
  assert.match(verdictOf(oneOwner, ...moved, ...read(8, 'm', 0, 'p:3'))[0] ?? '', /belongs to n/)
  assert.match(verdictOf(oneOwner, ...moved, ...read(8, 'n', 2, 'p:2'))[0] ?? '', /belongs to m/)
})

test('a group need not own what is gone', () => {
  const story = [topic(2), member('memberStarted', 0, 'm'), group(1, 'Stable', 1, { m: [PLACE] })]
  assert.match(verdictOf(groupSettles, ...story, later(60_000))[0] ?? '', /nobody owns orders-1/)
  const smaller = { ...topic(1), at: 2 }
  assert.deepEqual(verdictOf(groupSettles, ...story, smaller, later(60_000)), [])
})
