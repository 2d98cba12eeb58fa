/** Each checker of records, on stories that it must accept and stories that it must refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventOf } from '../history/event.ts'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import { commitsWereRequested } from './commits-were-requested.ts'
import { copiedOnce } from './copied-once.ts'
import { deliveredInOrder } from './delivered-in-order.ts'
import { deliveredWasSent } from './delivered-was-sent.ts'
import { logHasEachOnce } from './log-has-each-once.ts'
import { nothingStalls } from './nothing-stalls.ts'
import { outcomesAreTrue } from './outcomes-are-true.ts'
import { startsAreNotCommitted } from './starts-are-not-committed.ts'
import {
  acknowledged,
  appended,
  commitRequested,
  committed,
  copied,
  delivered,
  failed,
  fault,
  later,
  member,
  owns,
  positionReset,
  processed,
  rewound,
  sending,
  topic,
  verdictOf,
} from './story.test-kit.ts'

test('an acknowledged record must be delivered and processed', () => {
  const start = [member('memberStarted', 0, 'm'), sending(1, 'p:0'), acknowledged(2, 'p:0', 0)]
  const fine = [...start, delivered(3, 'm', 0), processed(4, 'm', 0)]
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...fine), [])
  assert.match(verdictOf(acknowledgedIsDelivered, ...start)[0] ?? '', /never processed/)
  const dropped = [...start, delivered(3, 'm', 0)]
  assert.match(verdictOf(acknowledgedIsDelivered, ...dropped)[0] ?? '', /p:0.*orders-0 offset 0/)
})

test('S41 under manual commits nothing is committed that the program did not ask for', () => {
  const start = member('memberStarted', 0, 'm', { commits: 'manual' })
  const asked = [start, commitRequested(1, 'm', 5)]
  const judge = (...events: Parameters<typeof verdictOf>[1][]) =>
    verdictOf(commitsWereRequested, ...events)
  assert.deepEqual(judge(...asked, committed(2, 'm', 5), committed(3, 'm', 5)), [])
  assert.match(judge(...asked, committed(2, 'm', 6))[0] ?? '', /asked for 5/)
  assert.match(judge(start, committed(2, 'm', 0))[0] ?? '', /asked for no commit/)
  assert.deepEqual(judge(member('memberStarted', 0, 'm'), committed(2, 'm', 6)), [])
})

test('S42 under automatic commits a start is not committed', () => {
  const start = member('memberStarted', 0, 'm')
  const judge = (...events: Parameters<typeof verdictOf>[1][]) =>
    verdictOf(startsAreNotCommitted, start, ...events)
  assert.deepEqual(judge(delivered(1, 'm', 0), committed(2, 'm', 1)), [])
  assert.match(judge(committed(2, 'm', 0))[0] ?? '', /m committed 0 of orders-0/)
  assert.deepEqual(judge(positionReset(1, 'm', 0), committed(2, 'm', 0)), [])
})

test('what failed may be missing', () => {
  const story = [member('memberStarted', 0, 'm'), sending(1, 'p:0'), failed(2, 'p:0', 'unknown')]
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...story), [])
})

test('S36 what transactions copy is in their output once', () => {
  const log = appended(0, 0, 'p:0', 'p:1')
  assert.deepEqual(verdictOf(copiedOnce, log, copied(1, 0, 'p:0'), copied(1, 1, 'p:1')), [])
  assert.deepEqual(verdictOf(copiedOnce, log), [])
  assert.match(verdictOf(copiedOnce, log, copied(1, 0, 'p:0'))[0] ?? '', /p:1 .*never copied/)
  const twice = verdictOf(
    copiedOnce,
    appended(0, 0, 'p:0'),
    ...[1, 2].map((at) => copied(at, at, 'p:0')),
  )
  assert.match(twice[0] ?? '', /copied twice/)
})

test('what is delivered was sent, is whole, and stays where it is', () => {
  const start = [sending(0, 'p:0', 'p:1'), appended(1, 0, 'p:0')]
  assert.deepEqual(verdictOf(deliveredWasSent, ...start, delivered(2, 'm', 0)), [])
  const unheardOf = verdictOf(deliveredWasSent, ...start, delivered(2, 'm', 1, { id: 'q:1' }))
  assert.match(unheardOf[0] ?? '', /nobody sent it/)
  const damaged = verdictOf(deliveredWasSent, ...start, delivered(2, 'm', 0, { isIntact: false }))
  assert.match(damaged[0] ?? '', /damaged/)
  const swapped = verdictOf(deliveredWasSent, ...start, delivered(2, 'm', 0, { id: 'p:1' }))
  assert.match(swapped[0] ?? '', /held p:0 before, and p:1 now/)
  const mislaid = verdictOf(deliveredWasSent, ...start, acknowledged(2, 'p:1', 0))
  assert.match(mislaid[0] ?? '', /held p:0 before/)
  assert.match(verdictOf(deliveredWasSent, appended(1, 0, 'q:7'))[0] ?? '', /nobody sent it/)
})

test('a partition is read in order, without repeating and without skipping', () => {
  const log = appended(0, 0, 'p:0', 'p:1', 'p:2')
  const read = (...offsets: readonly number[]) => [
    log,
    owns('assigned', 1, 'm'),
    ...offsets.map((offset, index) => delivered(2 + index, 'm', offset)),
  ]
  assert.deepEqual(verdictOf(deliveredInOrder, ...read(0, 1, 2)), [])
  assert.deepEqual(verdictOf(deliveredInOrder, ...read(1, 2)), [])
  assert.match(verdictOf(deliveredInOrder, ...read(0, 2))[0] ?? '', /skipped 1/)
  assert.match(verdictOf(deliveredInOrder, ...read(0, 1, 1))[0] ?? '', /offset 1 .* after offset 1/)
  assert.match(verdictOf(deliveredInOrder, ...read(2, 0))[0] ?? '', /offset 0 .* after offset 2/)
  // Offsets that hold no record may be passed over.
  assert.deepEqual(verdictOf(deliveredInOrder, ...read(2, 5)), [])
})

test('an assignment, a reset and a loop that was left begin anew', () => {
  const before = [appended(0, 0, 'p:0', 'p:1'), delivered(1, 'm', 1)]
  for (const between of [owns('assigned', 2, 'm'), rewound(2, 'm', 0), positionReset(2, 'm', 0)]) {
    assert.deepEqual(verdictOf(deliveredInOrder, ...before, between, delivered(3, 'm', 0)), [])
  }
})

test('with the order of keys, each key is in order and others may overtake', () => {
  const keys = (...read: readonly (readonly [string, number])[]) =>
    read.map(([key, offset], at) => delivered(at, 'm', offset, { key, keeps: 'key' }))
  assert.deepEqual(verdictOf(deliveredInOrder, ...keys(['a', 3], ['b', 1], ['a', 4])), [])
  assert.match(
    verdictOf(deliveredInOrder, ...keys(['a', 3], ['b', 4], ['a', 1]))[0] ?? '',
    /same key \(a\)/,
  )
})

test('a log has every record once, in the order of its producer', () => {
  assert.deepEqual(
    verdictOf(logHasEachOnce, appended(0, 0, 'p:0', 'p:1'), appended(1, 2, 'p:2')),
    [],
  )
  const twice = verdictOf(logHasEachOnce, appended(0, 0, 'p:0'), appended(1, 1, 'p:0'))
  assert.match(twice[0] ?? '', /twice: at orders-0 offset 0 and orders-0 offset 1/)
  const overtaken = verdictOf(logHasEachOnce, appended(0, 0, 'p:1'), appended(1, 1, 'p:0'))
  assert.match(overtaken[0] ?? '', /behind p:1, which was sent later/)
  assert.deepEqual(verdictOf(logHasEachOnce, appended(0, 0, 'p:1'), appended(1, 1, 'q:0')), [])
})

test('outcomes are what happened', () => {
  const log = appended(0, 0, 'p:0')
  assert.deepEqual(verdictOf(outcomesAreTrue, log, acknowledged(1, 'p:0', 0)), [])
  assert.deepEqual(verdictOf(outcomesAreTrue, log, acknowledged(1, 'p:0', null)), [])
  assert.deepEqual(verdictOf(outcomesAreTrue, log, failed(1, 'p:0', 'unknown')), [])
  assert.deepEqual(verdictOf(outcomesAreTrue, log, failed(1, 'p:1', 'notWritten')), [])
  assert.match(
    verdictOf(outcomesAreTrue, log, failed(1, 'p:0', 'notWritten'))[0] ?? '',
    /failed as notWritten .* is at orders-0 offset 0/,
  )
  assert.match(verdictOf(outcomesAreTrue, log, acknowledged(1, 'p:0', 5))[0] ?? '', /it is at/)
  assert.match(verdictOf(outcomesAreTrue, log, acknowledged(1, 'p:9', 5))[0] ?? '', /in no log/)
})

test('a partition with records to read moves, unless something is wrong', () => {
  const start = [member('memberStarted', 0, 'm'), appended(20_000, 0, 'p:0')] as const
  assert.deepEqual(verdictOf(nothingStalls, ...start, delivered(24_000, 'm', 0)), [])
  assert.deepEqual(verdictOf(nothingStalls, ...start, delivered(24_000, 'm', 0), later(90_000)), [])
  const stuck = verdictOf(nothingStalls, ...start, later(26_000))
  assert.match(stuck[0] ?? '', /stood still at offset 0 of orders-0 for 6.0 s/)
  assert.match(verdictOf(nothingStalls, ...start, delivered(26_000, 'm', 0))[0] ?? '', /for 6.0 s/)
  const excused = [...start, fault(21_000), later(34_000)]
  assert.deepEqual(verdictOf(nothingStalls, ...excused), [])
  assert.match(verdictOf(nothingStalls, ...excused, later(38_000))[0] ?? '', /stood still/)
  // Of topics that the history introduces: what others are written for is not this group's to read.
  const [begins, write] = start
  const elsewhere = { ...(write as EventOf<'appended'>), topic: 'copies' }
  assert.deepEqual(verdictOf(nothingStalls, topic(), begins, elsewhere, later(26_000)), [])
  assert.match(verdictOf(nothingStalls, topic(), ...start, later(26_000))[0] ?? '', /orders-0/)
})
