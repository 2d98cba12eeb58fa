import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  apiVersions,
  consumerGroupDescribe,
  consumerGroupHeartbeat,
  decodeAssignment,
  deleteGroups,
  describeGroups,
  ErrorCode,
  encodeSubscription,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  type RequestInput,
  syncGroup,
} from '@odradek/protocol'
import type { GroupEvent } from '../cluster/cluster-events.ts'
import { UsageError } from '../options/usage-error.ts'
import type { RawClient } from '../raw-client.test-kit.ts'
import { startBroker } from '../start-broker.ts'
import { inVirtualWorld, join, joinBody, sync, topicIdOf } from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 4 } }
const SUBSCRIPTION = encodeSubscription({ topics: ['orders'], ownedPartitions: [] })

type Body = RequestInput<typeof consumerGroupHeartbeat>

const bodyOf = (memberId: string, more: Partial<Body> = {}): Body => ({
  groupId: 'group',
  memberId,
  memberEpoch: 0,
  ...more,
})

const beat = (client: RawClient, memberId: string, more: Partial<Body> = {}, version = 1) =>
  client.request(consumerGroupHeartbeat, version, bodyOf(memberId, more))

const enter = (client: RawClient, memberId: string, more: Partial<Body> = {}, version = 1) =>
  beat(
    client,
    memberId,
    {
      rebalanceTimeoutMs: 30_000,
      subscribedTopicNames: ['orders'],
      topicPartitions: [],
      ...more,
    },
    version,
  )

const commitBody = (topicId: string, memberId: string, epoch: number, partition = 0) => ({
  groupId: 'group',
  memberId,
  generationIdOrMemberEpoch: epoch,
  topics: [
    {
      name: 'orders',
      topicId,
      partitions: [{ partitionIndex: partition, committedOffset: 7, committedMetadata: '' }],
    },
  ],
})

/** Two settled members with two partitions each; both in epoch 3. */
async function settle(client: RawClient, topicId: string): Promise<void> {
  const owned = (...partitions: number[]) => ({ topicPartitions: [{ topicId, partitions }] })
  await enter(client, 'a')
  await enter(client, 'b')
  await beat(client, 'a', { memberEpoch: 2, ...owned(0, 1, 2, 3) })
  await beat(client, 'a', { memberEpoch: 2, ...owned(0, 1) })
  await beat(client, 'b', { memberEpoch: 3 })
}

