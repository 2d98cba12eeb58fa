import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ErrorCode,
  findCoordinator,
  heartbeat,
  joinGroup,
  offsetCommit,
  offsetFetch,
} from '@odradek/protocol'
import type { CommitEvent } from '../cluster/cluster-events.ts'
import type { RawClient } from '../raw-client.test-kit.ts'
import { inVirtualWorld, join, joinBody, sync } from '../virtual-cluster.test-kit.ts'

const ORDERS = { topics: { orders: 2 } }
const THREE = { brokers: 3, topics: { orders: { partitions: 1 } } }

describe('groups', () => {
  const stable = async (client: RawClient) => {
    const joined = await join(client)
    await sync(client, joined)
    return joined
  }
  const beat = async (client: RawClient, memberId: string, generationId: number) => {
    const { errorCode } = await client.request(heartbeat, 4, {
      groupId: 'group',
      generationId,
      memberId,
    })
    return errorCode
  }
  const commitBody = (offset: number, memberId = '', generationIdOrMemberEpoch = -1) => ({
    groupId: 'group',
    memberId,
    generationIdOrMemberEpoch,
    topics: [
      {
        name: 'orders',
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'here' }],
      },
    ],
  })

  test('members gather, share, commit and leave traces for checkers', async () => {
    await inVirtualWorld(ORDERS, async ({ connect, cluster }) => {
      const commits: CommitEvent[] = []
      const states: string[] = []
      cluster.on('commit', (event) => commits.push(event))
      cluster.on('group', ({ state, generationId }) => states.push(`${state} ${generationId}`))
      const [one, two] = [await connect(), await connect()]
      const [first, second] = await Promise.all([join(one), join(two)])
      const leader = first.leader === first.memberId ? first : second
      assert.equal(leader.members.length, 2)
      const shares = await Promise.all([sync(one, first), sync(two, second)])
      assert.equal(shares[1]?.assignment.toString(), `share of ${second.memberId}`)
      const { topics } = await one.request(offsetCommit, 9, commitBody(5, first.memberId, 1))
      assert.equal(topics[0]?.partitions[0]?.errorCode, 0)
      const { groups } = await one.request(offsetFetch, 9, {
        groups: [{ groupId: 'group', topics: [{ name: 'orders', partitionIndexes: [0, 1] }] }],
      })
      const fetched = groups[0]?.topics[0]?.partitions.map((one) => one.committedOffset)
      assert.deepEqual(fetched, [5, -1])
      assert.equal(commits[0]?.offset, 5)
      assert.equal(commits[0]?.memberId, first.memberId)
      assert.equal(commits[0]?.metadata, 'here')
      assert.equal(commits[0]?.connectionId, 1)
      assert.equal(states.at(-1), 'Stable 1')
      assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 5)
      assert.equal(cluster.group('group')?.members.length, 2)
    })
  })

  test('a member whose process is gone is missed after its session timeout', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
      await stable(await connect())
      await world.sleep(9000)
      assert.equal(cluster.group('group')?.members.length, 1)
      await world.sleep(2000)
      assert.equal(cluster.group('group')?.state, 'Empty')
    })
  })

  test('session timeouts out of bounds are refused', async () => {
    await inVirtualWorld(ORDERS, async ({ connect }) => {
      const { errorCode } = await (await connect()).request(
        joinGroup,
        9,
        joinBody({ sessionTimeoutMs: 100 }),
      )
      assert.equal(errorCode, ErrorCode.INVALID_SESSION_TIMEOUT)
    })
  })

  test('a new coordinator knows the group, and gives its members a fresh session', async () => {
    const options = { ...THREE, coordinatorLoadMs: 500 }
    await inVirtualWorld(options, async ({ world, connect, cluster }) => {
      const oldId = cluster.coordinatorOf('group')
      const nextId = (oldId % 3) + 1
      const [old, next] = [await connect(oldId), await connect(nextId)]
      const { memberId, generationId } = await stable(old)
      await old.request(offsetCommit, 9, commitBody(7, memberId, generationId))
      const parked = old.request(joinGroup, 9, joinBody({ memberId: '', groupInstanceId: 'pod' }))
      await world.sleep(10)
      cluster.moveCoordinator('group', nextId)
      assert.equal((await parked).errorCode, ErrorCode.NOT_COORDINATOR)
      assert.equal(await beat(old, memberId, 1), ErrorCode.NOT_COORDINATOR)
      assert.equal(await beat(next, memberId, 1), ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
      await world.sleep(600)
      assert.equal(await beat(next, memberId, 1), ErrorCode.NONE)
      assert.equal(cluster.committedOffset('group', 'orders', 0)?.offset, 7)
      await world.sleep(11_000)
      assert.equal(await beat(next, memberId, 1), ErrorCode.UNKNOWN_MEMBER_ID)
    })
  })

  test('the groups of a killed broker find another one after a while', async () => {
    await inVirtualWorld(THREE, async ({ world, connect, cluster }) => {
      const oldId = cluster.coordinatorOf('group')
      const { memberId } = await stable(await connect(oldId))
      world.process(`broker-${oldId}`).kill()
      await cluster.stop(oldId, { abruptly: true })
      const other = await connect((oldId % 3) + 1)
      const find = async () => {
        const { coordinators } = await other.request(findCoordinator, 6, {
          coordinatorKeys: ['group'],
        })
        return coordinators[0]?.nodeId ?? -1
      }
      assert.equal(await find(), oldId)
      await world.sleep(1100)
      const nextId = await find()
      assert.notEqual(nextId, oldId)
      assert.equal(await beat(await connect(nextId), memberId, 1), ErrorCode.NONE)
    })
  })

  test('a lone coordinator that restarts has its groups', async () => {
    await inVirtualWorld(ORDERS, async ({ world, connect, cluster }) => {
      const { memberId } = await stable(await connect())
      world.process('broker-1').kill()
      await cluster.stop(1, { abruptly: true })
      await world.sleep(5000)
      await cluster.start(1)
      assert.equal(await beat(await connect(), memberId, 1), ErrorCode.NONE)
    })
  })
})
