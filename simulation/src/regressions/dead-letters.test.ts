/** Dead letter topics that are missing, or cannot be written to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadLetterError } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

const OTHERWISE = { onExhausted: { deadLetterTopic: 'dead' } } as const

test('a dead letter topic that does not exist ends the run before a handler fails', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member')
    const running = consumer.run(() => undefined, { onError: OTHERWISE })
    const startedAt = small.world.now
    await assert.rejects(running, {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: /was given the dead letter topic "dead", which does not exist: create it/,
    })
    assert.ok(small.world.now - startedAt < 10_000)
    await consumer.close()
  }))

test("a dead letter that cannot be written keeps the handler's own error", () =>
  SmallWorld.play(
    async (small) => {
      const producer = small.producer()
      await producer.send('orders', { value: 'x' })
      await producer.close()
      const consumer = small.consumer('member')
      small.cluster.faults.add({ api: 'Produce', topic: 'dead', errorCode: 29 })
      const running = consumer.run(
        () => {
          throw new Error('out of paper')
        },
        { onError: { retry: 0, ...OTHERWISE } },
      )
      await assert.rejects(running, (error: Error) => {
        assert.ok(error instanceof DeadLetterError)
        assert.equal((error.cause as Error).message, 'out of paper')
        assert.match(error.message, /orders-0 offset 0 failed \(out of paper\), and could not be/)
        assert.match(error.failure.message, /TOPIC_AUTHORIZATION_FAILED|authori/i)
        return true
      })
      await consumer.close()
      assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, undefined)
    },
    { broker: { topics: { orders: 1, dead: 1 } } },
  ))
