import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, fetch } from '@odradek/protocol'
import type { EmbeddedCluster } from '../embedded-cluster.ts'
import { UsageError } from '../options/usage-error.ts'
import type { RawClient } from '../raw-client.test-kit.ts'
import {
  fetchBody,
  inVirtualWorld,
  read,
  send,
  topicIdOf,
  valuesOf,
} from '../virtual-cluster.test-kit.ts'

const RACKS = {
  brokers: 3,
  racks: ['a', 'b', 'c'],
  topics: { orders: { partitions: 1, replicationFactor: 2 } },
  replicaSelector: 'rack' as const,
}

/** The leader, its follower, and the broker that has no replica. */
function placesOf(cluster: EmbeddedCluster) {
  const { leaderId, replicas } = cluster.partition('orders', 0)
  const followerId = replicas.find((nodeId) => nodeId !== leaderId) ?? -1
  const strangerId = 6 - leaderId - followerId
  const rackOf = (nodeId: number): string => RACKS.racks[nodeId - 1] ?? ''
  return { leaderId, followerId, strangerId, rackOf }
}

const nearest = async (client: RawClient, rackId: string, offset = 0) =>
  (await read(client, offset, { rackId, maxWaitMs: 10_000 })).preferredReadReplica

test('the leader sends consumers to a replica in their rack, and gives them nothing', async () => {
  await inVirtualWorld(RACKS, async ({ connect, cluster }) => {
    const { leaderId, followerId, strangerId, rackOf } = placesOf(cluster)
    const client = await connect(leaderId)
    await send(client, { values: ['a', 'b'] })
    const answer = await read(client, 0, { rackId: rackOf(followerId), maxWaitMs: 10_000 })
    assert.equal(answer.preferredReadReplica, followerId)
    assert.deepEqual(valuesOf(answer.records), [])
    assert.equal(await nearest(client, rackOf(leaderId)), -1)
    assert.equal(await nearest(client, rackOf(strangerId)), -1)
    assert.equal(await nearest(client, ''), -1)
    await cluster.stop(followerId)
    assert.equal(await nearest(client, rackOf(followerId)), -1)
  })
})

test('a follower serves what it has copied, and a broker without a replica refuses', async () => {
  await inVirtualWorld(RACKS, async ({ connect, cluster }) => {
    const { leaderId, followerId, strangerId, rackOf } = placesOf(cluster)
    await send(await connect(leaderId), { values: ['a', 'b'] })
    const rackId = rackOf(followerId)
    const follower = await connect(followerId)
    const answer = await read(follower, 0, { rackId })
    assert.deepEqual(valuesOf(answer.records), ['a', 'b'])
    assert.equal(answer.preferredReadReplica, -1)
    assert.equal(answer.highWatermark, 2)
    const stranger = await read(await connect(strangerId), 0, { rackId })
    assert.equal(stranger.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const { responses } = await follower.request(fetch, 10, fetchBody(0))
    assert.equal(responses[0]?.partitions[0]?.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert.equal((await send(follower)).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })
})

test('a follower that lags ends earlier, and refuses offsets beyond that end', async () => {
  await inVirtualWorld(RACKS, async ({ world, connect, cluster }) => {
    const { leaderId, followerId, rackOf } = placesOf(cluster)
    const rackId = rackOf(followerId)
    const [leader, follower] = [await connect(leaderId), await connect(followerId)]
    for (const value of ['a', 'b', 'c']) await send(leader, { values: [value] })
    cluster.lagFollower('orders', 0, followerId, { to: 2 })
    const answer = await read(follower, 0, { rackId })
    assert.deepEqual(valuesOf(answer.records), ['a', 'b'])
    assert.equal(answer.highWatermark, 2)
    const code = async (offset: number) => (await read(follower, offset, { rackId })).errorCode
    assert.equal(await code(2), 0)
    assert.equal(await code(3), ErrorCode.OFFSET_OUT_OF_RANGE)
    assert.equal(await nearest(leader, rackId, 2), followerId)
    assert.equal(await nearest(leader, rackId, 3), -1, 'it has not come that far')
    cluster.lagFollower('orders', 0, followerId, { to: 2, error: 'OFFSET_NOT_AVAILABLE' })
    assert.equal(await code(3), ErrorCode.OFFSET_NOT_AVAILABLE)
    assert.equal(await code(4), ErrorCode.OFFSET_OUT_OF_RANGE)
    const waiting = read(follower, 2, { rackId, maxWaitMs: 60_000 })
    await world.sleep(1000)
    cluster.lagFollower('orders', 0, followerId, { to: null })
    assert.deepEqual(valuesOf((await waiting).records), ['c'])
  })
})

test('a follower has batches as a whole', async () => {
  await inVirtualWorld(RACKS, async ({ connect, cluster }) => {
    const { leaderId, followerId, rackOf } = placesOf(cluster)
    const leader = await connect(leaderId)
    await send(leader, { values: ['a'] })
    await send(leader, { values: ['b', 'c', 'd'] })
    cluster.lagFollower('orders', 0, followerId, { to: 3 })
    const answer = await read(await connect(followerId), 0, { rackId: rackOf(followerId) })
    assert.deepEqual(valuesOf(answer.records), ['a'])
    assert.equal(answer.highWatermark, 1)
  })
})

test('an elected follower has everything, and only followers are held back', async () => {
  await inVirtualWorld(RACKS, async ({ connect, cluster }) => {
    const { leaderId, followerId, strangerId } = placesOf(cluster)
    await send(await connect(leaderId), { values: ['a'] })
    for (const nodeId of [leaderId, strangerId]) {
      assert.throws(() => cluster.lagFollower('orders', 0, nodeId, { to: 0 }), UsageError)
    }
    cluster.lagFollower('orders', 0, followerId, { to: 0 })
    cluster.moveLeader('orders', 0, followerId)
    assert.deepEqual(valuesOf((await read(await connect(followerId), 0)).records), ['a'])
  })
})

test('a session gets a preferred replica even when nothing is new', async () => {
  await inVirtualWorld(RACKS, async ({ connect, cluster }) => {
    const { leaderId, followerId, rackOf } = placesOf(cluster)
    const client = await connect(leaderId)
    const topicId = await topicIdOf(client)
    await cluster.stop(followerId)
    const topics = [
      { topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] },
    ]
    const rackId = rackOf(followerId)
    const first = await client.request(fetch, 16, fetchBody(0, { rackId, sessionEpoch: 0, topics }))
    await cluster.start(followerId)
    const { sessionId } = first
    const more = { rackId, sessionId, sessionEpoch: 1, topics: [] }
    const { responses } = await client.request(fetch, 16, fetchBody(0, more))
    assert.equal(responses[0]?.partitions[0]?.preferredReadReplica, followerId)
  })
})

test('without the option only leaders serve', async () => {
  await inVirtualWorld({ ...RACKS, replicaSelector: 'leader' }, async ({ connect, cluster }) => {
    const { leaderId, followerId, rackOf } = placesOf(cluster)
    const client = await connect(leaderId)
    await send(client, { values: ['a'] })
    const rackId = rackOf(followerId)
    const answer = await read(client, 0, { rackId })
    assert.deepEqual(valuesOf(answer.records), ['a'])
    const other = await read(await connect(followerId), 0, { rackId })
    assert.equal(other.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })
})
