/** Each checker of groups and commits, on stories that it must accept and that it must refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitsNeverDecrease } from './commits-never-decrease.ts'
import { committedWasProcessed } from './committed-was-processed.ts'
import { endsDrained } from './ends-drained.ts'
import { groupSettles } from './group-settles.ts'
import { membersStay } from './members-stay.ts'
import { nothingEscapes } from './nothing-escapes.ts'
import { nothingIsLeft } from './nothing-is-left.ts'
import { oneOwner } from './one-owner.ts'
import { rebalancesAreFew } from './rebalances-are-few.ts'
import {
  appended,
  closed,
  committed,
  delivered,
  fault,
  group,
  lag,
  later,
  leftovers,
  member,
  owns,
  PLACE,
  positionReset,
  processed,
  readingResumed,
  readingStopped,
  recordsGone,
  topic,
  verdictOf,
} from './story.test-kit.ts'

test('commits go up, whoever makes them', () => {
  const fine = [committed(1, 'a', 5), committed(2, 'a', 5), committed(3, 'b', 7)]
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...fine), [])
  const backwards = verdictOf(commitsNeverDecrease, ...fine, committed(4, 'b', 6))
  assert.match(backwards[0] ?? '', /committed at 7 by b .* then at 6 by b/)
  const byAnother = verdictOf(commitsNeverDecrease, committed(1, 'a', 5), committed(2, 'b', 4))
  assert.equal(byAnother.length, 1)
})

test('a reset that was told begins anew', () => {
  const story = [committed(1, 'a', 5), positionReset(2, 'a', 3), committed(3, 'a', 3)]
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...story), [])
  // What was under way before the reset may land after it.
  const crossing = [positionReset(1, 'a', 3), committed(2, 'a', 5), committed(3, 'a', 3)]
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...crossing), [])
  const lower = [...crossing, committed(4, 'a', 2)]
  assert.match(verdictOf(commitsNeverDecrease, ...lower)[0] ?? '', /committed at 3 .* then at 2/)
})

test('a commit that lands late is put right, soon, and before anybody starts from it', () => {
  const late = [
    committed(1, 'a', 9, { connectionId: 2 }),
    committed(2, 'a', 5, { connectionId: 1 }),
  ] as const
  const repaired = committed(3, 'a', 9, { connectionId: 2 })
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...late, repaired), [])
  assert.match(verdictOf(commitsNeverDecrease, ...late)[0] ?? '', /never put right/)
  const tooLate = committed(9000, 'a', 9, { connectionId: 2 })
  assert.match(verdictOf(commitsNeverDecrease, ...late, tooLate)[0] ?? '', /not put right within/)
  const used = [...late, owns('assigned', 3, 'b'), repaired]
  assert.match(verdictOf(commitsNeverDecrease, ...used)[0] ?? '', /b started from there/)
  // The dead cannot put anything right.
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...late, member('memberKilled', 3, 'a')), [])
  // Nor can those who have closed; they put it right once more before.
  const [high, low] = late
  const afterClose = [high, closed(2, { actor: 'a' }), low] as const
  assert.deepEqual(verdictOf(commitsNeverDecrease, ...afterClose), [])
  // On the same connection nothing overtakes: that is the client's doing.
  const same = [committed(1, 'a', 9), committed(2, 'a', 5), committed(3, 'a', 9)]
  assert.equal(verdictOf(commitsNeverDecrease, ...same).length, 1)
})

test('a commit covers processed records alone', () => {
  const start = [appended(0, 0, 'p:0', 'p:1'), processed(1, 'a', 0)]
  assert.deepEqual(verdictOf(committedWasProcessed, ...start, committed(2, 'a', 1)), [])
  const early = verdictOf(committedWasProcessed, ...start, committed(2, 'a', 2))
  assert.match(early[0] ?? '', /committed 2 of orders-0 .* offset 1 was not processed/)
  const byOthers = [...start, processed(2, 'b', 1), committed(3, 'a', 2)]
  assert.deepEqual(verdictOf(committedWasProcessed, ...byOthers), [])
  const beyond = [...start, processed(2, 'a', 1), committed(3, 'a', 3)]
  assert.match(verdictOf(committedWasProcessed, ...beyond)[0] ?? '', /the log ends at 2/)
  const excused = [...start, recordsGone(2, 'expired', 0, 2), committed(3, 'a', 2)]
  assert.deepEqual(verdictOf(committedWasProcessed, ...excused), [])
})

test('a partition has one owner in a plan', () => {
  const fine = group(1, 'Stable', 1, { a: [PLACE], b: [] })
  assert.deepEqual(verdictOf(oneOwner, fine), [])
  const double = group(1, 'Stable', 1, { a: [PLACE], b: [PLACE] })
  assert.match(verdictOf(oneOwner, double)[0] ?? '', /gives orders-0 to both a and b/)
})

test('only the owner is given records', () => {
  const handed = [owns('assigned', 1, 'a'), delivered(2, 'a', 0), owns('assigned', 3, 'b')]
  assert.deepEqual(verdictOf(oneOwner, ...handed, delivered(4, 'b', 1)), [])
  const stale = verdictOf(oneOwner, ...handed, delivered(4, 'a', 1))
  assert.match(stale[0] ?? '', /a got offset 1 of orders-0, which belongs to b/)
  assert.match(verdictOf(oneOwner, delivered(1, 'a', 0))[0] ?? '', /belongs to nobody/)
})

test('who was put out of a classic group for a late join has no excuse: it could know', () => {
  const story = [
    owns('assigned', 1, 'a'),
    group(2, 'PreparingRebalance', 1, { a: [PLACE], b: [] }, 'join'),
    group(100, 'CompletingRebalance', 2, { b: [] }, 'joinExpired'),
    owns('assigned', 110, 'b'),
  ]
  assert.equal(verdictOf(oneOwner, ...story, delivered(120, 'a', 1)).length, 1)
})

test('a KIP-848 group gives no partition to two members, whatever its state', () => {
  const onItsWay = (members: Parameters<typeof group>[3]) => ({
    ...group(1, 'Reconciling', 2, members, 'heartbeat'),
    protocol: 'consumer' as const,
  })
  assert.deepEqual(verdictOf(oneOwner, onItsWay({ a: [PLACE], b: [] })), [])
  const [text = ''] = verdictOf(oneOwner, onItsWay({ a: [PLACE], b: [PLACE] }))
  assert.match(text, /gives orders-0 to both a and b/)
})

test('who did not give up its partitions in time has no excuse either', () => {
  const story = [
    owns('assigned', 1, 'a'),
    group(2, 'Reconciling', 2, { a: [PLACE], b: [] }, 'heartbeat'),
    group(100, 'Assigning', 3, { b: [] }, 'rebalanceExpired'),
    owns('assigned', 110, 'b'),
  ]
  assert.equal(verdictOf(oneOwner, ...story, delivered(120, 'a', 1)).length, 1)
})

test('a group that is left alone settles', () => {
  const start = [topic(), member('memberStarted', 0, 'a')]
  const stable = group(500, 'Stable', 1, { a: [PLACE] })
  assert.deepEqual(verdictOf(groupSettles, ...start, stable, later(20_000)), [])
  const joining = group(500, 'PreparingRebalance', 1, { a: [PLACE] })
  assert.match(
    verdictOf(groupSettles, ...start, joining, later(20_000))[0] ?? '',
    /it is Preparing/,
  )
  const absent = group(500, 'Stable', 1, { b: [PLACE] })
  assert.match(
    verdictOf(groupSettles, ...start, absent, later(20_000))[0] ?? '',
    /its members are b/,
  )
  const unread = group(500, 'Stable', 1, { a: [] })
  assert.match(verdictOf(groupSettles, ...start, unread, later(20_000))[0] ?? '', /nobody owns/)
  const again = group(15_000, 'PreparingRebalance', 1, { a: [PLACE] }, 'join')
  const restless = verdictOf(groupSettles, ...start, stable, again, later(20_000))
  assert.match(restless[0] ?? '', /it changed again: join/)
})

test('S43 a member that does not read is not in its group when that has settled', () => {
  const start = [
    topic(),
    member('memberStarted', 0, 'a'),
    member('memberStarted', 0, 'b'),
    group(500, 'Stable', 1, { a: [PLACE], b: [] }),
  ]
  const judge = (...events: Parameters<typeof verdictOf>[1][]) =>
    verdictOf(groupSettles, ...start, ...events, later(60_000))
  const left = group(21_000, 'Stable', 2, { b: [PLACE] })
  assert.deepEqual(judge(readingStopped(20_000, 'a'), left), [])
  assert.match(judge(readingStopped(20_000, 'a'))[0] ?? '', /its members are a, b, .* alive b/)
  assert.deepEqual(judge(readingStopped(20_000, 'a', true)), [])
  const back = [readingResumed(40_000, 'a'), group(41_000, 'Stable', 3, { a: [], b: [PLACE] })]
  assert.deepEqual(judge(readingStopped(20_000, 'a'), left, ...back), [])
  assert.match(
    judge(readingStopped(20_000, 'a'), left, readingResumed(40_000, 'a'))[0] ?? '',
    /its members are b, .* alive a, b/,
  )
})

test('a group has time to settle after each disturbance', () => {
  const story = [
    topic(),
    member('memberStarted', 0, 'a'),
    group(500, 'Stable', 1, { a: [PLACE] }),
    fault(9000, 12_000),
    group(21_000, 'PreparingRebalance', 1, { a: [PLACE] }, 'join'),
    group(21_500, 'Stable', 2, { a: [PLACE] }),
  ]
  assert.deepEqual(verdictOf(groupSettles, ...story, later(40_000)), [])
})

test('every change of membership accounts for a few generations', () => {
  const generations = (count: number) =>
    Array.from({ length: count }, (_, index) => group(index, 'Stable', index + 1, { a: [PLACE] }))
  const start = member('memberStarted', 0, 'a')
  assert.deepEqual(verdictOf(rebalancesAreFew, start, ...generations(2)), [])
  const storm = verdictOf(rebalancesAreFew, start, ...generations(3))
  assert.match(storm[0] ?? '', /3 generations; 1 changes .* 0 faults account for 2/)
  assert.deepEqual(verdictOf(rebalancesAreFew, start, fault(1), ...generations(3)), [])
})

test('at the end the lag is nothing', () => {
  assert.deepEqual(verdictOf(endsDrained, lag(1, 7, 7), lag(1, null, 0)), [])
  assert.match(verdictOf(endsDrained, lag(1, 5, 7))[0] ?? '', /2 records behind/)
  assert.match(verdictOf(endsDrained, lag(1, null, 7))[0] ?? '', /nothing is committed/)
  assert.match(verdictOf(endsDrained, lag(1, 9, 7))[0] ?? '', /-2 records behind/)
})

test('close ends in time and leaves nothing', () => {
  assert.deepEqual(verdictOf(nothingIsLeft, closed(1), leftovers(2, 0)), [])
  assert.match(verdictOf(nothingIsLeft, closed(1, { tookMs: 31_000 }))[0] ?? '', /took 31 s/)
  assert.match(verdictOf(nothingIsLeft, leftovers(2, 1))[0] ?? '', /still holds 1 timers/)
})

test('no error escapes', () => {
  assert.deepEqual(verdictOf(nothingEscapes, closed(1)), [])
  const fenced = member('memberFenced', 2, 'm')
  assert.match(verdictOf(nothingEscapes, fenced)[0] ?? '', /nothing had gone wrong/)
  assert.deepEqual(verdictOf(nothingEscapes, fault(1), fenced), [])
  const escaped = { type: 'escaped', at: 1, actor: 'm', error: 'Error: oh' } as const
  assert.deepEqual(verdictOf(nothingEscapes, escaped), ['m: Error: oh'])
  assert.match(
    verdictOf(nothingEscapes, closed(1, { error: 'Error: no' }))[0] ?? '',
    /close\(\) of m/,
  )
})

test('a member that works in peace is not put out for its silence', () => {
  const living = [member('memberStarted', 1, 'a'), member('memberStarted', 2, 'b')] as const
  const both = group(100, 'Stable', 2, { a: [PLACE], b: [] })
  const alone = group(11_000, 'PreparingRebalance', 2, { a: [PLACE] }, 'sessionExpired')
  const found = verdictOf(membersStay, ...living, both, alone)
  assert.match(found[0] ?? '', /heard nothing of b and put it out/)
  assert.deepEqual(verdictOf(membersStay, ...living, both, fault(9000), alone), [])
  const killed = member('memberKilled', 500, 'b')
  assert.deepEqual(verdictOf(membersStay, ...living, both, killed, alone), [])
  const left = group(11_000, 'PreparingRebalance', 2, { a: [PLACE] }, 'leave')
  assert.deepEqual(verdictOf(membersStay, ...living, both, left), [])
})
