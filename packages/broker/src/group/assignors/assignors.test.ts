import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Subscriber, Targets } from './assignor.ts'
import { range } from './range.ts'
import { uniform } from './uniform.ts'

const topic = (name: string, partitions: number) => ({ name, id: name, partitions })

const subscriber = (memberId: string, more: Partial<Subscriber> = {}): Subscriber => ({
  memberId,
  instanceId: null,
  topics: [],
  previous: new Set(),
  ...more,
})

const sizes = (targets: Targets) => [...targets.values()].map(({ size }) => size)

test('range gives each member a range of every topic, the first ones more', () => {
  const topics = [topic('a', 3), topic('b', 2)]
  const targets = range([subscriber('two', { topics }), subscriber('one', { topics })])
  assert.deepEqual([...(targets.get('one') ?? [])], ['a:0', 'a:1', 'b:0'])
  assert.deepEqual([...(targets.get('two') ?? [])], ['a:2', 'b:1'])
})

test('range puts static members first', () => {
  const topics = [topic('a', 1)]
  const targets = range([
    subscriber('a', { topics }),
    subscriber('z', { topics, instanceId: 'pod' }),
  ])
  assert.deepEqual(sizes(targets), [1, 0])
  assert.deepEqual([...(targets.get('z') ?? [])], ['a:0'])
})

test('uniform shares evenly, and a newcomer takes no more than its share', () => {
  const topics = [topic('a', 12)]
  const first = uniform(['one', 'two'].map((memberId) => subscriber(memberId, { topics })))
  assert.deepEqual(sizes(first), [6, 6])
  const second = uniform(
    ['one', 'two', 'three'].map((memberId) =>
      subscriber(memberId, { topics, previous: first.get(memberId) ?? new Set() }),
    ),
  )
  assert.deepEqual(sizes(second), [4, 4, 4])
  for (const memberId of ['one', 'two']) {
    for (const key of second.get(memberId) ?? []) assert.ok(first.get(memberId)?.has(key))
  }
})

const crowd = fc.array(fc.uniqueArray(fc.nat(3), { maxLength: 4 }), { minLength: 1, maxLength: 6 })
const partitionCounts = fc.array(fc.nat(7), { minLength: 4, maxLength: 4 })

test('uniform assigns everything once, balanced, and is a fixed point', () => {
  fc.assert(
    fc.property(crowd, partitionCounts, (wishes, counts) => {
      const all = counts.map((count, index) => topic(`t${index}`, count))
      const members = wishes.map((wish, index) =>
        subscriber(`m${index}`, { topics: wish.flatMap((one) => all[one] ?? []) }),
      )
      const targets = uniform(members)
      const given = [...targets.values()].flatMap((keys) => [...keys])
      assert.equal(new Set(given).size, given.length, 'nothing is given twice')
      const wanted = new Set(members.flatMap(({ topics }) => topics.map(({ id }) => id)))
      const total = all.reduce(
        (sum, { id, partitions }) => sum + (wanted.has(id) ? partitions : 0),
        0,
      )
      assert.equal(given.length, total, 'everything that is wanted is given')
      for (const { memberId, topics } of members) {
        const mine = targets.get(memberId) ?? new Set()
        const ids = new Set(topics.map(({ id }) => id))
        for (const key of mine) assert.ok(ids.has(key.split(':')[0] ?? ''), 'only what one wants')
        for (const other of members) {
          const theirs = targets.get(other.memberId)?.size ?? 0
          const couldGo = [...mine].some((key) =>
            other.topics.some(({ id }) => key.startsWith(`${id}:`)),
          )
          assert.ok(!couldGo || mine.size - theirs <= 1, 'no one could be given more')
        }
      }
      const again = uniform(
        members.map((one) => ({ ...one, previous: targets.get(one.memberId) ?? new Set() })),
      )
      for (const [memberId, keys] of again) {
        assert.deepEqual([...keys].sort(), [...(targets.get(memberId) ?? [])].sort())
      }
    }),
  )
})
