/** Responses that bring nothing are paced, whatever they say, and records that flow are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageBody } from '@odradek/broker'
import { crc32c } from '@odradek/protocol'
import { ProtocolError } from 'odradek'
import { SmallWorld, type SmallWorldOptions } from '../regressions/small-world.test-kit.ts'

const IDLE_MS = 10_000
/** Of a client, in a second: 43 % of a core were some 15,000. */
const MOST_REQUESTS = 25

/** Counts the requests of a client, per second. */
function counting(small: SmallWorld, client: string, api: string): () => number {
  let count = 0
  small.cluster.on('request', (request) => {
    if (request.clientId === client && request.api === api) count++
  })
  const since = small.world.now
  return () => (count * 1000) / (small.world.now - since)
}

const PARTITION_FIELDS = { errorCode: 0, highWatermark: 9, lastStableOffset: 9, logStartOffset: 0 }

type Partition = Readonly<Record<string, unknown>>

/** A fetch response with this in every partition that the request names or the session has. */
function withPartitions(
  response: MessageBody,
  change: (partition: Partition) => Partition,
): MessageBody {
  const responses = response['responses'] as readonly { partitions: readonly Partition[] }[]
  return {
    ...response,
    responses: responses.map((topic) => ({ ...topic, partitions: topic.partitions.map(change) })),
  }
}

function chunksOf(records: unknown): readonly Uint8Array[] {
  if (records === null || records === undefined) return []
  return Array.isArray(records) ? (records as readonly Uint8Array[]) : [records as Uint8Array]
}

