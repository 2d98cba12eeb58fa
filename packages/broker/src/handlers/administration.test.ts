import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterConfigs,
  createPartitions,
  createTopics,
  deleteGroups,
  deleteRecords,
  deleteTopics,
  describeCluster,
  describeConfigs,
  describeGroups,
  ErrorCode,
  encodeSubscription,
  incrementalAlterConfigs,
  listGroups,
  metadata,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  type RequestInput,
} from '@odradek/protocol'
import type { RawClient } from '../raw-client.test-kit.ts'
import { inVirtualWorld, join, send, sync } from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 2 } }
const TOPIC = 2

type NewTopic = RequestInput<typeof createTopics>['topics'][number]

async function create(client: RawClient, more: Partial<NewTopic> = {}, validateOnly = false) {
  const topic = {
    name: 'made',
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
    ...more,
  }
  const { topics } = await client.request(createTopics, 7, { topics: [topic], validateOnly })
  return topics[0]
}

async function configOf(client: RawClient, name: string, resourceName = 'orders') {
  const { results } = await client.request(describeConfigs, 4, {
    resources: [{ resourceType: TOPIC, resourceName, configurationKeys: [name] }],
    includeSynonyms: true,
  })
  return results[0]?.configs[0]
}

test('an empty list of names describes every config, as no list does', async () => {
  await inVirtualWorld(ORDERS, async ({ connect }) => {
    const client = await connect()
    const describe = async (configurationKeys: string[] | null, resourceName = 'orders') => {
      const { results } = await client.request(describeConfigs, 4, {
        resources: [{ resourceType: TOPIC, resourceName, configurationKeys }],
      })
      return results[0]
    }
    const all = await describe(null)
    assert.ok((all?.configs.length ?? 0) > 30)
    assert.deepEqual(await describe([]), all)
    assert.equal(all?.errorMessage, '')
    const unknown = await describe([], 'nothing')
    assert.deepEqual(
      [unknown?.errorCode, unknown?.errorMessage],
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ''],
    )
  })
})

test('topics are created as requested, or refused with a reason', async () => {
  await inVirtualWorld({ ...ORDERS, brokers: 3 }, async ({ connect, cluster }) => {
    const client = await connect()
    const made = await create(client, {
      numPartitions: 4,
      configs: [{ name: 'retention.ms', value: '1000' }],
    })
    assert.deepEqual([made?.errorCode, made?.numPartitions, made?.replicationFactor], [0, 4, 3])
    assert.equal(cluster.partition('made', 3).topicId, made?.topicId)
    assert.equal((await configOf(client, 'retention.ms', 'made'))?.value, '1000')
    const codeOf = async (more: Partial<NewTopic>) => (await create(client, more))?.errorCode
    assert.equal(await codeOf({}), ErrorCode.TOPIC_ALREADY_EXISTS)
    const name = 'next'
    assert.equal(await codeOf({ name: 'a/b' }), ErrorCode.INVALID_TOPIC_EXCEPTION)
    assert.equal(await codeOf({ name, numPartitions: 0 }), ErrorCode.INVALID_PARTITIONS)
    const factor = ErrorCode.INVALID_REPLICATION_FACTOR
    assert.equal(await codeOf({ name, replicationFactor: 4 }), factor)
    const configs = [{ name: 'nonsense', value: '1' }]
    assert.equal(await codeOf({ name, configs }), ErrorCode.INVALID_CONFIG)
    const place = (...brokerIds: readonly number[]) => [{ partitionIndex: 0, brokerIds }]
    const assignment = ErrorCode.INVALID_REPLICA_ASSIGNMENT
    assert.equal(await codeOf({ name, assignments: place(9) }), assignment)
    assert.equal((await create(client, { name }, true))?.errorCode, 0)
    assert.equal(await codeOf({ name, assignments: place(3, 1) }), 0)
    assert.deepEqual(cluster.partition('next', 0).replicas, [3, 1])
  })
})

