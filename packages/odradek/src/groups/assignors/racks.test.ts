/** Racks (KIP-881) and what each assignor makes of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Assignor, AssignorInput, GroupAssignment, GroupMember } from './assignor.ts'
import { cooperativeSticky, range, sticky } from './index.ts'
import { racksMatter } from './racks.ts'

function member(memberId: string, rackId: string | null): GroupMember {
  const nothing = { groupInstanceId: null, ownedPartitions: [], generationId: -1, userData: null }
  return { memberId, topics: ['a'], rackId, ...nothing }
}

function racks(...ofPartitions: readonly string[]): ReadonlyMap<string, readonly Set<string>[]> {
  return new Map([['a', ofPartitions.map((names) => new Set(names))]])
}

const numbers = (plan: GroupAssignment): readonly string[] =>
  [...plan].map(([name, share]) => `${name}:${share.map((one) => one.partition).join('')}`).sort()

function farCount({ members, partitionRacks }: AssignorInput, plan: GroupAssignment): number {
  let count = 0
  for (const { memberId, rackId } of members) {
    for (const { topic, partition } of plan.get(memberId) ?? []) {
      const near = partitionRacks?.get(topic)?.[partition]
      if (rackId !== null && near?.has(rackId) !== true) count++
    }
  }
  return count
}

for (const assignor of [range, sticky, cooperativeSticky] as readonly Assignor[]) {
  test(`${assignor.name}: members get what is near to them, as long as it stays even`, () => {
    const members = [member('x', '1'), member('y', '0')]
    const input = { members, partitionCounts: new Map([['a', 4]]) }
    const near = assignor.assign({ ...input, partitionRacks: racks('0', '1', '0', '1') })
    assert.deepEqual(numbers(near), ['x:13', 'y:02'])
    const lopsided = assignor.assign({ ...input, partitionRacks: racks('0', '0', '0', '1') })
    assert.deepEqual(
      [...lopsided.values()].map(({ length }) => length),
      [2, 2],
    )
    assert.ok(lopsided.get('x')?.some(({ partition }) => partition === 3))
  })
}

test('sticky: what is far is exchanged, what is near stays', () => {
  const had = (...partitions: number[]) =>
    sticky.userData?.(
      partitions.map((partition) => ({ topic: 'a', partition })),
      3,
    ) ?? null
  const members = [
    { ...member('x', '1'), userData: had(0, 1) },
    { ...member('y', '0'), userData: had(2, 3) },
  ]
  const partitionCounts = new Map([['a', 4]])
  const partitionRacks = racks('0', '1', '0', '1')
  const plan = sticky.assign({ members, partitionCounts, partitionRacks })
  assert.deepEqual(numbers(plan), ['x:13', 'y:02'])
})

test('sticky: no even division is nearer', () => {
  const rack = fc.constantFrom(null, '0', '1', '2')
  const inputs = fc.record({
    members: fc.array(rack, { minLength: 1, maxLength: 4 }),
    near: fc.array(fc.uniqueArray(fc.constantFrom('0', '1', '2'), { maxLength: 2 }), {
      maxLength: 6,
    }),
    owners: fc.array(fc.nat({ max: 3 }), { minLength: 6, maxLength: 6 }),
  })
  fc.assert(
    fc.property(inputs, ({ members: racksOfMembers, near, owners }) => {
      const members = racksOfMembers.map((rackId, index) => ({
        ...member(`m${index}`, rackId),
        userData:
          sticky.userData?.(
            near
              .map((_racks, partition) => ({ topic: 'a', partition }))
              .filter(({ partition }) => owners[partition] === index),
            1,
          ) ?? null,
      }))
      const partitionRacks = new Map([['a', near.map((names) => new Set(names))]])
      fc.pre(racksMatter(members, partitionRacks.get('a') ?? []))
      const input = { members, partitionCounts: new Map([['a', near.length]]), partitionRacks }
      assert.equal(farCount(input, sticky.assign(input)), fewestFar(racksOfMembers, near))
    }),
    { numRuns: 300 },
  )
})

/** By trying all even divisions. */
function fewestFar(members: readonly (string | null)[], near: readonly (readonly string[])[]) {
  const loads = members.map(() => 0)
  const most = Math.ceil(near.length / members.length)
  const least = Math.floor(near.length / members.length)
  const go = (partition: number): number => {
    if (partition === near.length) {
      return loads.every((load) => load >= least) ? 0 : Number.POSITIVE_INFINITY
    }
    let best = Number.POSITIVE_INFINITY
    members.forEach((rackId, index) => {
      if ((loads[index] ?? 0) >= most) return
      loads[index] = (loads[index] ?? 0) + 1
      const isFar = rackId !== null && near[partition]?.includes(rackId) !== true
      best = Math.min(best, go(partition + 1) + (isFar ? 1 : 0))
      loads[index] = (loads[index] ?? 0) - 1
    })
    return best
  }
  return go(0)
}

test('cooperative-sticky: two thousand partitions, sixty members, three racks', () => {
  const topics = Array.from({ length: 20 }, (_, i) => `topic-${i}`)
  const partitionCounts = new Map(topics.map((topic) => [topic, 100]))
  const names = ['0', '1', '2']
  const partitionRacks = new Map(
    topics.map((topic, t) => [
      topic,
      Array.from(
        { length: 100 },
        (_, p) => new Set([names[(t + p) % 3] ?? '', names[p % 3] ?? '']),
      ),
    ]),
  )
  const all = topics.flatMap((topic) =>
    Array.from({ length: 100 }, (_, partition) => ({ topic, partition })),
  )
  const members = Array.from({ length: 60 }, (_, i) => ({
    ...member(`m${i}`, names[i % 3] ?? null),
    topics: i % 3 === 0 ? topics.slice(0, 10) : topics,
    ownedPartitions: all.filter((_one, index) => index % 60 === i),
    generationId: 1,
  }))
  const start = process.hrtime.bigint()
  const input = { members, partitionCounts, partitionRacks }
  const plan = cooperativeSticky.assign(input)
  const ms = Number(process.hrtime.bigint() - start) / 1e6
  assert.ok(farCount(input, plan) < 200)
  assert.ok(ms < 5000, `${ms} ms`)
})
