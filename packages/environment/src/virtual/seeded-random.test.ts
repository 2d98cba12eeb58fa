import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from './seeded-random.ts'

test('the numbers of a seed never change', () => {
  const random = new SeededRandom(42, 'process')
  const numbers = Array.from({ length: 4 }, () => random.integer(1_000_000))
  assert.deepEqual(numbers, [937_284, 27_565, 833_745, 100_047])
  assert.equal(random.bytes(8).toString('hex'), '560dfadff37a5e4b')
})

test('names have streams of their own', () => {
  const draw = (name: string): number => new SeededRandom(1, name).integer(2 ** 32)
  assert.notEqual(draw('a'), draw('b'))
  assert.equal(draw('a'), draw('a'))
})

test('integers are spread evenly', () => {
  const random = new SeededRandom(7)
  const counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  const draws = 100_000
  for (let draw = 0; draw < draws; draw++) {
    const number = random.integer(counts.length)
    counts[number] = (counts[number] ?? 0) + 1
  }
  for (const count of counts) assert.ok(Math.abs(count - draws / 10) < 500, `${count}`)
})
