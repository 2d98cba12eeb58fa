/** Each checker of share groups, on stories that it must accept and that it must refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import { deliveredWasSent } from './delivered-was-sent.ts'
import { eachIsSettled } from './each-is-settled.ts'
import { locksAreKept } from './locks-are-kept.ts'
import { nothingStalls } from './nothing-stalls.ts'
import { oneHand } from './one-hand.ts'
import { oneOwner } from './one-owner.ts'
import { settledAsSaid } from './settled-as-said.ts'
import {
  changed,
  confirmed,
  exhausted,
  led,
  said,
  shareGroup,
  shareLag,
  starts,
  taken,
} from './share-story.test-kit.ts'
import {
  acknowledged,
  appended,
  fault,
  later,
  member,
  recordsGone,
  sending,
  verdictOf,
} from './story.test-kit.ts'

const start = [starts(0, 'm'), starts(0, 'n'), shareGroup(1, 'm', 'n'), appended(2, 0, 'p:0')]
const had = [...start, changed(3, 'acquired', 'm'), taken(4, 'm')]

test('S40 share groups: an acknowledged record is accepted, rejected or given up', () => {
  const log = [...start, acknowledged(2, 'p:0', 0)]
  for (const end of ['accepted', 'rejected', 'exhausted'] as const) {
    assert.deepEqual(verdictOf(eachIsSettled, ...log, changed(3, end, 'm')), [])
  }
  assert.match(verdictOf(eachIsSettled, ...log)[0] ?? '', /p:0.*never accepted/)
  const released = verdictOf(eachIsSettled, ...log, changed(3, 'released', 'm'))
  assert.match(released[0] ?? '', /never accepted/)
  assert.deepEqual(verdictOf(eachIsSettled, ...log, recordsGone(5, 'expired', 0, 1)), [])
  // Groups with offsets are judged by others, and share groups by them are not.
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...log), [])
  const classic = [member('memberStarted', 0, 'm'), acknowledged(2, 'p:0', 0)]
  assert.deepEqual(verdictOf(eachIsSettled, ...classic), [])
})

test('S40 share groups: whoever had a record at its last delivery tells that it is given up', () => {
  const ends = [changed(9, 'exhausted', 'm', 5), changed(9, 'expired', '', 5)]
  assert.deepEqual(verdictOf(eachIsSettled, ...had, ...ends, exhausted(10, 'm')), [])
  const silent = verdictOf(eachIsSettled, ...had, ...ends)
  assert.match(silent[0] ?? '', /m had offset 0 of orders-0 at its last delivery, and did not tell/)
  const killed = member('memberKilled', 11, 'm')
  assert.deepEqual(verdictOf(eachIsSettled, ...had, ...ends, killed), [])
})

test('S40 share groups: nothing is left over at the end, and nothing locked', () => {
  assert.deepEqual(verdictOf(eachIsSettled, ...start, shareLag(9, 0, 0)), [])
  assert.match(
    verdictOf(eachIsSettled, ...start, shareLag(9, 1, 0))[0] ?? '',
    /1 records .* locked/,
  )
  assert.match(verdictOf(eachIsSettled, ...start, shareLag(9, 0, 2))[0] ?? '', /2 to be handed out/)
})

test('S40 share groups: a record is in one hand at a time', () => {
  const again = changed(8, 'acquired', 'n', 2)
  const expired = changed(7, 'expired', '', 1)
  assert.deepEqual(verdictOf(oneHand, ...had, expired, again, taken(9, 'n', 2)), [])
  assert.match(verdictOf(oneHand, ...had, again)[0] ?? '', /n was given .* while m had it/)
  // The next leader knows of no lock, and not of that delivery.
  assert.deepEqual(verdictOf(oneHand, ...had, led(7), changed(8, 'acquired', 'n', 1)), [])
  const left = [shareGroup(7), shareGroup(7, 'n')]
  assert.deepEqual(verdictOf(oneHand, ...had, ...left, changed(8, 'acquired', 'n', 1)), [])
  const [given] = [changed(3, 'acquired', 'm')]
  const late = verdictOf(oneHand, ...start, given, expired, taken(8, 'm'))
  assert.match(late[0] ?? '', /m got offset 0 of orders-0 when its lock had run out/)
  assert.match(verdictOf(oneHand, ...start, given, taken(4, 'n'))[0] ?? '', /not given to it/)
  assert.match(verdictOf(oneHand, ...had, taken(5, 'm'))[0] ?? '', /twice in one delivery/)
  const done = [...start, given, changed(4, 'accepted', 'm'), taken(5, 'm')]
  assert.match(verdictOf(oneHand, ...done)[0] ?? '', /when it was accepted/)
})

test('S40 share groups: every delivery is counted', () => {
  const released = changed(7, 'released', 'm', 1)
  const same = verdictOf(oneHand, ...had, released, changed(8, 'acquired', 'n', 1))
  assert.match(same[0] ?? '', /as delivery 1 after 1 deliveries/)
  const skipped = verdictOf(oneHand, ...had, released, changed(8, 'acquired', 'n', 3))
  assert.match(skipped[0] ?? '', /as delivery 3 after 1 deliveries/)
  const told = verdictOf(oneHand, ...start, changed(3, 'acquired', 'm'), taken(4, 'm', 2))
  assert.match(told[0] ?? '', /got .* as delivery 2; it was delivery 1/)
})

test('S40 share groups: the broker takes user code at its word', () => {
  const accepted = changed(6, 'accepted', 'm')
  assert.deepEqual(verdictOf(settledAsSaid, ...had, said(5, 'm', 'accept'), accepted), [])
  assert.match(verdictOf(settledAsSaid, ...had, accepted)[0] ?? '', /had said nothing/)
  const other = verdictOf(settledAsSaid, ...had, said(5, 'm', 'reject'), accepted)
  assert.match(other[0] ?? '', /was accepted for m, which had said reject/)
  // What was said of an earlier delivery says nothing of this one.
  const earlier = [said(5, 'm', 'accept'), changed(6, 'expired'), changed(7, 'acquired', 'm', 2)]
  const mixed = verdictOf(settledAsSaid, ...had, ...earlier, changed(8, 'accepted', 'm', 2))
  assert.match(mixed[0] ?? '', /had said nothing of this delivery/)
})

test('S40 share groups: what counts is never taken back', () => {
  const told = [...had, said(5, 'm', 'accept'), changed(6, 'accepted', 'm'), confirmed(7, 'm')]
  assert.deepEqual(verdictOf(settledAsSaid, ...told), [])
  const again = verdictOf(settledAsSaid, ...told, changed(8, 'acquired', 'n', 2))
  assert.match(again[0] ?? '', /n was given offset 0 of orders-0 again, after m's accept counted/)
  const untrue = verdictOf(settledAsSaid, ...had, said(5, 'm', 'accept'), confirmed(7, 'm'))
  assert.match(untrue[0] ?? '', /m was told that its accept .* counts, and it did not/)
})

test('S40 share groups: a lock does not run out under somebody who works in peace', () => {
  const expired = changed(20_000, 'expired')
  const lost = verdictOf(locksAreKept, ...had, expired)
  assert.match(lost[0] ?? '', /m let its lock of offset 0 of orders-0 run out/)
  assert.deepEqual(verdictOf(locksAreKept, ...had, fault(19_000), expired), [])
  // Who settles by hand renews by hand.
  const byHand = [...start, changed(3, 'acquired', 'm'), taken(4, 'm', 1, { isKept: false })]
  assert.deepEqual(verdictOf(locksAreKept, ...byHand, expired), [])
  const told = verdictOf(locksAreKept, ...byHand, said(5, 'm', 'accept'), expired)
  assert.match(told[0] ?? '', /run out/)
})

test('S40 share groups: the checkers of all readers look at them, those of owners do not', () => {
  const log = [sending(0, 'p:0'), ...start]
  assert.deepEqual(verdictOf(deliveredWasSent, ...log, taken(3, 'm')), [])
  const damaged = verdictOf(deliveredWasSent, ...log, taken(3, 'm', 1, { isIntact: false }))
  assert.match(damaged[0] ?? '', /damaged/)
  const waiting = [starts(0, 'm'), appended(20_000, 0, 'p:0')]
  assert.deepEqual(verdictOf(nothingStalls, ...waiting, taken(21_000, 'm'), later(90_000)), [])
  assert.match(verdictOf(nothingStalls, ...waiting, later(90_000))[0] ?? '', /stood still/)
  // Both may read the partition.
  assert.deepEqual(verdictOf(oneOwner, shareGroup(1, 'm', 'n')), [])
})
