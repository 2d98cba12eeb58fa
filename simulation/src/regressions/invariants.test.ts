/** What other clients have got wrong about positions and fetches, held against this one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, count: number, topic = 'orders'): Promise<void> {
  const producer = small.producer(`writer-${small.world.now}-${topic}`)
  for (let index = 0; index < count; index++) {
    await producer.send(topic, { value: `${index}`, partition: 0 })
  }
  await producer.close()
}

/** What is read from now on, until the consumer closes. */
function follow(consumer: Consumer): string[] {
  const seen: string[] = []
  consumer.run(({ topic, offset }) => void seen.push(`${topic}:${offset}`)).catch(assert.fail)
  return seen
}

function offsets(seen: readonly string[], topic: string): number[] {
  const ofTopic = seen.filter((one) => one.startsWith(`${topic}:`))
  return ofTopic.map((one) => Number(one.slice(topic.length + 1)))
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

test('a rebalance while offsets are fetched: what is kept is read, and announced once', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 5)
      small.cluster.faults.add({ api: 'OffsetFetch', delayMs: 8000, times: 1 })
      const announced: string[] = []
      const session = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 }
      const first = small.consumer('first', {
        ...session,
        onAssigned: (partitions) =>
          void announced.push(...partitions.map(({ partition }) => `${partition}`)),
      })
      const seen = follow(first)
      await small.world.sleep(2000)
      const second = small.consumer('second', session)
      follow(second)
      await small.world.sleep(15_000)
      assert.equal(first.assigned.length, 2)
      assert.deepEqual(announced.sort(), ['0', '1', '2', '3'])
      assert.ok(first.assigned.some(({ partition }) => partition === 0))
      assert.deepEqual(offsets(seen, 'orders'), upTo(0, 5))
      await Promise.all([first.close(), second.close()])
    },
    { broker: { topics: { orders: 4 } } },
  ))

test('a seek is not undone by the answer of a look-up that was under way', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    small.cluster.faults.add({ api: 'OffsetFetch', delayMs: 5000, times: 1 })
    const consumer = small.consumer('member')
    const seen = follow(consumer)
    await small.world.sleep(2000)
    consumer.seek({ topic: 'orders', partition: 0, offset: 7 })
    await small.world.sleep(20_000)
    assert.deepEqual(offsets(seen, 'orders'), upTo(7, 10))
    await consumer.close()
  }))

test('close does not wait for positions that cannot be had', () =>
  SmallWorld.play(async (small) => {
    await write(small, 1)
    small.cluster.faults.add({ api: 'OffsetFetch', error: 'COORDINATOR_LOAD_IN_PROGRESS' })
    const kafka = small.kafka('member')
    const consumer = kafka.consumer({
      groupId: 'billing',
      topics: ['orders'],
      startFrom: 'earliest',
    })
    follow(consumer)
    await small.world.sleep(20_000)
    const startedAt = small.world.now
    await consumer.close()
    assert.ok(small.world.now - startedAt < 500)
    await kafka.close()
    await small.world.sleep(5000)
    assert.equal(small.process('member').leaks().timers, 0)
  }))

test('a topic that may not be read does not keep others from being read', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 3, 'open')
      await write(small, 3, 'secrets')
      small.cluster.faults.add({ api: 'ListOffsets', topic: 'secrets', errorCode: 29 })
      const consumer = small.consumer('member', { topics: ['open', 'secrets'] })
      const failing = consumer.run(() => undefined)
      await assert.rejects(failing, { code: 'TOPIC_AUTHORIZATION_FAILED' })
      const seen = follow(consumer)
      await write(small, 3, 'open')
      await small.world.sleep(5000)
      assert.equal(offsets(seen, 'open').at(-1), 5)
      await consumer.close()
    },
    { broker: { topics: { open: 1, secrets: 1 }, brokers: 2 } },
  ))

for (const errorCode of [999, 71, -1]) {
  test(`S34 fetches that are all answered with error ${errorCode} are paced, told, and go on`, () =>
    SmallWorld.play(async (small) => {
      await write(small, 3)
      const fault = small.cluster.faults.add({ api: 'Fetch', errorCode })
      const consumer = small.consumer('member')
      const stalls: string[] = []
      consumer.on('stalled', ({ message }) => stalls.push(message))
      const seen = follow(consumer)
      await small.world.sleep(20_000)
      assert.ok(fault.hits < 60, `${fault.hits} fetches`)
      assert.ok(stalls.length > 0)
      fault.remove()
      await small.world.sleep(3000)
      assert.deepEqual(offsets(seen, 'orders'), upTo(0, 3))
      await consumer.close()
    }))
}

test('a partition without a leader for long is asked about at a pace, and read when there is one', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 3)
      const consumer = small.consumer('member')
      const seen = follow(consumer)
      await small.world.sleep(3000)
      const { leaderId } = small.cluster.partition('orders', 0)
      await small.cluster.stop(leaderId)
      let asked = 0
      small.cluster.on('request', ({ api }) => {
        if (api === 'Metadata') asked++
      })
      await small.world.sleep(60_000)
      assert.ok(asked < 120, `${asked} requests for metadata`)
      await small.cluster.start(leaderId)
      await write(small, 3)
      await small.world.sleep(10_000)
      assert.deepEqual(offsets(seen, 'orders'), upTo(0, 6))
      await consumer.close()
    },
    { broker: { brokers: 3, topics: { orders: { partitions: 1, replicationFactor: 1 } } } },
  ))

test('S31 a corrupt batch is fetched again once, then told; a seek goes on behind it', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    let index = 0
    for (const batch of small.cluster.recordBatches('orders', 0)) {
      const cursor = batch.records()
      if (index++ !== 3 || !cursor.next()) continue
      cursor.buffer[cursor.valueStart] = 0x7f
    }
    const consumer = small.consumer('member')
    const seen: number[] = []
    const reading = (async () => {
      for await (const { offset } of consumer) seen.push(offset)
    })()
    await assert.rejects(reading, { code: 'CORRUPT_MESSAGE' })
    assert.deepEqual(seen, upTo(0, 3))
    consumer.seek({ topic: 'orders', partition: 0, offset: 4 })
    const rest = follow(consumer)
    await small.world.sleep(3000)
    assert.deepEqual(offsets(rest, 'orders'), [4, 5])
    await consumer.close()
  }))

test('S31 the second try to read a corrupt batch goes to another replica', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 2)
      for (const batch of small.cluster.recordBatches('orders', 0)) {
        const cursor = batch.records()
        if (cursor.next() && cursor.offset === 1) cursor.buffer[cursor.valueStart] = 0x7f
      }
      const asked: number[] = []
      small.cluster.on('request', ({ api, nodeId }) => {
        if (api === 'Fetch' && asked.at(-1) !== nodeId) asked.push(nodeId)
      })
      const consumer = small.consumer('member')
      await assert.rejects(
        consumer.run(() => undefined),
        { code: 'CORRUPT_MESSAGE' },
      )
      const { leaderId } = small.cluster.partition('orders', 0)
      // A follower that may not be read from sends back to the leader.
      assert.equal(asked[0], leaderId)
      assert.ok(asked.length > 1 && asked[1] !== leaderId)
      await consumer.close()
    },
    { broker: { brokers: 3, topics: { orders: 1 } } },
  ))
