import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '../../errors/errors.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { Assignor, AssignorInput, GroupAssignment, GroupMember } from './assignor.ts'
import { cooperativeSticky, range, resolveAssignors, roundRobin, sticky } from './index.ts'

const TOPICS = ['a', 'b', 'c', 'd', 'e']

function member(memberId: string, topics: readonly string[]): GroupMember {
  return {
    memberId,
    groupInstanceId: null,
    topics,
    ownedPartitions: [],
    generationId: -1,
    userData: null,
    rackId: null,
  }
}

/** What members say in the next generation when they took what they were given. */
function afterwards(
  members: readonly GroupMember[],
  plan: GroupAssignment,
  generationId: number,
  assignor: Assignor = cooperativeSticky,
): readonly GroupMember[] {
  return members.map((one) => {
    const given = plan.get(one.memberId) ?? []
    const isEager = assignor.protocol === 'eager'
    return {
      ...one,
      ownedPartitions: isEager ? [] : given,
      generationId,
      userData: assignor.userData?.(given, generationId) ?? null,
    }
  })
}

/** Rounds until nothing is withheld any more: two at most, says the protocol. */
function settle(
  input: AssignorInput,
  assignor: Assignor = cooperativeSticky,
): { members: readonly GroupMember[]; plan: GroupAssignment } {
  const first = assignor.assign(input)
  const members = afterwards(input.members, first, 100, assignor)
  const plan = assignor.assign({ ...input, members })
  return { members: afterwards(members, plan, 101, assignor), plan }
}

function keysOf(partitions: readonly TopicPartition[] | undefined): readonly string[] {
  return (partitions ?? []).map(({ topic, partition }) => partitionKey(topic, partition)).sort()
}

function asText(plan: GroupAssignment): readonly string[] {
  return [...plan].map(([memberId, share]) => `${memberId}: ${keysOf(share).join(' ')}`).sort()
}

function sizes(plan: GroupAssignment): readonly number[] {
  return [...plan.values()].map((share) => share.length)
}

function wantedPartitions({ members, partitionCounts }: AssignorInput): readonly string[] {
  const wanted = new Set(members.flatMap(({ topics }) => topics))
  return [...partitionCounts].flatMap(([topic, count]) =>
    wanted.has(topic) ? Array.from({ length: count }, (_, i) => partitionKey(topic, i)) : [],
  )
}

function checkOnce(input: AssignorInput, plan: GroupAssignment): void {
  const all = [...plan.values()].flatMap(keysOf)
  assert.equal(new Set(all).size, all.length, 'a partition has two owners')
  const wanted = new Set(wantedPartitions(input))
  for (const key of all) assert.ok(wanted.has(key), `${key} does not exist, or nobody wants it`)
  for (const { memberId, topics } of input.members) {
    for (const { topic } of plan.get(memberId) ?? []) assert.ok(topics.includes(topic))
  }
}

function checkComplete(input: AssignorInput, plan: GroupAssignment): void {
  checkOnce(input, plan)
  const all = [...plan.values()].flatMap(keysOf)
  assert.deepEqual(all.sort(), [...wantedPartitions(input)].sort())
}

const counts = fc
  .array(fc.nat({ max: 9 }), { minLength: 1, maxLength: TOPICS.length })
  .map((list) => new Map(list.map((count, index) => [TOPICS[index] ?? '', count])))

const RACKS = ['r0', 'r1', 'r2']
const rack = fc.constantFrom(null, ...RACKS)
const racksOfTopics = fc.option(
  fc
    .array(
      fc.array(
        fc.uniqueArray(fc.constantFrom(...RACKS), { maxLength: 2 }).map((names) => new Set(names)),
        { minLength: 9, maxLength: 9 },
      ),
      { maxLength: TOPICS.length },
    )
    .map((list) => new Map(list.map((racks, index) => [TOPICS[index] ?? '', racks]))),
  { nil: undefined },
)

