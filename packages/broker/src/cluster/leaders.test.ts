import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, metadata, offsetForLeaderEpoch, produce } from '@odradek/protocol'
import {
  batchOf,
  inVirtualWorld,
  produceBody,
  read,
  send,
  valuesOf,
} from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 2 } }
const THREE = { brokers: 3, topics: { orders: { partitions: 1 } } }

describe('leaders', () => {
  test('a request to the wrong broker returns the current leader', async () => {
    await inVirtualWorld(THREE, async ({ connect, cluster }) => {
      const { leaderId } = cluster.partition('orders', 0)
      const nextId = (leaderId % 3) + 1
      cluster.moveLeader('orders', 0, nextId)
      const client = await connect(leaderId)
      const answer = await client.request(produce, 12, produceBody(batchOf()))
      const [partition] = answer.responses[0]?.partitionResponses ?? []
      assert.equal(partition?.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
      assert.deepEqual(partition?.currentLeader, { leaderId: nextId, leaderEpoch: 1 })
      assert.equal(answer.nodeEndpoints[0]?.host, `broker-${nextId}`)
    })
  })

  test('leader epochs that do not match are refused', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      cluster.moveLeader('orders', 0, 1)
      const at = async (currentLeaderEpoch: number) =>
        (await read(client, 0, {}, { currentLeaderEpoch })).errorCode
      assert.equal(await at(0), ErrorCode.FENCED_LEADER_EPOCH)
      assert.equal(await at(1), ErrorCode.NONE)
      assert.equal(await at(2), ErrorCode.UNKNOWN_LEADER_EPOCH)
    })
  })

  test('a long poll ends when the leader moves', async () => {
    await inVirtualWorld(THREE, async ({ world, connect, cluster }) => {
      const { leaderId } = cluster.partition('orders', 0)
      const client = await connect(leaderId)
      const waiting = read(client, 0, { maxWaitMs: 600_000 })
      await world.sleep(100)
      cluster.moveLeader('orders', 0, (leaderId % 3) + 1)
      assert.equal((await waiting).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
      assert.ok(world.now < 1000)
    })
  })

  test('truncation shows in leader epochs and in fetches', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      for (let index = 0; index < 10; index++) await send(client)
      assert.equal(cluster.truncate('orders', 0, { to: 8 }), 8)
      await send(client)
      const { topics } = await client.request(offsetForLeaderEpoch, 4, {
        replicaId: -1,
        topics: [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }],
      })
      assert.equal(topics[0]?.partitions[0]?.endOffset, 8)
      const diverged = await read(client, 9, {}, { lastFetchedEpoch: 0 })
      assert.equal(diverged.errorCode, 0)
      assert.deepEqual(diverged.divergingEpoch, { epoch: 0, endOffset: 8 })
      assert.equal((await read(client, 50)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
      cluster.expireRecords('orders', 0, { before: 5 })
      assert.equal((await read(client, 4)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
    })
  })

  test('a stopped broker loses its leaderships and restarts with its log', async () => {
    await inVirtualWorld(THREE, async ({ connect, cluster }) => {
      const { leaderId } = cluster.partition('orders', 0)
      await send(await connect(leaderId), { values: ['kept'] })
      await cluster.stop(leaderId)
      const moved = cluster.partition('orders', 0)
      assert.notEqual(moved.leaderId, leaderId)
      assert.equal(moved.leaderEpoch, 1)
      await assert.rejects(connect(leaderId), /ECONNREFUSED/)
      const client = await connect(moved.leaderId)
      assert.deepEqual(valuesOf((await read(client, 0)).records), ['kept'])
      const { brokers } = await client.request(metadata, 9, { topics: [] })
      assert.equal(brokers.length, 2)
      await cluster.start(leaderId)
      const back = await (await connect(leaderId)).request(metadata, 9, { topics: [] })
      assert.equal(back.brokers.length, 3)
    })
  })

  test('a killed broker leads until its session times out', async () => {
    const options = { ...THREE, brokerSessionTimeoutMs: 5000 }
    await inVirtualWorld(options, async ({ world, connect, cluster }) => {
      const { leaderId } = cluster.partition('orders', 0)
      const client = await connect(leaderId)
      world.process(`broker-${leaderId}`).kill()
      await cluster.stop(leaderId, { abruptly: true })
      await client.closed
      await world.sleep(4900)
      assert.equal(cluster.partition('orders', 0).leaderId, leaderId)
      await world.sleep(200)
      assert.notEqual(cluster.partition('orders', 0).leaderId, leaderId)
      await cluster.start(leaderId)
      await connect(leaderId)
    })
  })

  test('without another replica a partition is leaderless until its broker is back', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      await send(await connect(), { values: ['kept'] })
      await cluster.stop(1)
      assert.equal(cluster.partition('orders', 0).leaderId, -1)
      await cluster.start(1)
      assert.equal(cluster.partition('orders', 0).leaderId, 1)
      const client = await connect()
      assert.deepEqual(valuesOf((await read(client, 0)).records), ['kept'])
    })
  })
})
