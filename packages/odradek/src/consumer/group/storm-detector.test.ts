import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Storm } from '../../events/storm.ts'
import { StormDetector } from './storm-detector.ts'
import { nameOf, type Round, type SeenMember } from './storm-suspects.ts'

const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const seen = (name: string, n: number, more: Partial<SeenMember> = {}): SeenMember => ({
  memberId: `${name}-${uuid(n)}`,
  groupInstanceId: null,
  topics: ['orders'],
  generationId: -1,
  ...more,
})
const crew = (count: number): readonly SeenMember[] =>
  Array.from({ length: count }, (_, n) => seen(`pod-${n}`, n))

type Heard = Omit<Storm, 'groupId' | 'memberId'>

/** Plays rounds fifteen seconds apart; gives the storms that were told. */
function play(rounds: readonly Partial<Round>[], assignments?: readonly string[]): Heard[] {
  const detector = new StormDetector()
  const storms: Heard[] = []
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

test('twenty members, and one of them comes and goes: it is the first suspect', () => {
  const [storm] = play(
    times(16, (i) => ({
      members: [...crew(19), ...(i % 2 === 0 ? [] : [seen('pod-x', 100 + i)])],
    })),
  )
  assert.ok(storm !== undefined)
  assert.equal(storm.hasAssignmentChanged, false)
  assert.equal(storm.isLeader, true)
  const [first] = storm.suspects
  assert.equal(first?.kind, 'comesAndGoes')
  assert.equal(first?.confidence, 'high')
  assert.match(first?.evidence ?? '', /"pod-x" came or went in \d+ of \d+ generations/)
  assert.ok(storm.generations >= 6 && storm.withinMs === storm.generations * 15_000)
})

test('a rolling restart of all members, two generations for each step, is no storm', () => {
  const names = Array.from({ length: 10 }, (_, n) => `pod-${n}`)
  const rounds = names.flatMap((_name, step) => {
    const others = names.map((one, n) => seen('app', n < step ? 100 + n : n, { topics: [one] }))
    const without = others.filter((_one, n) => n !== step)
    const back = [...without, seen('app', 100 + step)]
    return [without, without, back, back].map((members) => ({ members }))
  })
  assert.deepEqual(play(rounds), [])
})

test('a member that joins with other topics each time is a suspect, as is one that missed syncs', () => {
  const [restless] = play(
    times(12, (i) => ({
      members: [...crew(3), seen('pod-y', 50, { topics: i % 2 === 0 ? ['a'] : ['a', 'b'] })],
    })),
  )
  assert.deepEqual(
    restless?.suspects.map(({ kind }) => kind),
    ['changesTopics'],
  )
  const [slow] = play(
    times(9, () => ({ members: [...crew(3), seen('pod-z', 51, { generationId: 0 })] })),
  )
  assert.deepEqual(
    slow?.suspects.map(({ kind }) => kind),
    ['absentAtSync'],
  )
  assert.match(slow?.suspects[0]?.evidence ?? '', /without having taken the assignment/)
})

test('nothing changes but the generation: one of them, and nobody by name', () => {
  const [storm] = play(times(8, () => ({ members: crew(3) })))
  assert.deepEqual(
    storm?.suspects.map(({ kind }) => kind),
    ['unknown'],
  )
  assert.equal(storm?.suspects[0]?.confidence, 'low')
  assert.match(storm?.suspects[0]?.evidence ?? '', /The same 3 members .* all of 7 generations/)
})

test('whoever joins for reasons of its own suspects itself', () => {
  const own = { isOwnDoing: true, reason: 'the session expired' }
  const [storm] = play(times(8, (i) => ({ members: crew(3), ...(i > 0 ? own : {}) })))
  assert.equal(storm?.suspects[0]?.kind, 'thisMember')
  assert.match(storm?.suspects[0]?.evidence ?? '', /in 6 of 7 generations: "the session expired"/)
})

test('who does not lead is slower to speak, and not at all while its assignment changes', () => {
  const storms = play(times(14, () => ({})))
  assert.equal(storms.length, 1)
  assert.deepEqual(
    storms[0]?.suspects.map(({ kind }) => kind),
    ['unknown'],
  )
  assert.match(storms[0]?.suspects[0]?.evidence ?? '', /Only the leader/)
  const names = Array.from({ length: 12 }, (_, i) => `share ${i}`)
  assert.deepEqual(
    play(
      times(12, () => ({})),
      names,
    ),
    [],
  )
})

test('rebalances far apart are no storm, and generations that begin anew are another story', () => {
  assert.deepEqual(play(times(20, (i) => ({ members: crew(3), at: i * 130_000 }))), [])
  assert.deepEqual(play(times(20, (i) => ({ members: crew(3), generationId: i % 4 }))), [])
})

test('a storm that goes on is told again, a minute later at the earliest', () => {
  const storms = play(times(40, (i) => ({ members: crew(3), at: i * 1000 })))
  assert.equal(storms.length, 1)
  const longer = play(times(40, (i) => ({ members: crew(3), at: i * 5000 })))
  assert.equal(longer.length, 3)
})

test('there is always a suspect, with evidence', () => {
  const member = fc.record({
    memberId: fc.constantFrom('a', 'b', 'c', 'd'),
    groupInstanceId: fc.constantFrom(null, 'i'),
    topics: fc.subarray(['x', 'y']),
    generationId: fc.integer({ min: -1, max: 12 }),
  })
  const round = fc.record({
    members: fc.option(fc.array(member, { maxLength: 4 }), { nil: undefined }),
    isOwnDoing: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(round, { maxLength: 40 }), (rounds) => {
      for (const { suspects, generations } of play(rounds)) {
        assert.ok(generations >= 6)
        assert.ok(suspects.length > 0)
        for (const { evidence } of suspects) assert.ok(evidence.length > 40)
      }
    }),
  )
})

test('the name of a member is what outlives its restarts', () => {
  assert.equal(nameOf(seen('pod-1', 7)), 'pod-1')
  assert.equal(nameOf(seen('pod-1', 7, { groupInstanceId: 'i-1' })), 'i-1')
  assert.equal(nameOf({ ...seen('x', 1), memberId: 'odd' }), 'odd')
})