/** Members with equal subscriptions. */
const equalInput = fc
  .record({
    racks: fc.array(rack, { minLength: 1, maxLength: 9 }),
    partitionCounts: counts,
    partitionRacks: racksOfTopics,
  })
  .map(
    ({ racks, partitionCounts, partitionRacks }): AssignorInput => ({
      members: racks.map((rackId, i) => ({
        ...member(`m${i}`, [...partitionCounts.keys()]),
        rackId,
      })),
      partitionCounts,
      partitionRacks,
    }),
  )

const anyInput = fc
  .record({
    wishes: fc.array(fc.tuple(fc.uniqueArray(fc.constantFrom(...TOPICS)), rack), {
      minLength: 1,
      maxLength: 8,
    }),
    partitionCounts: counts,
    partitionRacks: racksOfTopics,
  })
  .map(
    ({ wishes, partitionCounts, partitionRacks }): AssignorInput => ({
      members: wishes.map(([topics, rackId], index) => ({
        ...member(`m${index}`, topics),
        rackId,
      })),
      partitionCounts,
      partitionRacks,
    }),
  )

const partition = fc.record({
  topic: fc.constantFrom(...TOPICS, 'gone', ''),
  partition: fc.integer({ min: -2, max: 12 }),
})

/** Members as the wire may bring them: contradicting each other, or plain nonsense. */
const hostileInput = fc
  .record({
    members: fc.array(
      fc.record({
        memberId: fc.constantFrom('m0', 'm1', 'm2', 'm3', ''),
        groupInstanceId: fc.option(fc.constantFrom('i0', 'i1')),
        topics: fc.array(fc.constantFrom(...TOPICS, 'gone')),
        ownedPartitions: fc.array(partition),
        generationId: fc.integer({ min: -1, max: 3 }),
        userData: fc.option(fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes))),
        rackId: fc.option(fc.oneof(fc.string(), rack)),
      }),
      { minLength: 1, maxLength: 7 },
    ),
    partitionCounts: counts,
    partitionRacks: racksOfTopics,
  })
  .map(({ members, partitionCounts, partitionRacks }): AssignorInput => {
    const unique = new Map(members.map((one) => [one.memberId, one]))
    return { members: [...unique.values()], partitionCounts, partitionRacks }
  })

const ALL: readonly Assignor[] = [cooperativeSticky, range, sticky, roundRobin]
const STICKY: readonly Assignor[] = [cooperativeSticky, sticky]

for (const assignor of ALL) {
  test(`${assignor.name}: nothing a member says brings it down or gives a partition to two`, () => {
    fc.assert(
      fc.property(hostileInput, (input) => {
        const plan = assignor.assign(input)
        checkOnce(input, plan)
        assert.deepEqual([...plan.keys()].sort(), input.members.map((m) => m.memberId).sort())
      }),
    )
  })

  test(`${assignor.name}: the order of members and topics does not matter`, () => {
    fc.assert(
      fc.property(hostileInput, fc.nat(), (input, seed) => {
        const turn = seed % input.members.length
        const members = [...input.members.slice(turn), ...input.members.slice(0, turn)].map(
          (one) => ({
            ...one,
            topics: one.topics.toReversed(),
            ownedPartitions: one.ownedPartitions.toReversed(),
          }),
        )
        const partitionCounts = new Map([...input.partitionCounts].toReversed())
        const { partitionRacks } = input
        assert.deepEqual(
          asText(assignor.assign({ members, partitionCounts, partitionRacks })),
          asText(assignor.assign(input)),
        )
      }),
    )
  })
}

