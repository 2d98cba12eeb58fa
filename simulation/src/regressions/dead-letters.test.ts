/** Dead letter topics that are missing, or cannot be written to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadLetterError, topic } from 'odradek'
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

const UNREADABLE = topic('orders', {
  value: {
    encode: (value: string) => Buffer.from(value),
    decode: (): string => {
      throw new Error('not an order')
    },
  },
})
const READING = { onDecodeError: { deadLetterTopic: 'dead' }, topics: [UNREADABLE] } as const

test('a dead letter topic of onDecodeError that does not exist ends the first read', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member', READING as object)
    await assert.rejects(
      (async () => {
        for await (const { offset } of consumer) assert.fail(`${offset} was delivered`)
      })(),
      {
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        message: /was given the dead letter topic "dead", which does not exist: create it/,
      },
    )
    await consumer.close()
  }))

test('a dead letter of onDecodeError that cannot be written keeps the decode error', () =>
  SmallWorld.play(
    async (small) => {
      const producer = small.producer()
      await producer.send('orders', { value: 'x' })
      await producer.close()
      const consumer = small.consumer('member', READING as object)
      small.cluster.faults.add({ api: 'Produce', topic: 'dead', errorCode: 29 })
      await assert.rejects(
        (async () => {
          for await (const { offset } of consumer) assert.fail(`${offset} was delivered`)
        })(),
        (error: Error) => {
          assert.ok(error instanceof DeadLetterError)
          assert.match((error.cause as Error).message, /not an order/)
          assert.match(error.failure.message, /TOPIC_AUTHORIZATION_FAILED|authori/i)
          return true
        },
      )
      await consumer.close()
    },
    { broker: { topics: { orders: 1, dead: 1 } } },
  ))

test('with unknownTopicGraceMs: 0 the first response counts for a dead letter topic', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member', { unknownTopicGraceMs: 0 })
    const startedAt = small.world.now
    await assert.rejects(
      consumer.run(() => undefined, { onError: OTHERWISE }),
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
    assert.ok(small.world.now - startedAt < 1000, `it took ${small.world.now - startedAt} ms`)
    await consumer.close()
  }))