describe('consumer groups on the wire', () => {
  test('members share partitions, and checkers see every step', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const events: GroupEvent[] = []
      cluster.on('group', (event) => events.push(event))
      const client = await connect()
      const topicId = await topicIdOf(client)
      const { memberId } = await enter(client, '', { groupId: 'other' }, 0)
      assert.match(memberId ?? '', /^[\w-]{22}$/)
      await settle(client, topicId)
      const view = cluster.group('group')
      assert.equal(view?.type, 'consumer')
      assert.equal(view?.state, 'Stable')
      assert.deepEqual(
        view?.members.map(({ modern }) => modern?.assigned.map(({ partition }) => partition)),
        [
          [0, 1],
          [2, 3],
        ],
      )
      assert.deepEqual(
        view?.members.map(({ assignment }) => decodeAssignment(assignment).assignedPartitions),
        [[{ topic: 'orders', partitions: [0, 1] }], [{ topic: 'orders', partitions: [2, 3] }]],
      )
      const revoking = events.find((event) =>
        event.members.some(({ modern }) => (modern?.pendingRevocation.length ?? 0) > 0),
      )
      assert.equal(revoking?.state, 'Reconciling')
      assert.equal(revoking?.cause, 'heartbeat')
      assert.equal(revoking?.generationId, revoking?.assignmentEpoch)
    })
  })

  test('requests that make no sense are refused with a sentence', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const refused = async (more: Partial<Body>, memberId = 'a', version = 1) => {
        const answer = await enter(client, memberId, more, version)
        assert.equal(typeof answer.errorMessage, 'string')
        return answer.errorCode
      }
      const { INVALID_REQUEST } = ErrorCode
      assert.equal(await refused({}, ''), INVALID_REQUEST)
      assert.equal(await refused({ memberEpoch: 1 }, '', 0), INVALID_REQUEST)
      assert.equal(await refused({ instanceId: '' }), INVALID_REQUEST)
      assert.equal(await refused({ rackId: '' }), INVALID_REQUEST)
      assert.equal(await refused({ memberEpoch: -3 }), INVALID_REQUEST)
      assert.equal(await refused({ memberEpoch: -2 }), INVALID_REQUEST)
      assert.equal(await refused({ rebalanceTimeoutMs: -1 }), INVALID_REQUEST)
      assert.equal(await refused({ topicPartitions: null }), INVALID_REQUEST)
      assert.equal(await refused({ subscribedTopicNames: null }), INVALID_REQUEST)
      assert.equal(await refused({ serverAssignor: 'best' }), ErrorCode.UNSUPPORTED_ASSIGNOR)
      const pattern = { subscribedTopicRegex: '(' }
      assert.equal(await refused(pattern), ErrorCode.INVALID_REGULAR_EXPRESSION)
      const unknown = { memberEpoch: 5, subscribedTopicNames: null }
      assert.equal(await refused(unknown), ErrorCode.GROUP_ID_NOT_FOUND)
      assert.equal((await client.request(listGroups, 5, {})).groups.length, 0)
    })
  })

  test('a pattern finds topics that are created later', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
      const client = await connect()
      const pattern = { subscribedTopicNames: null, subscribedTopicRegex: 'or.*' }
      const joined = await enter(client, 'a', pattern)
      assert.deepEqual(joined.assignment?.topicPartitions, [])
      await world.sleep(10)
      const told = await beat(client, 'a', { memberEpoch: 1 })
      assert.equal(told.assignment?.topicPartitions[0]?.partitions.length, 4)
      cluster.createTopic('oranges', 2)
      await beat(client, 'a', { memberEpoch: 2 })
      await world.sleep(10)
      const more = await beat(client, 'a', { memberEpoch: 2 })
      assert.equal(more.assignment?.topicPartitions.length, 2)
    })
  })

  test('a new coordinator continues where the last one was, with fresh sessions', async () => {
    const options = { ...ORDERS, brokers: 3, groupConsumerSessionTimeoutMs: 10_000 }
    await inVirtualWorld(options, async ({ world, connect, cluster }) => {
      const oldId = cluster.coordinatorOf('group')
      const nextId = (oldId % 3) + 1
      const [old, next] = [await connect(oldId), await connect(nextId)]
      await settle(old, await topicIdOf(old))
      await world.sleep(9000)
      cluster.moveCoordinator('group', nextId)
      const moved = await beat(old, 'a', { memberEpoch: 3 })
      assert.equal(moved.errorCode, ErrorCode.NOT_COORDINATOR)
      await world.sleep(9000)
      assert.equal((await beat(next, 'a', { memberEpoch: 3 })).errorCode, 0)
      await world.sleep(2000)
      const alone = await beat(next, 'a', { memberEpoch: 3 })
      assert.equal(alone.assignment?.topicPartitions[0]?.partitions.length, 4)
      assert.equal(cluster.group('group')?.members.length, 1)
    })
  })

  test('groups are described and listed by type and state', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const topicId = await topicIdOf(client)
      await enter(client, 'a', { instanceId: 'pod', rackId: 'here' })
      const { groups } = await client.request(consumerGroupDescribe, 1, {
        groupIds: ['group', 'other'],
        includeAuthorizedOperations: true,
      })
      const [group, other] = groups
      assert.equal(group?.groupState, 'Stable')
      assert.deepEqual([group?.groupEpoch, group?.assignmentEpoch], [2, 2])
      assert.equal(group?.assignorName, 'uniform')
      const [member] = group?.members ?? []
      assert.deepEqual([member?.instanceId, member?.rackId, member?.memberType], ['pod', 'here', 1])
      assert.deepEqual(member?.targetAssignment.topicPartitions, [
        { topicId, topicName: 'orders', partitions: [0, 1, 2, 3] },
      ])
      assert.equal(other?.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      const classic = await client.request(describeGroups, 6, { groups: ['group'] })
      assert.equal(classic.groups[0]?.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      const list = async (typesFilter: string[], statesFilter: string[] = []) =>
        (await client.request(listGroups, 5, { typesFilter, statesFilter })).groups
      assert.deepEqual(await list(['consumer'], ['stable']), [
        {
          groupId: 'group',
          protocolType: 'consumer',
          groupState: 'Stable',
          groupType: 'consumer',
        },
      ])
      assert.deepEqual(await list(['classic']), [])
      assert.deepEqual(await list([], ['Empty']), [])
    })
  })

  test('a group is deleted when it is empty, offsets when their topic has no subscriber', async () => {
    const topics = { orders: 4, returns: 1 }
    await inVirtualWorld({ topics }, async ({ connect }) => {
      const client = await connect()
      await enter(client, 'a')
      const remove = async () => {
        const { results } = await client.request(deleteGroups, 2, { groupsNames: ['group'] })
        return results[0]?.errorCode
      }
      const { topics: deleted } = await client.request(offsetDelete, 0, {
        groupId: 'group',
        topics: ['orders', 'returns'].map((name) => ({
          name,
          partitions: [{ partitionIndex: 0 }],
        })),
      })
      assert.deepEqual(
        deleted.map(({ partitions }) => partitions[0]?.errorCode),
        [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, 0],
      )
      assert.equal(await remove(), ErrorCode.NON_EMPTY_GROUP)
      await beat(client, 'a', { memberEpoch: -1 })
      assert.equal(await remove(), 0)
      const gone = await beat(client, 'a', { memberEpoch: 1 })
      assert.equal(gone.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    })
  })

  test('the feature can be switched off, and wrong options are refused', async () => {
    const off = { ...ORDERS, features: { 'group.version': 0 } }
    const featuresOf = async (client: RawClient) => {
      const software = { clientSoftwareName: 'raw', clientSoftwareVersion: '1' }
      const { finalizedFeatures } = await client.request(apiVersions, 3, software)
      return finalizedFeatures.find(({ name }) => name === 'group.version')?.maxVersionLevel
    }
    await inVirtualWorld(off, async ({ connect }) => {
      const client = await connect()
      assert.equal(await featuresOf(client), undefined)
      assert.equal((await enter(client, 'a')).errorCode, ErrorCode.UNSUPPORTED_VERSION)
    })
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      assert.equal(await featuresOf(await connect()), 1)
    })
    for (const options of [
      { features: { 'group.version': 2 } },
      { features: { magic: 1 } as never },
      { groupConsumerMigrationPolicy: 'maybe' as never },
      { commitsByAssignmentEpoch: 1 as never },
    ]) {
      await assert.rejects(startBroker(options), UsageError)
    }
  })
})

