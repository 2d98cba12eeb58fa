import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ErrorCode,
  incrementalAlterConfigs,
  leaveGroup,
  offsetCommit,
  offsetDelete,
} from '@odradek/protocol'
import type { RawClient } from '../raw-client.test-kit.ts'
import { batchOf, inVirtualWorld, join, read, send, sync } from '../virtual-cluster.test-kit.ts'
import type { ExpireEvent, TombstoneEvent } from './cluster-events.ts'

const HOUR = 3_600_000
const TIMES = { offsetsRetentionMs: 600_000, offsetsRetentionCheckIntervalMs: 60_000 }

const commit = (client: RawClient, memberId = '', epoch = -1, topic = 'orders', version = 9) =>
  client.request(offsetCommit, version, {
    groupId: 'group',
    memberId,
    generationIdOrMemberEpoch: epoch,
    ...(version < 5 ? { retentionTimeMs: 1000 } : {}),
    topics: [
      {
        name: topic,
        partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: '' }],
      },
    ],
  })

test('offsets of an empty group go some time after it became empty, and the group with them', async () => {
  await inVirtualWorld({ topics: { orders: 1 }, ...TIMES }, async ({ world, connect, cluster }) => {
    const tombstones: TombstoneEvent[] = []
    const states: string[] = []
    cluster.on('tombstone', (event) => tombstones.push(event))
    cluster.on('group', ({ state }) => states.push(state))
    const client = await connect()
    const joined = await join(client, { sessionTimeoutMs: 1_800_000 })
    await sync(client, joined)
    await commit(client, joined.memberId, 1)
    await world.sleep(1_200_000)
    assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 5)
    await client.request(leaveGroup, 5, {
      groupId: 'group',
      members: [{ memberId: joined.memberId }],
    })
    await world.sleep(500_000)
    assert.deepEqual(tombstones, [])
    await world.sleep(200_000)
    const [{ cause, offset, topic, partition } = {}] = tombstones as Partial<TombstoneEvent>[]
    assert.deepEqual([cause, offset, topic, partition], ['expired', 5, 'orders', 0])
    assert.equal(cluster.committedOffset('group', 'orders', 0), undefined)
    assert.equal(states.at(-1), 'Dead')
    assert.equal(cluster.group('group'), undefined)
  })
})

test('offsets without members expire after the last commit, or when an old client sets it', async () => {
  await inVirtualWorld({ topics: { orders: 1 }, ...TIMES }, async ({ world, connect, cluster }) => {
    const client = await connect()
    await commit(client)
    await world.sleep(400_000)
    await commit(client)
    await world.sleep(400_000)
    assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 5)
    await world.sleep(300_000)
    assert.equal(cluster.committedOffset('group', 'orders', 0), undefined)
    await commit(client, '', -1, 'orders', 3)
    await world.sleep(70_000)
    assert.equal(cluster.committedOffset('group', 'orders', 0), undefined)
  })
})

test('every removal of offsets emits a tombstone', async () => {
  const topics = { orders: 1, returns: 1, spare: 1 }
  await inVirtualWorld({ topics }, async ({ connect, cluster }) => {
    const causes: string[] = []
    cluster.on('tombstone', ({ topic, cause }) => causes.push(`${topic} ${cause}`))
    const client = await connect()
    for (const topic of Object.keys(topics)) await commit(client, '', -1, topic)
    await client.request(offsetDelete, 0, {
      groupId: 'group',
      topics: [{ name: 'returns', partitions: [{ partitionIndex: 0 }] }],
    })
    cluster.deleteTopic('orders')
    cluster.expireOffsets('group')
    assert.deepEqual(causes, ['returns deleted', 'orders topicDeleted', 'spare expired'])
  })
})

test('records go when they are too old', async () => {
  const topics = { orders: { configs: { 'retention.ms': 60_000 } } }
  const options = { topics, logRetentionCheckIntervalMs: 10_000 }
  await inVirtualWorld(options, async ({ world, connect, cluster }) => {
    const events: ExpireEvent[] = []
    cluster.on('expire', (event) => events.push(event))
    const client = await connect()
    const now = world.process('client').environment.clock.now()
    await send(client, { values: ['old'], timestamp: now })
    await send(client, { values: ['young'], timestamp: now + 50_000 })
    await world.sleep(80_000)
    assert.equal(cluster.partition('orders', 0).logStartOffset, 1)
    assert.equal((await read(client, 0)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
    assert.deepEqual(
      events.map(({ cause, logStartOffset, previousLogStartOffset }) => [
        ...[cause, previousLogStartOffset, logStartOffset],
      ]),
      [['retention', 0, 1]],
    )
    await world.sleep(80_000)
    assert.equal(cluster.partition('orders', 0).logStartOffset, 2)
  })
})

test('records are removed when there are too many, but only where a topic sets retention', async () => {
  const options = { topics: { orders: 1 }, logRetentionCheckIntervalMs: 10_000 }
  await inVirtualWorld(options, async ({ world, connect, cluster }) => {
    const client = await connect()
    for (let count = 0; count < 5; count++) await send(client, { timestamp: 1 })
    await world.sleep(HOUR / 2)
    assert.equal(cluster.partition('orders', 0).logStartOffset, 0, 'nothing goes by itself')
    await client.request(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 2,
          resourceName: 'orders',
          configs: [
            { name: 'retention.bytes', configOperation: 0, value: String(2 * batchOf().length) },
          ],
        },
      ],
      validateOnly: false,
    })
    await world.sleep(20_000)
    assert.equal(cluster.partition('orders', 0).logStartOffset, 3)
  })
})
