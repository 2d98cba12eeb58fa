import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  alterShareGroupOffsets,
  consumerGroupHeartbeat,
  deleteGroups,
  deleteShareGroupOffsets,
  describeConfigs,
  describeShareGroupOffsets,
  ErrorCode,
  incrementalAlterConfigs,
  joinGroup,
  listGroups,
  type RequestInput,
  shareAcknowledge,
  shareFetch,
  shareGroupDescribe,
  shareGroupHeartbeat,
} from '@odradek/protocol'
import type { ShareEvent } from '../cluster/cluster-events.ts'
import type { RawClient } from '../raw-client.test-kit.ts'
import { inVirtualWorld, joinBody, send, topicIdOf, valuesOf } from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 1 } }
const GROUP_RESOURCE = 32

type FetchBody = RequestInput<typeof shareFetch>
type Batches = RequestInput<typeof shareAcknowledge>['topics'][number]['partitions'][number]
type Batch = Batches['acknowledgementBatches'][number]

const enter = (client: RawClient, memberId: string, more = {}) =>
  client.request(shareGroupHeartbeat, 1, {
    groupId: 'shares',
    memberId,
    memberEpoch: 0,
    subscribedTopicNames: ['orders'],
    ...more,
  })

/** A member's session with the broker of one partition. */
class Sharer {
  readonly client: RawClient
  readonly memberId: string
  readonly topicId: string
  epoch = 0

  constructor(client: RawClient, memberId: string, topicId: string) {
    this.client = client
    this.memberId = memberId
    this.topicId = topicId
  }

  async fetch(more: Partial<FetchBody> = {}, batches: readonly Batch[] = [], version = 2) {
    const answer = await this.client.request(shareFetch, version, {
      groupId: 'shares',
      memberId: this.memberId,
      shareSessionEpoch: this.epoch,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 500,
      batchSize: 500,
      topics: [
        {
          topicId: this.topicId,
          partitions: [{ partitionIndex: 0, acknowledgementBatches: batches }],
        },
      ],
      forgottenTopicsData: [],
      ...more,
    })
    if (answer.errorCode === 0) this.epoch++
    return answer
  }

  /** The ranges that it acquires. */
  async take(more: Partial<FetchBody> = {}, batches: readonly Batch[] = []) {
    const { errorCode, responses } = await this.fetch(more, batches)
    assert.equal(errorCode, 0)
    return (responses[0]?.partitions[0]?.acquiredRecords ?? []).map((range) => [
      ...[range.firstOffset, range.lastOffset, range.deliveryCount],
    ])
  }

  async acknowledge(firstOffset: number, lastOffset: number, type: number, more = {}) {
    const { errorCode, responses } = await this.client.request(shareAcknowledge, 2, {
      groupId: 'shares',
      memberId: this.memberId,
      shareSessionEpoch: this.epoch,
      topics: [
        {
          topicId: this.topicId,
          partitions: [
            {
              partitionIndex: 0,
              acknowledgementBatches: [{ firstOffset, lastOffset, acknowledgeTypes: [type] }],
            },
          ],
        },
      ],
      ...more,
    })
    if (errorCode === 0) this.epoch++
    return errorCode || (responses[0]?.partitions[0]?.errorCode ?? -1)
  }
}

const earliest = { 'share.auto.offset.reset': 'earliest' }