describe('offsets of consumer groups', () => {
  const codeOf = async (client: RawClient, body: RequestInput<typeof offsetCommit>, version = 9) =>
    (await client.request(offsetCommit, version, body)).topics[0]?.partitions[0]?.errorCode

  test('a member commits and fetches under its epoch', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      const topicId = await topicIdOf(client)
      await settle(client, topicId)
      const commit = (memberId: string, epoch: number, version = 9) =>
        codeOf(client, commitBody(topicId, memberId, epoch), version)
      assert.equal(await commit('a', 3), 0)
      assert.equal(await commit('a', 3, 10), 0)
      assert.equal(await commit('a', 3, 8), ErrorCode.UNSUPPORTED_VERSION)
      assert.equal(await commit('a', 4), ErrorCode.STALE_MEMBER_EPOCH)
      assert.equal(await commit('x', 3), ErrorCode.UNKNOWN_MEMBER_ID)
      assert.equal(await commit('', -1), ErrorCode.UNKNOWN_MEMBER_ID)
      assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 7)
      const read = async (memberId: string | null, memberEpoch: number, version = 10) => {
        const topics = [{ name: 'orders', topicId, partitionIndexes: [0] }]
        const { groups } = await client.request(offsetFetch, version, {
          groups: [{ groupId: 'group', memberId, memberEpoch, topics }],
        })
        return groups[0]?.errorCode || groups[0]?.topics[0]?.partitions[0]?.committedOffset
      }
      assert.equal(await read('a', 3), 7)
      assert.equal(await read('a', 3, 9), 7)
      assert.equal(await read(null, -1), 7)
      assert.equal(await read('a', 1), ErrorCode.STALE_MEMBER_EPOCH)
      assert.equal(await read('x', 1), ErrorCode.UNKNOWN_MEMBER_ID)
      await beat(client, 'a', { memberEpoch: -1 })
      await beat(client, 'b', { memberEpoch: -1 })
      assert.equal(await commit('', -1), 0)
    })
  })

  test('an older epoch commits partitions that the member has owned since then', async () => {
    for (const commitsByAssignmentEpoch of [true, false]) {
      const options = { ...ORDERS, commitsByAssignmentEpoch }
      await inVirtualWorld(options, async ({ connect }) => {
        const client = await connect()
        const topicId = await topicIdOf(client)
        await settle(client, topicId)
        await beat(client, 'b', { memberEpoch: -1 })
        await beat(client, 'a', { memberEpoch: 3 })
        const commit = (epoch: number, partition: number) =>
          codeOf(client, commitBody(topicId, 'a', epoch, partition))
        const expected = commitsByAssignmentEpoch ? 0 : ErrorCode.STALE_MEMBER_EPOCH
        assert.equal(await commit(4, 3), 0)
        assert.equal(await commit(2, 0), expected)
        assert.equal(await commit(3, 1), expected)
        assert.equal(await commit(3, 3), ErrorCode.STALE_MEMBER_EPOCH)
      })
    }
  })

  test('an unknown topic id is reported for its own partitions under an older epoch', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const client = await connect()
      const topicId = await topicIdOf(client)
      await settle(client, topicId)
      await beat(client, 'b', { memberEpoch: -1 })
      await beat(client, 'a', { memberEpoch: 3 })
      const known = commitBody(topicId, 'a', 3, 1)
      const unknown = commitBody(Buffer.alloc(16, 7).toString('base64url'), 'a', 3, 1)
      const topics = [...known.topics, ...unknown.topics]
      const answer = await client.request(offsetCommit, 10, { ...known, topics })
      const codes = answer.topics.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorCode),
      )
      assert.deepEqual(codes, [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_ID])
    })
  })
})