for (const assignor of STICKY) {
  test(`${assignor.name}: after two generations every wanted partition has exactly one owner`, () => {
    fc.assert(
      fc.property(fc.oneof(hostileInput, anyInput), (input) => {
        checkComplete(input, settle(input, assignor).plan)
      }),
      { numRuns: 300 },
    )
  })

  test(`${assignor.name}: members that want the same are at most one partition apart`, () => {
    fc.assert(
      fc.property(equalInput, (input) => {
        const { plan } = settle(input, assignor)
        assert.ok(Math.max(...sizes(plan)) - Math.min(...sizes(plan)) <= 1)
      }),
    )
  })

  test(`${assignor.name}: no partition could go to a member with two fewer`, () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { plan } = settle(input, assignor)
        for (const [, share] of plan) {
          for (const { memberId, topics } of input.members) {
            const load = plan.get(memberId)?.length ?? 0
            const couldTake = share.some(({ topic }) => topics.includes(topic))
            assert.ok(!couldTake || share.length - load <= 1)
          }
        }
      }),
    )
  })

  test(`${assignor.name}: its own answer, fed back, changes nothing`, () => {
    fc.assert(
      fc.property(fc.oneof(hostileInput, anyInput), (input) => {
        const { members, plan } = settle(input, assignor)
        const again = assignor.assign({ ...input, members })
        assert.deepEqual(asText(again), asText(plan))
      }),
      { numRuns: 300 },
    )
  })

  test(`${assignor.name}: when a member leaves, only its partitions move`, () => {
    fc.assert(
      fc.property(equalInput, fc.nat(), (input, seed) => {
        fc.pre(input.members.length > 1 && input.partitionRacks === undefined)
        const { members, plan } = settle(input, assignor)
        const gone = seed % members.length
        const rest = members.filter((_one, index) => index !== gone)
        const next = assignor.assign({ ...input, members: rest })
        for (const { memberId } of rest) {
          const now = new Set(keysOf(next.get(memberId)))
          for (const key of keysOf(plan.get(memberId))) assert.ok(now.has(key), `${key} moved`)
        }
        checkComplete({ ...input, members: rest }, next)
      }),
    )
  })

  test(`${assignor.name}: when a member joins, it gets its share and nothing else moves`, () => {
    fc.assert(
      fc.property(equalInput, (input) => {
        fc.pre(input.partitionRacks === undefined)
        const { members, plan } = settle(input, assignor)
        const joined = [...members, member('new', [...input.partitionCounts.keys()])]
        const first = assignor.assign({ ...input, members: joined })
        const second = assignor.assign({
          ...input,
          members: afterwards(joined, first, 102, assignor),
        })
        let moved = 0
        for (const { memberId } of members) {
          const now = new Set(keysOf(second.get(memberId)))
          moved += keysOf(plan.get(memberId)).filter((key) => !now.has(key)).length
        }
        const total = wantedPartitions(input).length
        assert.ok(moved <= Math.ceil(total / joined.length))
        checkComplete({ ...input, members: joined }, second)
      }),
    )
  })
}

test('cooperative-sticky: what changes its owner is given to nobody while it is held', () => {
  const members = [
    { ...member('old', ['a']), ownedPartitions: all('a', 4), generationId: 5 },
    member('young', ['a']),
  ]
  const input = { members, partitionCounts: new Map([['a', 4]]) }
  const first = cooperativeSticky.assign(input)
  assert.deepEqual(asText(first), ['old: a:0 a:1', 'young: '])
  const second = cooperativeSticky.assign({ ...input, members: afterwards(members, first, 6) })
  assert.deepEqual(asText(second), ['old: a:0 a:1', 'young: a:2 a:3'])
})

test('cooperative-sticky: an older claim yields to a newer one', () => {
  const members = [
    { ...member('stale', ['a']), ownedPartitions: all('a', 2), generationId: 4 },
    { ...member('right', ['a']), ownedPartitions: all('a', 2), generationId: 5 },
  ]
  const plan = cooperativeSticky.assign({ members, partitionCounts: new Map([['a', 2]]) })
  assert.deepEqual(asText(plan), ['right: a:0', 'stale: '])
})

test('cooperative-sticky: of two claims of one generation both lose', () => {
  const members = ['x', 'y'].map((name) => ({
    ...member(name, ['a']),
    ownedPartitions: all('a', 2),
    generationId: 5,
  }))
  const plan = cooperativeSticky.assign({ members, partitionCounts: new Map([['a', 2]]) })
  assert.deepEqual(asText(plan), ['x: ', 'y: '])
})

test('cooperative-sticky: the generation is read from user data where the field is missing', () => {
  const userData = cooperativeSticky.userData?.([], 7) ?? null
  assert.equal(userData?.toString('hex'), '00000007')
  const members = [
    { ...member('java', ['a']), ownedPartitions: all('a', 1), userData },
    { ...member('late', ['a']), ownedPartitions: all('a', 1), generationId: 6 },
  ]
  const plan = cooperativeSticky.assign({ members, partitionCounts: new Map([['a', 1]]) })
  assert.deepEqual(asText(plan), ['java: a:0', 'late: '])
})

