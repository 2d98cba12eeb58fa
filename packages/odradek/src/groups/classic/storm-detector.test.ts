import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DetectedStorm, type Round, type SeenMember, StormDetector } from './storm-detector.ts'

const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const seen = (name: string, n: number, more: Partial<SeenMember> = {}): SeenMember => ({
  memberId: `${name}-${uuid(n)}`,
  groupInstanceId: null,
  topics: ['orders'],
  ...more,
})
const members = (count: number): readonly SeenMember[] =>
  Array.from({ length: count }, (_, n) => seen(`pod-${n}`, n))

/** Plays rounds fifteen seconds apart, and returns the storms that were detected. */
function play(rounds: readonly Partial<Round>[], assignments?: readonly string[]): DetectedStorm[] {
  const detector = new StormDetector()
  const storms: DetectedStorm[] = []
  rounds.forEach((round, index) => {
    const storm = detector.joined({
      at: index * 15_000,
      generationId: index + 1,
      reason: 'the group rebalances',
      isOwnDoing: false,
      ...round,
    })
    if (storm !== undefined) storms.push(storm)
    detector.synced(assignments?.[index] ?? 'the same')
  })
  return storms
}

const times = (
  count: number,
  round: (index: number) => Partial<Round>,
): readonly Partial<Round>[] => Array.from({ length: count }, (_, index) => round(index))

test('a leader reports the one of twenty members that comes and goes', () => {
  const [storm] = play(
    times(16, (i) => ({
      members: [...members(19), ...(i % 2 === 0 ? [] : [seen('pod-x', 100 + i)])],
    })),
  )
  assert.ok(storm !== undefined)
  assert.equal(storm.hasAssignmentChanged, false)
  assert.equal(storm.isLeader, true)
  for (const memberIds of [storm.membersJoined, storm.membersLeft]) {
    assert.ok(memberIds.length > 1)
    assert.ok(memberIds.every((memberId) => memberId.startsWith('pod-x-')))
  }
  assert.ok(storm.generations >= 6 && storm.withinMs === storm.generations * 15_000)
})

test('a rolling restart of all members, two generations for each step, is no storm', () => {
  const names = Array.from({ length: 10 }, (_, n) => `pod-${n}`)
  const rounds = names.flatMap((_name, step) => {
    const others = names.map((one, n) => seen('app', n < step ? 100 + n : n, { topics: [one] }))
    const without = others.filter((_one, n) => n !== step)
    const back = [...without, seen('app', 100 + step)]
    return [without, without, back, back].map((present) => ({ members: present }))
  })
  assert.deepEqual(play(rounds), [])
})

test('restarts of one static member are a storm when they do not end', () => {
  const restarts = (groupInstanceId: string | null) =>
    times(16, (i) => ({
      members: [...members(3), seen('x', 1, { memberId: `odd ${i}`, groupInstanceId })],
    }))
  assert.equal(play(restarts('i-1')).length, 1)
  assert.deepEqual(play(restarts(null)), [])
})

test('a member that joins with other topics each time does not explain a storm', () => {
  const [storm] = play(
    times(12, (i) => ({
      members: [...members(3), seen('pod-y', 50, { topics: i % 2 === 0 ? ['a'] : ['a', 'b'] })],
    })),
  )
  assert.deepEqual(storm?.membersJoined, [])
})

test('a storm in which nothing changes but the generation names no member', () => {
  const [storm] = play(times(8, () => ({ members: members(3) })))
  assert.deepEqual([storm?.membersJoined, storm?.membersLeft, storm?.ownReasons], [[], [], []])
})

test("a member reports its own reasons to join when they were not others' doing", () => {
  const own = { isOwnDoing: true, reason: 'the session expired' }
  const [storm] = play(times(8, (i) => ({ members: members(3), ...(i > 0 ? own : {}) })))
  assert.deepEqual(storm?.ownReasons, ['the session expired'])
})

test('a member that does not lead reports later, and never while its assignment changes', () => {
  const storms = play(times(14, () => ({})))
  assert.equal(storms.length, 1)
  assert.equal(storms[0]?.isLeader, false)
  const names = Array.from({ length: 12 }, (_, i) => `share ${i}`)
  assert.deepEqual(
    play(
      times(12, () => ({})),
      names,
    ),
    [],
  )
})

test('rebalances far apart are no storm, nor are generations that are counted from 1 again', () => {
  assert.deepEqual(play(times(20, (i) => ({ members: members(3), at: i * 130_000 }))), [])
  assert.deepEqual(play(times(20, (i) => ({ members: members(3), generationId: i % 4 }))), [])
})

test('a storm that lasts is reported again, a minute later at the earliest', () => {
  const storms = play(times(40, (i) => ({ members: members(3), at: i * 1000 })))
  assert.equal(storms.length, 1)
  const longer = play(times(40, (i) => ({ members: members(3), at: i * 5000 })))
  assert.equal(longer.length, 3)
})

test('a report has at most twenty members each way, whatever came and went', () => {
  const member = fc.record({
    memberId: fc.string({ maxLength: 3 }),
    groupInstanceId: fc.constantFrom(null, 'i'),
    topics: fc.subarray(['x', 'y']),
  })
  const round = fc.record({
    members: fc.option(fc.array(member, { maxLength: 12 }), { nil: undefined }),
    isOwnDoing: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(round, { maxLength: 40 }), (rounds) => {
      for (const { membersJoined, membersLeft, generations } of play(rounds)) {
        assert.ok(generations >= 6)
        assert.ok(membersJoined.length <= 20 && membersLeft.length <= 20)
      }
    }),
  )
})