describe('share groups', () => {
  test('members are described and listed, and the group is of its own kind', async () => {
    await inVirtualWorld({ topics: { orders: 4 } }, async ({ world, connect, cluster }) => {
      const client = await connect()
      const joined = await enter(client, 'a', { rackId: 'here' })
      assert.equal(joined.errorCode, 0)
      assert.equal(joined.heartbeatIntervalMs, 5000)
      await world.sleep(10)
      const told = await enter(client, 'a', { memberEpoch: joined.memberEpoch })
      assert.equal(told.assignment?.topicPartitions[0]?.partitions.length, 4)
      const { groups } = await client.request(shareGroupDescribe, 1, {
        groupIds: ['shares', 'other'],
        includeAuthorizedOperations: false,
      })
      assert.deepEqual([groups[0]?.groupState, groups[0]?.assignorName], ['Stable', 'simple'])
      assert.equal(groups[0]?.members[0]?.rackId, 'here')
      assert.equal(groups[0]?.members[0]?.assignment.topicPartitions[0]?.partitions.length, 4)
      assert.equal(groups[1]?.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      const listed = await client.request(listGroups, 5, { typesFilter: ['share'] })
      assert.equal(listed.groups[0]?.groupType, 'share')
      assert.equal(cluster.group('shares')?.type, 'share')
      const classic = await client.request(joinGroup, 9, joinBody({ groupId: 'shares' }))
      assert.equal(classic.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
      const modern = await client.request(consumerGroupHeartbeat, 1, {
        groupId: 'shares',
        memberId: 'm',
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicNames: ['orders'],
        topicPartitions: [],
      })
      assert.equal(modern.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      const empty = await enter(client, 'a', { subscribedTopicNames: [] })
      assert.equal(empty.errorCode, ErrorCode.INVALID_REQUEST)
      const remove = () => client.request(deleteGroups, 2, { groupsNames: ['shares'] })
      assert.equal((await remove()).results[0]?.errorCode, ErrorCode.NON_EMPTY_GROUP)
      await enter(client, 'a', { memberEpoch: -1 })
      assert.equal((await remove()).results[0]?.errorCode, 0)
    })
  })

  test('a record goes to one member, and is accepted, released, rejected or renewed', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
      const events: ShareEvent[] = []
      cluster.on('share', (event) => events.push(event))
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      const topicId = await topicIdOf(client)
      await send(client, { values: ['a', 'b', 'c', 'd'] })
      const [one, two] = [
        new Sharer(client, 'one', topicId),
        new Sharer(await connect(), 'two', topicId),
      ]
      const first = await one.fetch()
      assert.equal(first.acquisitionLockTimeoutMs, 30_000)
      assert.deepEqual(valuesOf(first.responses[0]?.partitions[0]?.records ?? null).length, 4)
      assert.deepEqual(await two.take(), [])
      assert.equal(await one.acknowledge(0, 0, 1), 0)
      assert.equal(await one.acknowledge(1, 1, 2), 0)
      assert.equal(await one.acknowledge(2, 2, 3), 0)
      assert.deepEqual(await two.take(), [[1, 1, 2]])
      assert.equal(await two.acknowledge(3, 3, 1), ErrorCode.INVALID_RECORD_STATE)
      await world.sleep(20_000)
      assert.equal(await one.acknowledge(3, 3, 4), ErrorCode.INVALID_REQUEST)
      assert.equal(await one.acknowledge(3, 3, 4, { isRenewAck: true }), 0)
      await world.sleep(20_000)
      assert.deepEqual(cluster.sharePartition('shares', 'orders', 0), {
        startOffset: 1,
        records: [
          { offset: 1, state: 'available', deliveryCount: 2, memberId: '' },
          { offset: 2, state: 'done', deliveryCount: 1, memberId: '' },
          { offset: 3, state: 'acquired', deliveryCount: 1, memberId: 'one' },
        ],
      })
      assert.deepEqual(
        events.map(({ what, firstOffset, lastOffset }) => `${what} ${firstOffset}-${lastOffset}`),
        [
          ...['acquired 0-3', 'accepted 0-0', 'released 1-1', 'rejected 2-2'],
          ...['acquired 1-1', 'renewed 3-3', 'expired 1-1'],
        ],
      )
    })
  })

  test('a fetch waits for new records and for released ones', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const producer = await connect()
      const topicId = await topicIdOf(producer)
      const one = new Sharer(await connect(), 'one', topicId)
      const two = new Sharer(await connect(), 'two', topicId)
      const waiting = one.take({ maxWaitMs: 10_000 })
      await world.sleep(1000)
      await send(producer)
      assert.deepEqual(await waiting, [[0, 0, 1]])
      await two.take()
      const released = two.take({ maxWaitMs: 10_000 })
      await world.sleep(1000)
      await one.acknowledge(0, 0, 2)
      assert.deepEqual(await released, [[0, 0, 2]])
      const expired = one.take({ maxWaitMs: 60_000 })
      assert.deepEqual(await expired, [[0, 0, 3]])
      const started = world.process('client').environment.clock.monotonic()
      assert.deepEqual(await two.take({ maxWaitMs: 500 }), [])
      const waited = world.process('client').environment.clock.monotonic() - started
      assert.ok(waited >= 500 && waited < 600)
    })
  })

  test('minimum bytes, record limits and batch sizes', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      const topicId = await topicIdOf(client)
      for (let count = 0; count < 3; count++) await send(client, { values: ['a', 'b'] })
      const one = new Sharer(client, 'one', topicId)
      assert.deepEqual(await one.take({ maxRecords: 1, shareAcquireMode: 1 }), [[0, 0, 1]])
      assert.deepEqual(await one.take({ maxRecords: 2 }), [
        [1, 1, 1],
        [2, 3, 1],
      ])
      const large = { minBytes: 1_000_000, maxWaitMs: 100 }
      assert.deepEqual(await one.take(large), [[4, 5, 1]], 'its time is up')
    })
  })

  test('a group begins at the end unless share.auto.offset.reset is set', async () => {
    const resets = { earliest: 3, latest: 0, 'by_duration:PT1H': 1 }
    for (const [reset, count] of Object.entries(resets)) {
      await inVirtualWorld(ORDERS, async ({ world, connect }) => {
        const client = await connect()
        const topicId = await topicIdOf(client)
        const now = world.process('client').environment.clock.now()
        for (const age of [10, 5, 0.5]) await send(client, { timestamp: now - age * 3_600_000 })
        const { responses } = await client.request(incrementalAlterConfigs, 1, {
          resources: [
            {
              resourceType: GROUP_RESOURCE,
              resourceName: 'shares',
              configs: [{ name: 'share.auto.offset.reset', configOperation: 0, value: reset }],
            },
          ],
          validateOnly: false,
        })
        assert.equal(responses[0]?.errorCode, 0)
        const acquired = await new Sharer(client, 'one', topicId).take()
        const records = acquired.reduce((sum, [first = 0, last = -1]) => sum + last - first + 1, 0)
        assert.equal(records, count, reset)
      })
    }
  })

  test('what a group has set can be read, and nonsense is refused', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const set = async (name: string, value: string | null) => {
        const { responses } = await client.request(incrementalAlterConfigs, 1, {
          resources: [
            {
              resourceType: GROUP_RESOURCE,
              resourceName: 'shares',
              configs: [{ name, configOperation: 0, value }],
            },
          ],
          validateOnly: false,
        })
        return responses[0]?.errorCode
      }
      assert.equal(await set('share.record.lock.duration.ms', '15000'), 0)
      assert.equal(await set('share.record.lock.duration.ms', 'long'), ErrorCode.INVALID_CONFIG)
      assert.equal(await set('share.auto.offset.reset', 'by_duration:1h'), ErrorCode.INVALID_CONFIG)
      assert.equal(await set('retention.ms', '1'), ErrorCode.INVALID_CONFIG)
      const { results } = await client.request(describeConfigs, 4, {
        resources: [
          { resourceType: GROUP_RESOURCE, resourceName: 'shares', configurationKeys: null },
        ],
        includeSynonyms: true,
      })
      const found = new Map(results[0]?.configs.map((config) => [config.name, config]))
      const lock = found.get('share.record.lock.duration.ms')
      assert.deepEqual([lock?.value, lock?.configSource], ['15000', 8])
      assert.equal(found.get('share.auto.offset.reset')?.value, 'latest')
      const one = new Sharer(client, 'one', await topicIdOf(client))
      assert.equal((await one.fetch()).acquisitionLockTimeoutMs, 15_000)
    })
  })
})