test('cooperative-sticky: a chain of hand-overs evens out where no single one could', () => {
  // x reads a and b, y reads b and c, z reads c: x can help z only by way of y.
  const members = [
    { ...member('x', ['a', 'b']), ownedPartitions: all('b', 3), generationId: 1 },
    { ...member('y', ['b', 'c']), ownedPartitions: all('c', 2), generationId: 1 },
    { ...member('z', ['c']), generationId: 1 },
  ]
  const partitionCounts = new Map([
    ['b', 3],
    ['c', 2],
  ])
  const { plan } = settle({ members, partitionCounts })
  assert.deepEqual(
    sizes(plan).toSorted((a, b) => a - b),
    [1, 2, 2],
  )
})

test('cooperative-sticky: ten thousand partitions and two hundred members take no time', () => {
  const topics = Array.from({ length: 100 }, (_, i) => `topic-${i}`)
  const partitionCounts = new Map(topics.map((topic) => [topic, 100]))
  const members = Array.from({ length: 200 }, (_, i) =>
    member(`m${i}`, i % 3 === 0 ? topics.slice(0, 50) : topics),
  )
  const first = members.map((one, i) =>
    i === 1 ? { ...one, ownedPartitions: topics.flatMap((topic) => all(topic, 100)) } : one,
  )
  const start = process.hrtime.bigint()
  const { plan } = settle({ members: first, partitionCounts })
  assert.ok(Math.max(...sizes(plan)) - Math.min(...sizes(plan)) <= 1)
  assert.ok(Number(process.hrtime.bigint() - start) / 1e6 < 5000)
})

for (const name of ['range', 'roundrobin', 'sticky', 'cooperative-sticky']) {
  test(`${name}: ten thousand members are no more work than their number`, () => {
    // Quadratic work would take this file's time limit many times over.
    const [assignor] = resolveAssignors([name])
    const members = Array.from({ length: 10_000 }, (_, i) => member(`m${i}`, ['orders', 'audit']))
    const partitionCounts = new Map([
      ['orders', 10_000],
      ['audit', 10_000],
    ])
    const plan = assignor?.assign({ members, partitionCounts })
    const owned = members.map((one) => ({
      ...one,
      generationId: 1,
      ownedPartitions: plan?.get(one.memberId) ?? [],
    }))
    const more = Array.from({ length: 1000 }, (_, i) => member(`n${i}`, ['orders', 'audit']))
    const next = assignor?.assign({ members: [...owned, ...more], partitionCounts })
    assert.equal(next?.size, 11_000)
  })
}

test('range: the first members get one partition more, static members by their instance id', () => {
  const members = [
    { ...member('zz', ['a', 'b']), groupInstanceId: 'i-1' },
    { ...member('aa', ['a', 'b']), groupInstanceId: 'i-2' },
    member('mm', ['b']),
  ]
  const partitionCounts = new Map([
    ['a', 3],
    ['b', 4],
  ])
  assert.deepEqual(asText(range.assign({ members, partitionCounts })), [
    'aa: a:2 b:2',
    'mm: b:3',
    'zz: a:0 a:1 b:0 b:1',
  ])
})

test('range: everything is assigned at once', () => {
  fc.assert(fc.property(anyInput, (input) => checkComplete(input, range.assign(input))))
})

test('assignors are offered by name, or as objects', () => {
  const own: Assignor = { ...range, name: 'own' }
  assert.deepEqual(resolveAssignors(), [cooperativeSticky, range])
  assert.deepEqual(resolveAssignors(['range', own]), [range, own])
  assert.deepEqual(resolveAssignors(['sticky', 'roundrobin']), [sticky, roundRobin])
  assert.throws(() => resolveAssignors(['stucky']), UsageError)
  assert.throws(() => resolveAssignors([]), UsageError)
  assert.throws(() => resolveAssignors(['range', range]), UsageError)
})

function all(topic: string, count: number): readonly TopicPartition[] {
  return Array.from({ length: count }, (_, index) => ({ topic, partition: index }))
}
