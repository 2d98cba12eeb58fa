import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, fetch, initProducerId, listOffsets, metadata, produce } from '@odradek/protocol'
import {
  batchOf,
  fetchBody,
  inVirtualWorld,
  produceBody,
  read,
  send,
  topicIdOf,
  valuesOf,
} from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 2 } }

describe('records', () => {
  test('what is produced can be fetched, by name and by id', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      assert.equal((await send(client, { values: ['a', 'b'] })).baseOffset, 0)
      assert.equal((await send(client, { values: ['c'] })).baseOffset, 2)
      const answer = await read(client, 0)
      assert.deepEqual(valuesOf(answer.records), ['a', 'b', 'c'])
      assert.equal(answer.highWatermark, 3)
      const topicId = await topicIdOf(client)
      const topics = [
        { topicId, partitions: [{ partition: 0, fetchOffset: 2, partitionMaxBytes: 1000 }] },
      ]
      const byId = await client.request(fetch, 18, fetchBody(0, { topics }))
      assert.deepEqual(valuesOf(byId.responses[0]?.partitions[0]?.records ?? null), ['c'])
      const produced = await client.request(produce, 13, {
        acks: 1,
        timeoutMs: 1,
        topicData: [{ topicId, partitionData: [{ index: 1, records: batchOf() }] }],
      })
      assert.equal(produced.responses[0]?.partitionResponses[0]?.errorCode, 0)
    })
  })

  test('unknown topics, ids and partitions get different errors', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const topic = await client.request(produce, 9, produceBody(batchOf(), { topic: 'none' }))
      const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      assert.equal(topic.responses[0]?.partitionResponses[0]?.errorCode, unknown)
      assert.equal((await send(client, {}, 9)).errorCode, unknown)
      const topics = [
        {
          topicId: 'xxxxxxxxxxxxxxxxxxxxxA',
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }],
        },
      ]
      const byId = await client.request(fetch, 13, fetchBody(0, { topics }))
      assert.equal(byId.responses[0]?.partitions[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
    })
  })

  test('a long poll ends with records, or with its time', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect }) => {
      const [reader, writer] = [await connect(), await connect()]
      const started = world.now
      const empty = await read(reader, 0, { maxWaitMs: 500 })
      assert.equal(empty.records?.length, 0)
      assert.ok(world.now - started >= 500)
      const waiting = read(reader, 0, { maxWaitMs: 60_000 })
      await world.sleep(1000)
      await send(writer, { values: ['news'] })
      assert.deepEqual(valuesOf((await waiting).records), ['news'])
      assert.ok(world.now - started < 3000)
    })
  })

  test('a long poll waits for minBytes', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const [reader, writer] = [await connect(), await connect()]
      const waiting = read(reader, 0, { maxWaitMs: 60_000, minBytes: 2 * batchOf().length })
      await send(writer)
      await send(writer)
      assert.equal(valuesOf((await waiting).records).length, 2)
    })
  })

  test('a request behind a long poll waits for it', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const order: string[] = []
      await Promise.all([
        read(client, 0, { maxWaitMs: 1000 }).then(() => order.push('fetch')),
        send(client).then(() => order.push('produce')),
      ])
      assert.deepEqual(order, ['fetch', 'produce'])
    })
  })

  test('a long poll is given up when its connection ends', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect }) => {
      const client = await connect()
      const waiting = assert.rejects(read(client, 0, { maxWaitMs: 600_000 }), /disconnected/)
      await world.sleep(100)
      client.destroy()
      await waiting
      await world.sleep(10)
      const { timers, connections } = world.process('broker-1').leaks()
      assert.deepEqual({ timers, connections }, { timers: 0, connections: 0 })
    })
  })

  test('acks=0 gets no response, and an error ends the connection', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      void client.request(produce, 9, produceBody(batchOf(), { acks: 0 })).catch(() => undefined)
      const other = await connect()
      await other.request(metadata, 9, { topics: [] })
      assert.equal(cluster.partition('orders', 0).endOffset, 1)
      const bad = produceBody(batchOf(), { acks: 0, topic: 'none' })
      void client.request(produce, 9, bad).catch(() => undefined)
      await client.closed
    })
  })

  test('the limits of partition and response hold, but the first batch is always returned', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      for (const partition of [0, 1]) {
        for (let index = 0; index < 3; index++) await send(client, {}, partition)
      }
      const size = batchOf().length
      const counts = async (maxBytes: number, partitionMaxBytes: number) => {
        const partitions = [0, 1].map((partition) => ({
          partition,
          fetchOffset: 0,
          partitionMaxBytes,
        }))
        const body = fetchBody(0, { maxBytes, topics: [{ topic: 'orders', partitions }] })
        const { responses } = await client.request(fetch, 12, body)
        return responses[0]?.partitions.map(({ records }) => (records?.length ?? 0) / size)
      }
      assert.deepEqual(await counts(10 * size, 2 * size), [2, 2])
      assert.deepEqual(await counts(4 * size, 100 * size), [3, 1])
      assert.deepEqual(await counts(1, 1), [1, 0])
      assert.deepEqual(await counts(10 * size, 1), [1, 0])
    })
  })

  test('a session returns only what is new', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const first = await client.request(fetch, 12, fetchBody(0, { sessionEpoch: 0 }))
      const { sessionId } = first
      assert.equal(first.responses.length, 1)
      const next = (sessionEpoch: number, more = {}) =>
        client.request(fetch, 12, fetchBody(0, { sessionId, sessionEpoch, topics: [], ...more }))
      assert.deepEqual((await next(1)).responses, [])
      await send(client)
      assert.equal((await next(2)).responses[0]?.partitions[0]?.highWatermark, 1)
      assert.equal((await next(9)).errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH)
    })
  })

  test('retries of an idempotent producer are written once', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      const { producerId, producerEpoch } = await client.request(initProducerId, 5, {
        transactionalId: null,
        transactionTimeoutMs: 1,
      })
      const stamp = { producerId, producerEpoch }
      await send(client, { ...stamp, baseSequence: 0, values: ['a', 'b'] })
      await send(client, { ...stamp, baseSequence: 2 })
      const again = await send(client, { ...stamp, baseSequence: 0, values: ['a', 'b'] })
      assert.equal(again.errorCode, 0)
      assert.equal(again.baseOffset, 0)
      const gap = await send(client, { ...stamp, baseSequence: 7 })
      assert.equal(gap.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      assert.equal(cluster.partition('orders', 0).endOffset, 3)
      const fresh = await client.request(initProducerId, 5, {
        transactionalId: null,
        transactionTimeoutMs: 1,
        producerId,
        producerEpoch,
      })
      assert.deepEqual([fresh.producerId, fresh.producerEpoch], [producerId + 1n, 0])
    })
  })

  test('offsets are listed by place and by time', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      await send(client, { values: ['a', 'b'], timestamp: 100 })
      await send(client, { timestamp: 50 })
      cluster.expireRecords('orders', 0, { before: 1 })
      const at = async (timestamp: number, version = 11) => {
        const { topics } = await client.request(listOffsets, version, {
          replicaId: -1,
          topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp }] }],
        })
        const { errorCode, offset } = topics[0]?.partitions[0] ?? {}
        return errorCode === 0 ? offset : `error ${errorCode}`
      }
      assert.deepEqual(
        [await at(-2), await at(-1), await at(-3), await at(-4), await at(-5), await at(101)],
        [1, 3, 1, 1, -1, 1],
      )
      assert.equal(await at(102), -1)
      assert.equal(await at(-3, 6), `error ${ErrorCode.UNSUPPORTED_VERSION}`)
    })
  })
})