describe('migration', () => {
  const protocols = [{ name: 'range', metadata: SUBSCRIPTION }]
  const classicJoin = (client: RawClient, memberId: string) =>
    client.request(joinGroup, 9, joinBody({ memberId, protocols }))
  const classicBeat = async (client: RawClient, memberId: string, generationId: number) =>
    (await client.request(heartbeat, 4, { groupId: 'group', generationId, memberId })).errorCode

  test('an empty group takes the protocol of the next member, and keeps its offsets', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      const topicId = await topicIdOf(client)
      await client.request(offsetCommit, 9, commitBody(topicId, '', -1))
      assert.equal((await enter(client, 'a')).memberEpoch, 2)
      assert.equal(cluster.group('group')?.type, 'consumer')
      await beat(client, 'a', { memberEpoch: -1 })
      const { errorCode, memberId } = await join(client, { protocols })
      assert.equal(errorCode, 0)
      assert.equal(cluster.group('group')?.type, 'classic')
      assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 7)
      const leaving = { groupId: 'group', members: [{ memberId }] }
      await client.request(leaveGroup, 5, leaving)
      assert.equal((await enter(client, 'a')).errorCode, 0)
    })
  })

  test('a group with members converts to KIP-848 and back', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const types: string[] = []
      cluster.on('group', ({ type, state }) => types.push(`${type} ${state}`))
      const [old, modern] = [await connect(), await connect()]
      const topicId = await topicIdOf(old)
      const joined = await join(old, { protocols })
      const { memberId } = joined
      await old.request(syncGroup, 5, {
        groupId: 'group',
        generationId: 1,
        memberId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: [],
      })
      assert.equal((await enter(modern, 'new')).memberEpoch, 2)
      assert.equal(cluster.group('group')?.type, 'consumer')
      assert.equal(await classicBeat(old, memberId, 1), ErrorCode.REBALANCE_IN_PROGRESS)
      const again = await classicJoin(old, memberId)
      assert.equal(again.generationId, 2)
      const share = await sync(old, { ...again, members: [] })
      assert.equal(decodeAssignment(share.assignment).assignedPartitions[0]?.partitions.length, 2)
      const owned = { topicPartitions: [{ topicId, partitions: [2, 3] }] }
      await beat(modern, 'new', { memberEpoch: 2, ...owned })
      await beat(modern, 'new', { memberEpoch: -1 })
      assert.equal(cluster.group('group')?.type, 'classic')
      assert.equal(await classicBeat(old, memberId, 2), ErrorCode.REBALANCE_IN_PROGRESS)
      const last = await classicJoin(old, memberId)
      assert.equal(last.leader, memberId)
      assert.ok(types.includes('consumer Stable'))
      assert.equal(types.at(-1), 'classic CompletingRebalance')
    })
  })

  test('a group that may not go over stays, and refuses', async () => {
    const options = { ...ORDERS, groupConsumerMigrationPolicy: 'downgrade' as const }
    await inVirtualWorld(options, async ({ connect, cluster }) => {
      const client = await connect()
      await join(client, { protocols })
      assert.equal((await enter(client, 'new')).errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      assert.equal(cluster.group('group')?.type, 'classic')
    })
  })

  test('a request that is refused converts nothing', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const client = await connect()
      await join(client, { protocols })
      const refused = await enter(client, 'new', { subscribedTopicRegex: '(' })
      assert.equal(refused.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION)
      assert.equal(cluster.group('group')?.type, 'classic')
    })
  })
})
