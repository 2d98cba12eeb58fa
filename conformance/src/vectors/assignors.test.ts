/**
 * Our assignors beside Kafka's own, over groups that change from round to round. `range` and
 * `roundrobin` must give the very same; of the sticky ones, whose rules leave a choice, each answer
 * must be at least as even, as near (of those that are as even) and as calm as Java's.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AssignorInput, GroupAssignment } from 'odradek/internal'
import { resolveAssignors } from 'odradek/internal'
import { type AssignorVector, readVectors } from './vector-files.ts'

const vectors = readVectors('assignors')
type Partition = { readonly topic: string; readonly partition: number }
type Plan = ReadonlyMap<string, readonly string[]>

const partitionsOf = (text: string): readonly Partition[] =>
  text === ''
    ? []
    : text.split(' ').map((one) => ({ topic: one.slice(0, 1), partition: Number(one.slice(1)) }))

function inputOf({ topics, members }: AssignorVector): AssignorInput {
  const wanted = new Set(members.flatMap((one) => one.topics.split('')))
  const known = Object.entries(topics).filter(([topic]) => wanted.has(topic))
  return {
    partitionCounts: new Map(known.map(([topic, { length }]) => [topic, length])),
    partitionRacks: new Map(
      known.map(([topic, racks]) => [topic, racks.map((ofPartition) => new Set(ofPartition))]),
    ),
    members: members.map((one) => ({
      ...one,
      topics: one.topics.split(''),
      ownedPartitions: partitionsOf(one.owned),
      userData: one.userData === null ? null : Buffer.from(one.userData, 'base64'),
    })),
  }
}

function assign(vector: AssignorVector): Plan {
  const [assignor] = resolveAssignors([vector.assignor])
  const plan: GroupAssignment = assignor?.assign(inputOf(vector)) ?? new Map()
  const texts = [...plan].map(([memberId, share]): [string, string[]] => [
    memberId,
    share.map(({ topic, partition }) => `${topic}${partition}`).sort(),
  ])
  return new Map(texts)
}

function javaPlan({ assignment }: AssignorVector): Plan {
  return new Map(
    Object.entries(assignment).map(([memberId, text]) => [
      memberId,
      partitionsOf(text)
        .map(({ topic, partition }) => `${topic}${partition}`)
        .sort(),
    ]),
  )
}

const nameOf = ({ assignor, story, round }: AssignorVector): string =>
  `${assignor}, story ${story}, round ${round}`
const sizesOf = (plan: Plan): readonly number[] =>
  [...plan.values()].map(({ length }) => length).sort((a, b) => a - b)
const squares = (plan: Plan): number => sizesOf(plan).reduce((sum, size) => sum + size * size, 0)

function farOf({ members, topics }: AssignorVector, plan: Plan): number {
  return members.reduce((sum, { memberId, rackId }) => {
    const far = (plan.get(memberId) ?? []).filter((one) => {
      const racks = topics[one.slice(0, 1)]?.[Number(one.slice(1))] ?? ''
      return rackId !== null && !racks.includes(rackId)
    })
    return sum + far.length
  }, 0)
}

function keptOf({ members }: AssignorVector, plan: Plan, before: Plan): number {
  return members.reduce((sum, { memberId }) => {
    const now = new Set(plan.get(memberId))
    return sum + (before.get(memberId) ?? []).filter((one) => now.has(one)).length
  }, 0)
}

for (const name of ['range', 'roundrobin']) {
  test(`${name} gives what Java gives, racks or not`, () => {
    const ofName = vectors.filter(({ assignor }) => assignor === name)
    assert.ok(ofName.length > 100)
    for (const vector of ofName) {
      assert.deepEqual(new Map(assign(vector)), new Map(javaPlan(vector)), nameOf(vector))
    }
  })
}

test('sticky reads the memory that Java writes, and is as even, near and calm as Java', () => {
  for (const vector of vectors.filter(({ assignor }) => assignor === 'sticky')) {
    const [ours, theirs] = [assign(vector), javaPlan(vector)]
    const name = nameOf(vector)
    assert.equal([...ours.values()].flat().length, [...theirs.values()].flat().length, name)
    assert.ok(squares(ours) <= squares(theirs), name)
    if (squares(ours) < squares(theirs)) continue
    assert.ok(farOf(vector, ours) <= farOf(vector, theirs), name)
    if (farOf(vector, ours) < farOf(vector, theirs)) continue
    const before = javaPlan(vectors.find((one) => isRoundBefore(one, vector)) ?? vector)
    if (vector.round === 0) continue
    assert.ok(keptOf(vector, ours, before) >= keptOf(vector, theirs, before), name)
  }
})

test('sticky writes the memory that Java writes', () => {
  const [sticky] = resolveAssignors(['sticky'])
  let count = 0
  for (const vector of vectors.filter(({ assignor }) => assignor === 'sticky')) {
    for (const { memberId, generationId, userData } of vector.members) {
      const before = vectors.find((one) => isRoundBefore(one, vector))?.assignment[memberId]
      if (before === undefined || userData === null) continue
      const written = sticky?.userData?.(partitionsOf(before), generationId)
      const theirs = Buffer.from(userData, 'base64')
      // The order of topics and partitions is nobody's concern; the length and the end are.
      assert.equal(written?.length, theirs.length)
      assert.deepEqual(written?.subarray(-4), theirs.subarray(-4))
      count++
    }
  }
  assert.ok(count > 100)
})

function isRoundBefore(one: AssignorVector, { assignor, story, round }: AssignorVector): boolean {
  return one.assignor === assignor && one.story === story && one.round === round - 1
}

test('cooperative-sticky gives nothing away too early, and settles as well as Java does', () => {
  for (const vector of vectors.filter(({ assignor }) => assignor === 'cooperative-sticky')) {
    const [ours, theirs] = [assign(vector), javaPlan(vector)]
    const owners = new Map(
      vector.members.flatMap(({ memberId, owned }) =>
        owned === '' ? [] : owned.split(' ').map((one): [string, string] => [one, memberId]),
      ),
    )
    for (const [memberId, share] of ours) {
      for (const one of share) assert.equal(owners.get(one) ?? memberId, memberId, nameOf(vector))
    }
    if (vector.round % 2 === 0) continue
    const settled = secondPhase(vector, ours)
    const [ourCount, theirCount] = [settled, theirs].map((plan) => [...plan.values()].flat().length)
    // Java may still be moving something: it is no fixpoint where racks count.
    if (ourCount !== theirCount) {
      assert.ok((ourCount ?? 0) > (theirCount ?? 0), nameOf(vector))
      continue
    }
    assert.ok(squares(settled) <= squares(theirs), nameOf(vector))
    if (squares(settled) < squares(theirs)) continue
    assert.ok(farOf(vector, settled) <= farOf(vector, theirs), nameOf(vector))
  }
})

/** What comes of it when the members took what they were given, and joined again. */
function secondPhase(vector: AssignorVector, plan: Plan): Plan {
  const members = vector.members.map((one) => ({
    ...one,
    owned: (plan.get(one.memberId) ?? []).join(' '),
    generationId: 100,
    userData: null,
  }))
  return assign({ ...vector, members })
}
