import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeAssignment, ErrorCode, encodeSubscription } from '@odradek/protocol'
import { ConsumerGroupUnderTest } from './consumer-group.test-kit.ts'
import { fromClassic, toClassic } from './conversion.ts'
import { GroupUnderTest } from './machine.test-kit.ts'

const wants = (...topics: readonly string[]) => encodeSubscription({ topics, ownedPartitions: [] })
const owns = (...partitions: readonly number[]) =>
  encodeSubscription({ topics: ['orders'], ownedPartitions: [{ topic: 'orders', partitions }] })
const shareOf = (assignment: Buffer) => decodeAssignment(assignment).assignedPartitions
const keys = (...partitions: readonly number[]) =>
  new Set(partitions.map((partition) => `id-orders:${partition}`))

describe('classic members of a consumer group', () => {
  test('join, sync and get rebalances as in a classic group', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('new', ['orders'])
    const joined = group.classicJoin('old', wants('orders'))
    assert.equal(joined.errorCode, 0)
    assert.equal(joined.generationId, 3)
    assert.equal(joined.protocolName, 'range')
    assert.equal(joined.leader, '')
    assert.deepEqual(shareOf(group.classicSync('old', 3).assignment), [])
    assert.equal(group.classicHeartbeat('old', 3), 0, 'it waits for the other')
    group.heartbeat('new', { owned: keys(0, 1, 2, 3) })
    group.heartbeat('new', { owned: keys(0, 1) })
    assert.equal(group.classicHeartbeat('old', 3), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.timers.get('join old')?.afterMs, 30_000)
    group.classicJoin('old', owns())
    assert.ok(!group.timers.has('join old'))
    assert.deepEqual(shareOf(group.classicSync('old', 3).assignment), [
      { topic: 'orders', partitions: [2, 3] },
    ])
    assert.equal(group.classicHeartbeat('old', 3), 0)
  })

  test('release partitions by rejoining', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('first', [])
    group.classicJoin('old', wants('orders'))
    group.classicSync('old', 2)
    group.join('new', ['orders'])
    assert.equal(group.classicHeartbeat('old', 2), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.classicSync('old', 2).errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    const revoking = group.classicJoin('old', owns(0, 1, 2, 3))
    assert.equal(revoking.generationId, 2)
    assert.deepEqual(shareOf(group.classicSync('old', 2).assignment), [
      { topic: 'orders', partitions: [0, 1] },
    ])
    assert.equal(group.classicHeartbeat('old', 2), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.heartbeat('new').assignment, null)
    assert.equal(group.classicJoin('old', owns(0, 1)).generationId, 3)
    assert.deepEqual(group.heartbeat('new').assignment, keys(2, 3))
  })

  test('that do not rejoin or sync in time are removed', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('new', ['orders'])
    group.classicJoin('old', wants('orders'))
    assert.ok(group.expire('sync old'))
    assert.equal(group.member('old'), undefined)
    group.classicJoin('old', wants('orders'))
    group.classicSync('old', group.state.groupEpoch)
    group.join('third', ['orders'])
    group.classicHeartbeat('old', group.state.groupEpoch - 1)
    assert.ok(group.expire('join old'))
    assert.equal(group.member('old'), undefined)
  })

  test('are refused for the same reasons as ever', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('new', ['orders'])
    group.classicJoin('old', wants('orders'))
    assert.equal(group.classicHeartbeat('old', 1), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(group.classicHeartbeat('new', 2), ErrorCode.UNKNOWN_MEMBER_ID)
    const protocols = [{ name: 'sticky', metadata: wants('orders') }]
    const other = group.classicJoin('x', wants('orders'), { protocols })
    assert.equal(other.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    const nameless = group.classicJoin('', wants('orders'), { requiresKnownMemberId: true })
    assert.equal(nameless.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
    assert.equal(nameless.memberId, 'made-up')
    assert.equal(group.member('made-up'), undefined)
  })
})

describe('conversion', () => {
  const sync = (group: GroupUnderTest) => {
    for (const memberId of group.memberIds) {
      group.sync(memberId, { assignments: new Map() })
    }
  }

  test('a classic group becomes a consumer group and back, with its members as they are', () => {
    const classic = new GroupUnderTest()
    const protocols = [{ name: 'range', metadata: wants('orders') }]
    classic.join('', { protocols, groupInstanceId: 'pod' })
    classic.gather()
    sync(classic)
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    const converted = fromClassic(classic.state, group.topics)
    assert.ok(converted !== undefined)
    group.state = converted
    assert.deepEqual([converted.groupEpoch, converted.assignmentEpoch], [1, 1])
    const [member] = [...converted.members.values()]
    assert.equal(member?.instanceId, 'pod')
    assert.deepEqual(member?.subscribedTopicNames, ['orders'])
    const snapshot = toClassic(converted, group.topics)
    assert.equal(snapshot.generationId, 1)
    assert.equal(snapshot.protocolName, 'range')
    assert.equal(snapshot.leaderId, member?.memberId)
  })

  test('a group with undecodable blobs is not converted', () => {
    const classic = GroupUnderTest.stable(1)
    const { topics } = new ConsumerGroupUnderTest()
    assert.equal(fromClassic(classic.state, topics), undefined)
    const connect = new GroupUnderTest()
    connect.join('', { protocolType: 'connect' })
    assert.equal(fromClassic(connect.state, topics), undefined)
  })

  test('the leave of the last KIP-848 member converts the group back, if the policy allows it', () => {
    for (const [migrationPolicy, isBack] of [
      ['bidirectional', true],
      ['downgrade', true],
      ['upgrade', false],
      ['disabled', false],
    ] as const) {
      const group = new ConsumerGroupUnderTest({ orders: 2 }, { migrationPolicy })
      group.join('new', ['orders'])
      group.classicJoin('old', wants('orders'))
      const effects = group.dispatch({ type: 'sessionExpired', memberId: 'new' })
      const has = effects.some((effect) => effect.do === 'downgrade')
      assert.equal(has, isBack, migrationPolicy)
      if (isBack) assert.deepEqual(effects.at(-1), { do: 'downgrade', generationId: 3 })
    }
  })
})
