/** Rules about reading and offsets, each as its users see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, count: number, topic = 'orders'): Promise<void> {
  const producer = small.producer(`writer-${small.world.now}-${topic}`)
  for (let index = 0; index < count; index++) {
    await producer.send(topic, { value: `${index}`, partition: 0 })
  }
  await producer.close()
}

test('S6 marks that come after a seek are dropped, counted and told', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    const told: ClientEvents['marksDropped'][] = []
    consumer.on('marksDropped', (event) => void told.push(event))
    const held: (() => void)[] = []
    const running = consumer.run(() => new Promise<void>((resolve) => void held.push(resolve)), {
      concurrency: 4,
      order: 'none',
    })
    await small.world.sleep(3000)
    assert.equal(held.length, 4)
    consumer.seek({ topic: 'orders', partition: 0, offset: 8 })
    for (const finish of held.splice(0)) finish()
    await small.world.sleep(1000)
    assert.deepEqual(told, [
      {
        ...{ groupId: 'billing', topic: 'orders', partition: 0, reason: 'sought' },
        ...{ count: 4, from: 0, to: 3, total: 4 },
      },
    ])
    assert.equal(consumer.position({ topic: 'orders', partition: 0 }), 8)
    const late = small.world.sleep(1).then(() => held.splice(0).forEach((finish) => finish()))
    await consumer.close()
    await Promise.all([late, running])
    assert.equal(told.length, 1)
  }))