test('topics grow, and go with their offsets', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    const client = await connect()
    const grow = async (count: number) => {
      const { results } = await client.request(createPartitions, 3, {
        topics: [{ name: 'orders', count, assignments: null }],
        timeoutMs: 1,
        validateOnly: false,
      })
      return results[0]?.errorCode
    }
    assert.equal(await grow(2), ErrorCode.INVALID_PARTITIONS)
    assert.equal(await grow(5), 0)
    assert.equal((await send(client, {}, 4)).errorCode, 0)
    await commit(client, 1)
    const { responses } = await client.request(deleteTopics, 6, {
      topics: [{ topicId: cluster.partition('orders', 0).topicId }, { name: 'nobody' }],
      timeoutMs: 1,
    })
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert.deepEqual(
      responses.map(({ errorCode }) => errorCode),
      [0, unknown],
    )
    assert.equal(cluster.committedOffset('group', 'orders', 0), undefined)
    const { topics } = await client.request(metadata, 12, { topics: null })
    assert.deepEqual(topics, [])
  })
})

test('metadata creates topics only where options and request allow it', async () => {
  for (const autoCreateTopics of [true, false]) {
    await inVirtualWorld({ autoCreateTopics, numPartitions: 3 }, async ({ connect }) => {
      const client = await connect()
      const ask = async (name: string, allowAutoTopicCreation: boolean) => {
        const { topics } = await client.request(metadata, 12, {
          topics: [{ name }],
          allowAutoTopicCreation,
        })
        return topics[0]?.partitions.length
      }
      assert.equal(await ask('no', false), 0)
      assert.equal(await ask('yes', true), autoCreateTopics ? 3 : 0)
    })
  }
})

test('configs are changed one by one or as a whole, and take effect immediately', async () => {
  await inVirtualWorld(ORDERS, async ({ connect }) => {
    const client = await connect()
    const alter = async (name: string, configOperation: number, value: string | null) => {
      const { responses } = await client.request(incrementalAlterConfigs, 1, {
        resources: [
          {
            resourceType: TOPIC,
            resourceName: 'orders',
            configs: [{ name, configOperation, value }],
          },
        ],
        validateOnly: false,
      })
      return responses[0]?.errorCode
    }
    assert.equal(await alter('max.message.bytes', 0, '70'), 0)
    assert.equal((await configOf(client, 'max.message.bytes'))?.configSource, 1)
    const tooLarge = await send(client, { values: ['long enough'] })
    assert.equal(tooLarge.errorCode, ErrorCode.MESSAGE_TOO_LARGE)
    assert.equal(await alter('max.message.bytes', 1, null), 0)
    assert.equal((await configOf(client, 'max.message.bytes'))?.configSource, 5)
    assert.equal(await alter('max.message.bytes', 0, 'many'), ErrorCode.INVALID_CONFIG)
    assert.equal(await alter('max.message.bytes', 2, '1'), ErrorCode.INVALID_CONFIG)
    assert.equal(await alter('cleanup.policy', 2, 'compact'), 0)
    assert.equal((await configOf(client, 'cleanup.policy'))?.value, 'delete,compact')
    assert.equal(await alter('cleanup.policy', 3, 'delete'), 0)
    assert.equal((await configOf(client, 'cleanup.policy'))?.value, 'compact')
    await client.request(alterConfigs, 2, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: 'orders',
          configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
        },
      ],
      validateOnly: false,
    })
    assert.equal((await configOf(client, 'cleanup.policy'))?.value, 'delete')
    assert.ok((await send(client)).logAppendTimeMs > 1_700_000_000_000)
  })
})

