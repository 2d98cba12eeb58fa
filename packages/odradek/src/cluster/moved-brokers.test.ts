/** Brokers that come back under other addresses, while connections to the old ones are mute. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { play } from '../producer/scene.test-kit.ts'

const IMPATIENT = { metadataMaxAgeMs: 5000, requestTimeoutMs: 60_000 }

for (const isIdempotent of [true, false]) {
  const how = isIdempotent ? 'idempotent' : 'plain'
  test(`records of a ${how} producer are sent to the new address when the old one is mute`, () =>
    play(async ({ world, cluster, kafka }) => {
      cluster.createTopic('orders', 2)
      const producer = kafka.producer({ lingerMs: 0, enableIdempotence: isIdempotent })
      await producer.send('orders', { value: 'before', partition: 0 })
      await producer.send('orders', { value: 'before', partition: 1 })
      // The connection that is open becomes mute: nothing on it gets a response any more.
      let hasMoved = false
      cluster.fault = ({ api, nodeId }) =>
        api === 'Produce' && nodeId === 1 && !hasMoved ? { do: 'swallow' } : undefined
      const sent = ['1', '2', '3'].map((value) => producer.send('orders', { value, partition: 0 }))
      await world.sleep(100)
      await cluster.start(1, 'broker-1b')
      hasMoved = true
      const movedAt = world.now
      const left: unknown[] = []
      kafka.on('disconnected', ({ broker, error }) => left.push([broker, error?.message]))
      await Promise.all(sent)
      const message =
        'Broker 1 has another address now: the connection to broker-1:9092 is replaced.'
      assert.ok(left.length > 0)
      for (const one of left) assert.deepEqual(one, ['broker-1:9092', message])
      const tookMs = world.now - movedAt
      assert.ok(tookMs < 10_000, `the records took ${tookMs} ms`)
      assert.deepEqual(cluster.values('orders'), ['before', '1', '2', '3'])
      await producer.close()
    }, IMPATIENT))
}