/** A batch without records that claims offsets from `baseOffset` on. */
function emptyBatch(baseOffset: number, lastOffsetDelta = 0): Buffer {
  const batch = Buffer.alloc(61)
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch[16] = 2
  batch.writeInt32BE(lastOffsetDelta, 23)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

test('S34 a consumer with fetchMaxWaitMs 0 fetches an idle partition at a pace', () =>
  SmallWorld.play(
    async (small) => {
      const consumer = small.consumer('reader', { fetchMaxWaitMs: 0 })
      const seen: string[] = []
      const running = consumer.run(({ value }) => void seen.push(String(value)))
      await small.world.sleep(3000)
      const perSecond = counting(small, 'reader', 'Fetch')
      await small.world.sleep(IDLE_MS)
      assert.ok(perSecond() <= MOST_REQUESTS, `${perSecond()} fetches a second`)
      assert.ok(perSecond() > 10, 'and it is not the usual long poll')
      // The broker ends the wait when a record arrives.
      const producer = small.producer()
      await producer.send('orders', { value: 'warm' })
      await small.world.sleep(1000)
      await producer.send('orders', { value: 'late' })
      await small.world.sleep(3)
      assert.deepEqual(seen, ['warm', 'late'])
      await producer.close()
      await consumer.close()
      await running
    },
    { link: { latencyMs: [0, 0] } },
  ))

test('S34 records that flow meet no pause with fetchMaxWaitMs 0', () =>
  SmallWorld.play(async (small) => {
    const { world } = small
    const consumer = small.consumer('reader', { fetchMaxWaitMs: 0 })
    const lateness: number[] = []
    const running = consumer.run(({ value }) => void lateness.push(world.now - Number(value)))
    const producer = small.producer()
    for (let index = 0; index < 500; index++) {
      await producer.send('orders', { value: String(world.now) })
    }
    await world.sleep(100)
    assert.equal(lateness.length, 500)
    const afterStart = lateness.slice(100)
    const mean = afterStart.reduce((sum, one) => sum + one, 0) / afterStart.length
    // A round trip of a produce takes 2 ms here, and so does one of a fetch.
    assert.ok(mean <= 5, `${mean} ms`)
    await producer.close()
    await consumer.close()
    await running
  }))

test('S34 a share consumer with fetchMaxWaitMs 0 fetches an idle partition at a pace', () =>
  SmallWorld.play(
    async (small) => {
      const consumer = small
        .kafka('reader')
        .shareConsumer({ groupId: 'share', topics: ['orders'], fetchMaxWaitMs: 0 })
      const seen: string[] = []
      const running = consumer.run(({ value }) => void seen.push(String(value)))
      await small.world.sleep(10_000)
      const perSecond = counting(small, 'reader', 'ShareFetch')
      await small.world.sleep(IDLE_MS)
      assert.ok(perSecond() <= MOST_REQUESTS, `${perSecond()} fetches a second`)
      const producer = small.producer()
      await producer.send('orders', { value: 'late' })
      await small.world.sleep(3)
      assert.deepEqual(seen, ['late'])
      await producer.close()
      await consumer.close()
      await running
    },
    { link: { latencyMs: [0, 0] } },
  ))

interface ForgedFetch {
  readonly what: string
  readonly alter: (response: MessageBody, at: number) => MessageBody
}

const FORGED_FETCHES: readonly ForgedFetch[] = [
  { what: 'no partitions', alter: (response) => ({ ...response, responses: [] }) },
  {
    what: 'no partitions and a new session',
    alter: (response, at) => ({ ...response, sessionId: 1000 + at, responses: [] }),
  },
  {
    what: 'its own broker as the preferred replica',
    alter: (response) => ({
      ...response,
      responses: (response['responses'] as readonly { partitions: readonly Partition[] }[]).map(
        (topic) => ({
          ...topic,
          partitions: [
            { partitionIndex: 0, ...PARTITION_FIELDS, preferredReadReplica: 1, records: null },
          ],
        }),
      ),
    }),
  },
  {
    what: 'empty batches that never advance',
    alter: (response) => withPartitions(response, (one) => ({ ...one, records: emptyBatch(0) })),
  },
  {
    what: 'empty batches that advance by one',
    alter: (response, at) =>
      withPartitions(response, (one) => ({ ...one, records: emptyBatch(at) })),
  },
  {
    what: 'bytes that are no batch',
    alter: (response) => withPartitions(response, (one) => ({ ...one, records: Buffer.alloc(10) })),
  },
]

const TWO_BROKERS: SmallWorldOptions = { broker: { brokers: 1, topics: { orders: 1 } } }

for (const { what, alter } of FORGED_FETCHES) {
  test(`S34 fetches that are answered with ${what} are paced, and reading recovers`, () =>
    SmallWorld.play(async (small) => {
      const consumer = small.consumer('reader')
      const seen: string[] = []
      const running = consumer.run(({ value }) => void seen.push(String(value)))
      const producer = small.producer()
      await producer.send('orders', { value: 'before' })
      await small.world.sleep(3000)
      let at = 1
      const fault = small.cluster.faults.add({
        api: 'Fetch',
        clientId: 'reader',
        // At once: a broker that makes no sense does not wait either.
        alterResponse: (response) => alter(response, at++),
      })
      await producer.send('orders', { value: 'during' })
      const perSecond = counting(small, 'reader', 'Fetch')
      await small.world.sleep(IDLE_MS)
      assert.ok(fault.hits > 3, 'the fault met the client')
      assert.ok(perSecond() <= 60, `${perSecond()} fetches a second`)
      fault.remove()
      await small.world.sleep(10_000)
      await producer.send('orders', { value: 'after' })
      await small.world.sleep(2000)
      assert.equal(seen.at(-1), 'after')
      await producer.close()
      await consumer.close()
      await running
    }, TWO_BROKERS))
}

test('S34 a producer id of -1 is asked for again at a pace, and records are written afterwards', () =>
  SmallWorld.play(async (small) => {
    const fault = small.cluster.faults.add({
      api: 'InitProducerId',
      alterResponse: (response) => ({ ...response, producerId: -1n, producerEpoch: -1 }),
    })
    const producer = small.kafka('writer').producer({ lingerMs: 0 })
    const sending = producer.send('orders', { value: 'one' })
    const perSecond = counting(small, 'writer', 'InitProducerId')
    await small.world.sleep(IDLE_MS)
    assert.ok(fault.hits > 3)
    assert.ok(perSecond() <= 10, `${perSecond()} requests a second`)
    fault.remove()
    assert.equal((await sending).offset, 0)
    await producer.close()
  }))

test('S34 a producer id of -1 fails a record when its time is up, with the broker’s words', () =>
  SmallWorld.play(async (small) => {
    small.cluster.faults.add({
      api: 'InitProducerId',
      alterResponse: (response) => ({ ...response, producerId: -1n }),
    })
    const options = { lingerMs: 0, deliveryTimeoutMs: 3000, requestTimeoutMs: 1000 }
    const producer = small.kafka('writer').producer(options)
    await assert.rejects(producer.send('orders', { value: 'one' }), (error: Error) => {
      assert.match(String(error), /A broker gave the producer id -1/)
      return true
    })
    await producer.close()
  }))

test('S34 a transactional producer meets a producer id of -1 at a pace, and then begins', () =>
  SmallWorld.play(async (small) => {
    const fault = small.cluster.faults.add({
      api: 'InitProducerId',
      alterResponse: (response) => ({ ...response, producerId: -1n }),
    })
    const producer = small.kafka('writer').producer({ transactionalId: 'tx' })
    const transaction = producer.transaction((tx) => tx.send('orders', { value: 'one' }))
    const perSecond = counting(small, 'writer', 'InitProducerId')
    await small.world.sleep(IDLE_MS)
    assert.ok(fault.hits > 3)
    assert.ok(perSecond() <= 10, `${perSecond()} requests a second`)
    fault.remove()
    await transaction
    await producer.close()
  }))

for (const baseOffset of [-4, -1, Number.MIN_SAFE_INTEGER]) {
  test(`a batch with the base offset ${baseOffset} is corrupt: the consumer says so and goes on`, () =>
    SmallWorld.play(async (small) => {
      const producer = small.producer()
      await producer.send('orders', { value: 'good' })
      const forging = (response: MessageBody): MessageBody =>
        withPartitions(response, (one) => {
          const records = chunksOf(one['records'])
          if (records.length === 0) return one
          return { ...one, records: [emptyBatch(baseOffset), ...records] }
        })
      const fault = small.cluster.faults.add({ api: 'Fetch', alterResponse: forging })
      const consumer = small.consumer('reader')
      const seen: string[] = []
      const failing = consumer.run(({ value }) => void seen.push(String(value)))
      await assert.rejects(failing, (error: Error & { cause?: unknown }) => {
        assert.equal((error as Error & { code?: string }).code, 'CORRUPT_MESSAGE')
        assert.ok(error.cause instanceof ProtocolError)
        assert.match(error.cause.message, /claims the base offset -/)
        return true
      })
      fault.remove()
      await producer.send('orders', { value: 'after' })
      // The failed run has left the group (S43): the next one joins, and begins where it did.
      const running = consumer.run(({ value }) => void seen.push(String(value)))
      await small.world.sleep(5000)
      assert.deepEqual(seen, ['good', 'after'])
      await producer.close()
      await consumer.close()
      await running
    }))
}

for (const port of [-1, 0, 2 ** 31 - 1]) {
  test(`a broker that advertises port ${port} is named, and the client goes on when it is corrected`, () =>
    SmallWorld.play(async (small) => {
      const forging = (response: MessageBody): MessageBody => {
        const brokers = response['brokers'] as readonly object[]
        return { ...response, brokers: brokers.map((broker) => ({ ...broker, port })) }
      }
      const fault = small.cluster.faults.add({ api: 'Metadata', alterResponse: forging })
      const options = { lingerMs: 0, deliveryTimeoutMs: 3000, requestTimeoutMs: 1000 }
      const producer = small.kafka('writer').producer(options)
      await assert.rejects(producer.send('orders', { value: 'one' }), (error: Error) => {
        const { cause, outcome } = error as Error & { cause?: unknown; outcome?: string }
        assert.equal(outcome, 'notWritten')
        assert.ok(cause instanceof ProtocolError)
        assert.match(cause.message, new RegExp(`Broker 1 advertises the address .*:${port}, and`))
        return true
      })
      fault.remove()
      await producer.send('orders', { value: 'two' })
      await producer.close()
    }))
}
