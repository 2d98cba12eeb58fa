import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, heartbeat, metadata, offsetCommit, produce } from '@odradek/protocol'
import type { RawClient } from '../raw-client.test-kit.ts'
import { batchOf, inVirtualWorld, produceBody, send } from '../virtual-cluster.test-kit.ts'
import { Faults } from './faults.ts'

const ORDERS = { topics: { orders: 1, other: 1 } }
const ask = (client: RawClient) => client.request(metadata, 9, { topics: [] })
const commit = (client: RawClient, offset: number) =>
  client.request(offsetCommit, 2, {
    groupId: 'group',
    memberId: '',
    topics: [
      {
        name: 'orders',
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }],
      },
    ],
  })

test('an error replaces the response as often as the rule says', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    const client = await connect()
    const fault = cluster.faults.add({ api: 'Produce', error: 'NOT_ENOUGH_REPLICAS', times: 2 })
    for (const expected of [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.NOT_ENOUGH_REPLICAS, 0]) {
      assert.equal((await send(client)).errorCode, expected)
    }
    assert.equal(fault.hits, 2)
    assert.equal(cluster.partition('orders', 0).endOffset, 1)
  })
})

test('matchers look at the group, the topic, the client and the broker', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    const client = await connect(1, { clientId: 'me' })
    const beat = async (groupId: string) => {
      const { errorCode } = await client.request(heartbeat, 4, {
        groupId,
        generationId: 1,
        memberId: 'm',
      })
      return errorCode
    }
    const group = cluster.faults.add({ groupId: 'bad', errorCode: 14 })
    assert.equal(await beat('bad'), 14)
    assert.equal(await beat('good'), ErrorCode.UNKNOWN_MEMBER_ID)
    group.remove()
    assert.equal(await beat('bad'), ErrorCode.UNKNOWN_MEMBER_ID)
    cluster.faults.add({ topic: 'other', errorCode: 19 })
    assert.equal((await send(client)).errorCode, 0)
    const other = await client.request(produce, 9, produceBody(batchOf(), { topic: 'other' }))
    assert.equal(other.responses[0]?.partitionResponses[0]?.errorCode, 19)
    cluster.faults.add({ clientId: 'me', nodeId: 1, errorCode: 7 })
    assert.equal((await send(client)).errorCode, 7)
    assert.equal((await send(await connect())).errorCode, 0)
    cluster.faults.clear()
    assert.equal((await send(client)).errorCode, 0)
  })
})

test('a delayed request is handled late, even when its connection is gone', async () => {
  await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
    cluster.faults.add({ api: 'OffsetCommit', delayMs: 40_000, times: 1 })
    const [one, two] = [await connect(), await connect()]
    const lost = assert.rejects(commit(one, 100), /disconnected/)
    await world.sleep(10_000)
    one.destroy()
    await lost
    await commit(two, 200)
    assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 200)
    await world.sleep(40_000)
    assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 100)
  })
})

test('a delayed request of a broker that was killed meanwhile is never handled', async () => {
  await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
    cluster.faults.add({ api: 'OffsetCommit', delayMs: 1000, times: 1 })
    const lost = assert.rejects(commit(await connect(), 100), /disconnected/)
    await world.sleep(100)
    await cluster.stop(1, { abruptly: true })
    await lost
    await world.sleep(2000)
    assert.equal(cluster.committedOffset('group', 'orders', 0), undefined)
  })
})

test('connections are cut before the request, or after it', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    cluster.faults.add({ api: 'Produce', disconnect: 'before', times: 1 })
    await assert.rejects(send(await connect()), /disconnected/)
    assert.equal(cluster.partition('orders', 0).endOffset, 0)
    cluster.faults.add({ api: 'Produce', disconnect: 'after', times: 1 })
    await assert.rejects(send(await connect()), /disconnected/)
    assert.equal(cluster.partition('orders', 0).endOffset, 1)
  })
})

test('a dropped response leaves the connection silent and others unaffected', async () => {
  await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
    cluster.faults.add({ api: 'Produce', dropAnswer: true, times: 1 })
    const [silent, other] = [await connect(), await connect()]
    let isAnswered = false
    void send(silent).then(
      () => {
        isAnswered = true
      },
      () => undefined,
    )
    await world.sleep(100_000)
    assert.equal(isAnswered, false)
    assert.equal(cluster.partition('orders', 0).endOffset, 1)
    await ask(other)
  })
})

test('a throttled response has throttleTimeMs, and its connection is not read for that time', async () => {
  await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
    cluster.faults.add({ api: 'Metadata', throttleTimeMs: 5000, times: 1 })
    const client = await connect()
    const { throttleTimeMs } = await ask(client)
    assert.equal(throttleTimeMs, 5000)
    const before = world.now
    await ask(client)
    assert.ok(world.now - before >= 4990)
  })
})

test('a fault alters the response of the requests that it matches', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    const client = await connect()
    cluster.faults.add({
      api: 'Metadata',
      alterResponse: (response, request, version) => ({
        ...response,
        controllerId: (request['topics'] as []).length - version,
      }),
      times: 1,
    })
    assert.equal((await ask(client)).controllerId, -9)
    assert.equal((await ask(client)).controllerId, 1)
  })
})

test('a rule that makes no sense is refused', () => {
  const faults = new Faults()
  // Wrong on purpose, as untyped callers are.
  const add = (options: object) => () => faults.add(options)
  assert.throws(add({ delay: 1 }), /has no "delay"/)
  assert.throws(add({ api: 'Heartbeats' }), /does not exist\. Did you mean "Heartbeat"\?/)
  assert.throws(add({ error: 'OOPS' }), /does not exist/)
  assert.throws(add({ error: 'NONE', errorCode: 0 }), /not both/)
  assert.throws(add({ api: 'Produce', times: 1 }), /without an effect/)
  assert.throws(add({ delayMs: 1, times: 0 }), /1 or more/)
  assert.throws(add({ alterResponse: 1 }), /must be a function/)
  assert.throws(add({ disconnect: 'maybe' }), /"before" or "after"/)
})