describe('share sessions', () => {
  test('epochs are checked, and only a new session may begin', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      const one = new Sharer(client, 'one', await topicIdOf(client))
      assert.equal(await one.acknowledge(0, 0, 1), ErrorCode.INVALID_SHARE_SESSION_EPOCH)
      const code = async (epoch: number, batches: readonly Batch[] = []) =>
        (await one.fetch({ shareSessionEpoch: epoch }, batches)).errorCode
      assert.equal(await code(1), ErrorCode.SHARE_SESSION_NOT_FOUND)
      assert.equal(await code(-1), ErrorCode.SHARE_SESSION_NOT_FOUND)
      const batch = { firstOffset: 0, lastOffset: 0, acknowledgeTypes: [1] }
      assert.equal(await code(0, [batch]), ErrorCode.INVALID_REQUEST)
      assert.equal(await code(0), 0)
      assert.equal(await code(7), ErrorCode.INVALID_SHARE_SESSION_EPOCH)
      assert.equal(await code(1), 0)
      const renewing = await one.fetch({ shareSessionEpoch: 2, isRenewAck: true })
      assert.equal(renewing.errorCode, ErrorCode.INVALID_REQUEST)
    })
  })

  test('acknowledgements travel with fetches, and a renewal alone', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      await send(client, { values: ['a', 'b', 'c'] })
      const one = new Sharer(client, 'one', await topicIdOf(client))
      assert.deepEqual(await one.take(), [[0, 2, 1]])
      const batch = (offset: number, type: number) => ({
        firstOffset: offset,
        lastOffset: offset,
        acknowledgeTypes: [type],
      })
      assert.deepEqual(await one.take({}, [batch(0, 1), batch(1, 2)]), [[1, 1, 2]])
      const nothing = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxRecords: 0, batchSize: 0 }
      const renewed = await one.fetch({ ...nothing, isRenewAck: true }, [batch(2, 4)])
      assert.equal(renewed.responses[0]?.partitions[0]?.acknowledgeErrorCode, 0)
      const late = await one.fetch({}, [batch(0, 1), batch(9, 1)])
      const [partition] = late.responses[0]?.partitions ?? []
      assert.equal(partition?.acknowledgeErrorCode, ErrorCode.INVALID_REQUEST)
      assert.equal(partition?.errorCode, 0)
    })
  })

  test('what a session has goes back with it, and with its connection', async () => {
    const options = { ...ORDERS, groupShareMaxShareSessions: 1 }
    await inVirtualWorld(options, async ({ world, connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      const topicId = await topicIdOf(client)
      await send(client, { values: ['a'] })
      const one = new Sharer(client, 'one', topicId)
      await one.take()
      const own = await connect()
      const two = new Sharer(own, 'two', topicId)
      assert.equal((await two.fetch()).errorCode, ErrorCode.SHARE_SESSION_LIMIT_REACHED)
      assert.deepEqual(await one.take({ shareSessionEpoch: -1 }), [])
      assert.deepEqual(await two.take(), [[0, 0, 2]])
      own.destroy()
      await world.sleep(10)
      assert.deepEqual(await new Sharer(client, 'three', topicId).take(), [[0, 0, 3]])
    })
  })

  test('a member that the group misses has nothing any more', async () => {
    const options = { ...ORDERS, groupShareSessionTimeoutMs: 5000 }
    await inVirtualWorld(options, async ({ world, connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const client = await connect()
      await send(client)
      await enter(client, 'one')
      await enter(client, 'two')
      const one = new Sharer(client, 'one', await topicIdOf(client))
      await one.take()
      await world.sleep(6000)
      assert.equal(cluster.group('shares')?.state, 'Empty')
      assert.equal((await one.fetch()).errorCode, ErrorCode.SHARE_SESSION_NOT_FOUND)
    })
  })

  test('a new leader knows the decisions, and the old one returns the new leader', async () => {
    const options = { brokers: 2, topics: { orders: { partitions: 1, replicationFactor: 2 } } }
    await inVirtualWorld(options, async ({ connect, cluster }) => {
      cluster.configureGroup('shares', earliest)
      const { leaderId } = cluster.partition('orders', 0)
      const [old, next] = [await connect(leaderId), await connect(3 - leaderId)]
      const topicId = await topicIdOf(old)
      await send(old, { values: ['a', 'b', 'c'] })
      const one = new Sharer(old, 'one', topicId)
      await one.take()
      await one.acknowledge(0, 0, 1)
      cluster.moveLeader('orders', 0, 3 - leaderId)
      assert.equal(await one.acknowledge(1, 1, 1), ErrorCode.NOT_LEADER_OR_FOLLOWER)
      const moved = await one.fetch()
      assert.equal(moved.responses[0]?.partitions[0]?.currentLeader.leaderId, 3 - leaderId)
      assert.equal(moved.nodeEndpoints[0]?.nodeId, 3 - leaderId)
      assert.deepEqual(await new Sharer(next, 'one', topicId).take(), [[1, 2, 1]])
    })
  })
})