test('writes need as many replicas in sync as the topic says', async () => {
  const topics = { orders: { configs: { 'min.insync.replicas': 2 } } }
  await inVirtualWorld({ brokers: 2, topics }, async ({ connect, cluster }) => {
    const { leaderId } = cluster.partition('orders', 0)
    const client = await connect(leaderId)
    assert.equal((await send(client)).errorCode, 0)
    await cluster.stop(3 - leaderId)
    assert.equal((await send(client)).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
  })
})

test('records are deleted up to an offset', async () => {
  await inVirtualWorld(ORDERS, async ({ connect }) => {
    const client = await connect()
    await send(client, { values: ['a', 'b', 'c'] })
    const remove = async (offset: number) => {
      const { topics } = await client.request(deleteRecords, 2, {
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 1,
      })
      const { errorCode, lowWatermark } = topics[0]?.partitions[0] ?? {}
      return [errorCode, lowWatermark]
    }
    assert.deepEqual(await remove(2), [0, 2])
    assert.deepEqual(await remove(1), [0, 2])
    assert.deepEqual(await remove(4), [ErrorCode.OFFSET_OUT_OF_RANGE, -1])
    assert.deepEqual(await remove(-1), [0, 3])
  })
})

test('the cluster describes itself; the controller stays hidden', async () => {
  await inVirtualWorld({ brokers: 2, clusterId: 'mine' }, async ({ connect }) => {
    const client = await connect()
    const ask = (endpointType: number) =>
      client.request(describeCluster, 2, {
        includeClusterAuthorizedOperations: true,
        endpointType,
      })
    const { clusterId, controllerId, brokers } = await ask(1)
    assert.deepEqual([clusterId, controllerId, brokers.length], ['mine', 1, 2])
    assert.equal((await ask(2)).errorCode, ErrorCode.MISMATCHED_ENDPOINT_TYPE)
  })
})

async function commit(client: RawClient, committedOffset: number, metadataText = '') {
  const { topics } = await client.request(offsetCommit, 9, {
    groupId: 'group',
    memberId: '',
    topics: [
      {
        name: 'orders',
        partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: metadataText }],
      },
    ],
  })
  return topics[0]?.partitions[0]?.errorCode
}

test('groups are listed, described and deleted, offsets too', async () => {
  await inVirtualWorld(ORDERS, async ({ connect }) => {
    const client = await connect()
    const metadataOfMember = encodeSubscription({ topics: ['orders'], userData: null })
    assert.equal(await commit(client, 3), 0)
    assert.equal(await commit(client, 3, 'x'.repeat(5000)), ErrorCode.OFFSET_METADATA_TOO_LARGE)
    const joined = await join(client, {
      protocols: [{ name: 'range', metadata: metadataOfMember }],
    })
    await sync(client, joined)
    assert.equal(await commit(client, 4), ErrorCode.UNKNOWN_MEMBER_ID)
    const listed = await client.request(listGroups, 5, {
      statesFilter: ['stable'],
      typesFilter: ['classic'],
    })
    assert.deepEqual(
      listed.groups.map(({ groupId, groupState }) => [groupId, groupState]),
      [['group', 'Stable']],
    )
    const described = await client.request(describeGroups, 6, { groups: ['group', 'nobody'] })
    const [group, nobody] = described.groups
    assert.equal(group?.groupState, 'Stable')
    assert.deepEqual(group?.members[0]?.memberMetadata, metadataOfMember)
    assert.equal(nobody?.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    const old = await client.request(describeGroups, 5, { groups: ['nobody'] })
    assert.deepEqual([old.groups[0]?.errorCode, old.groups[0]?.groupState], [0, 'Dead'])
    const forget = async () => {
      const { topics } = await client.request(offsetDelete, 0, {
        groupId: 'group',
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }],
      })
      return topics[0]?.partitions[0]?.errorCode
    }
    const drop = async () => {
      const { results } = await client.request(deleteGroups, 2, { groupsNames: ['group'] })
      return results[0]?.errorCode
    }
    assert.equal(await forget(), ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC)
    assert.equal(await drop(), ErrorCode.NON_EMPTY_GROUP)
  })
})

test('an empty group is deleted with its offsets', async () => {
  await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
    const client = await connect()
    await commit(client, 3)
    const all = await client.request(offsetFetch, 7, { groupId: 'group', topics: null })
    assert.equal(all.topics[0]?.partitions[0]?.committedOffset, 3)
    const { results } = await client.request(deleteGroups, 2, { groupsNames: ['group', 'none'] })
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [0, ErrorCode.GROUP_ID_NOT_FOUND],
    )
    assert.equal(cluster.group('group'), undefined)
    assert.equal(await commit(client, 4), 0)
  })
})
