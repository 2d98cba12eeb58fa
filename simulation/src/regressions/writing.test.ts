/** What producers say while records wait. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

test('writing to a topic that was deleted is told after seconds, long before records fail', () =>
  SmallWorld.play(async (small) => {
    const producer = small.producer()
    const stalls: ClientEvents['stalled'][] = []
    producer.on('stalled', (event) => void stalls.push(event))
    await producer.send('orders', { value: 'before' })
    small.cluster.deleteTopic('orders')
    const sending = producer.send('orders', { value: 'after' })
    await small.world.sleep(10_000)
    assert.equal(stalls.length, 1)
    assert.match(
      stalls[0]?.message ?? '',
      /^records for orders-0 have waited for \d s \(the cluster has no such topic; was it deleted\?\)/,
    )
    await small.world.sleep(20_000)
    assert.equal(stalls.length, 2, 'it is said again, but not all the time')
    small.cluster.createTopic('orders', { partitions: 1 })
    assert.equal((await sending).offset, 0)
    await producer.close()
    assert.equal(stalls.length, 2)
  }))
