import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeGroup } from './fake-group.test-kit.ts'

test('three members share a topic, one leaves, and no partition ever has two readers', async () => {
  const group = new FakeGroup({ orders: 6 })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => group.member(name))
  await group.advance(5000)
  assert.deepEqual(
    [a, b, c].map((member) => member?.owned.size),
    [2, 2, 2],
  )
  await group.world.run(() => b?.leave() ?? Promise.resolve())
  b?.owned.clear()
  await group.advance(5000)
  assert.deepEqual([a?.owned.size, c?.owned.size], [3, 3])
  assert.equal(b?.stateName, 'left')
  assert.equal(b?.process.leaks().timers, 0)
})