test('offsets of share groups are described, moved and deleted', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    cluster.configureGroup('shares', earliest)
    const client = await connect()
    await send(client, { values: ['a', 'b', 'c'] })
    const one = new Sharer(client, 'one', await topicIdOf(client))
    await enter(client, 'one')
    const describe = async (topics: { topicName: string; partitions: number[] }[] | null) => {
      const { groups } = await client.request(describeShareGroupOffsets, 1, {
        groups: [{ groupId: 'shares', topics }],
      })
      const [partition] = groups[0]?.topics[0]?.partitions ?? []
      return [groups[0]?.errorCode, partition?.startOffset, partition?.lag]
    }
    const orders = [{ topicName: 'orders', partitions: [0] }]
    assert.deepEqual(await describe(orders), [0, -1, -1])
    await one.take()
    await one.acknowledge(0, 0, 1)
    await one.acknowledge(2, 2, 1)
    assert.deepEqual(await describe(null), [0, 1, 1])
    const move = async (startOffset: number) => {
      const topics = [{ topicName: 'orders', partitions: [{ partitionIndex: 0, startOffset }] }]
      const answer = await client.request(alterShareGroupOffsets, 0, { groupId: 'shares', topics })
      return answer.errorCode
    }
    assert.equal(await move(0), ErrorCode.NON_EMPTY_GROUP)
    await enter(client, 'one', { memberEpoch: -1 })
    assert.equal(await move(0), 0)
    assert.deepEqual(await new Sharer(client, 'two', one.topicId).take(), [[0, 2, 1]])
    const removed = await client.request(deleteShareGroupOffsets, 0, {
      groupId: 'shares',
      topics: [{ topicName: 'orders' }, { topicName: 'nothing' }],
    })
    assert.deepEqual(
      removed.responses.map(({ errorCode }) => errorCode),
      [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    )
    assert.deepEqual(await describe(orders), [0, -1, -1])
  })
})

test('share groups can be switched off', async () => {
  const options = { ...ORDERS, features: { 'share.version': 0 } }
  await inVirtualWorld(options, async ({ connect }) => {
    const client = await connect()
    assert.equal((await enter(client, 'one')).errorCode, ErrorCode.UNSUPPORTED_VERSION)
    const one = new Sharer(client, 'one', await topicIdOf(client))
    assert.equal((await one.fetch()).errorCode, ErrorCode.UNSUPPORTED_VERSION)
  })
})
