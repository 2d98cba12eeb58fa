import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { sizes, threeOf } from '../shell/fake-members.test-kit.ts'
import { FakeConsumerGroup } from './fake-consumer-group.test-kit.ts'

async function threeMembers() {
  const group = new FakeConsumerGroup()
  const three = await threeOf(group)
  group.coordinator.log.length = 0
  return { group, ...three }
}

test('a member joins, hears its partitions, and rests', async () => {
  const group = new FakeConsumerGroup({ orders: 3 })
  const a = group.member('a', { clientRack: 'r1', groupRemoteAssignor: 'range' })
  await group.advance(1000)
  assert.deepEqual(a.heard, ['stable 1', 'assigned orders-0 orders-1 orders-2'])
  assert.equal(a.membership.assigned[0]?.topicId, 'id-of-orders')
  assert.equal(a.membership.isSessionAlive(), true)
  assert.equal(a.rebalances[0]?.assigned.length, 3)
  assert.equal(a.cluster.purposes.get('ConsumerGroupHeartbeat'), 'heartbeat')
  const { memberId } = a.membership.stamp ?? {}
  assert.match(
    memberId ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  const [first] = group.coordinator.log
  assert.deepEqual(first?.body, {
    groupId: 'readers',
    memberId,
    memberEpoch: 0,
    instanceId: null,
    rackId: 'r1',
    rebalanceTimeoutMs: 12_000,
    serverAssignor: 'range',
    subscribedTopicNames: ['orders'],
    topicPartitions: [],
  })
  await group.advance(60_000)
  assert.equal(group.coordinator.groupEpoch, 1)
  const keepAlive = { groupId: 'readers', memberId, memberEpoch: 1, instanceId: null }
  assert.deepEqual(group.coordinator.log.at(-1)?.body, keepAlive)
  const times = group.coordinator.log.slice(-3).map(({ at }) => at)
  assert.ok((times[2] ?? 0) - (times[1] ?? 0) >= 1000, times.join())
})

test('heartbeats go on while a hook takes its time, and hand nothing over', async () => {
  const group = new FakeConsumerGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  a.clear()
  a.revokedMs = 5000
  group.coordinator.log.length = 0
  const b = group.member('b')
  await group.advance(5000)
  assert.deepEqual(a.told('revoked'), ['revoked orders-2 orders-3'])
  assert.deepEqual(sizes(a, b), [4, 0])
  const { memberId } = a.membership.stamp ?? {}
  const ofA = group.coordinator.log.filter(({ body }) => body.memberId === memberId)
  assert.ok(ofA.length >= 4)
  assert.ok(ofA.every(({ body }) => body.topicPartitions === undefined))
  assert.equal(a.epoch, 1)
  await group.advance(5000)
  assert.deepEqual(sizes(a, b), [2, 2])
  assert.equal(a.epoch, 2)
  assert.deepEqual(a.told('lost'), [])
  assert.ok(a.rebalances.some(({ revoked }) => revoked.length === 2))
})

test('an epoch that goes on wakes the commits, whatever else happens', async () => {
  const { group, a } = await threeMembers()
  const before = a.epoch
  group.coordinator.bump()
  await group.advance(2000)
  assert.deepEqual(a.heard, [`stable ${before + 1}`, 'assigned'])
})

test('a refused stamp asks for the new epoch at once, and an older one for nothing', async () => {
  const { group, a } = await threeMembers()
  await group.advance(20_000)
  const { stamp } = a.membership
  assert.ok(stamp !== undefined)
  const count = group.coordinator.log.length
  const stale = new BrokerError(ErrorCode.STALE_MEMBER_EPOCH)
  a.membership.handleStampRefused(stale, { ...stamp, generationIdOrMemberEpoch: 1 })
  await group.advance(10)
  assert.equal(group.coordinator.log.length, count)
  group.coordinator.bump()
  a.membership.handleStampRefused(stale, stamp)
  await group.advance(10)
  assert.ok(group.coordinator.log.length > count)
  assert.equal(a.epoch, stamp.generationIdOrMemberEpoch + 1)
  const { stamp: next } = a.membership
  assert.ok(next !== undefined)
  a.membership.handleStampRefused(new BrokerError(ErrorCode.UNKNOWN_MEMBER_ID), next)
  assert.equal(a.told('lost').length, 1)
  await group.advance(10_000)
  assert.equal(a.owned.size, 2)
})

for (const code of [
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.GROUP_ID_NOT_FOUND,
]) {
  test(`${new BrokerError(code).code}: everything is lost, and joined anew by the same id`, async () => {
    const { group, a } = await threeMembers()
    const { memberId } = a.membership.stamp ?? {}
    group.coordinator.onNext((body) => {
      assert.ok(body.memberEpoch > 0)
      return { errorCode: code }
    })
    await group.advance(10_000)
    const [victim] = [...group.members.values()].filter((one) => one.told('lost').length > 0)
    assert.match(victim?.told('lost')[0] ?? '', /lost orders-\d orders-\d/)
    assert.equal(victim?.fences.length, 1)
    assert.equal(victim?.owned.size, 2)
    assert.equal(a.membership.stamp?.memberId, memberId)
  })
}

test('the heartbeat after any failure says everything', async () => {
  const { group, a } = await threeMembers()
  for (const fault of [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, -1, 4242, 'swallow'] as const) {
    group.coordinator.log.length = 0
    group.coordinator.onNext(fault, 3)
    await group.advance(12_000)
    const { log } = group.coordinator
    for (const { body, errorCode } of log) {
      if (errorCode === 0) continue
      const next = log.find((one) => one.body.memberId === body.memberId && one.errorCode === 0)
      assert.equal(next?.body.topicPartitions?.length, 1)
      assert.deepEqual(next?.body.subscribedTopicNames, ['orders'])
      assert.equal(next?.body.rebalanceTimeoutMs, 12_000)
    }
  }
  assert.deepEqual(a.heard, [])
})

test('an answer that was lost after it took effect fences nobody', async () => {
  const group = new FakeConsumerGroup({ orders: 4 })
  group.coordinator.onNext('swallowAnswer')
  const a = group.member('a')
  await group.advance(6000)
  assert.equal(a.owned.size, 4)
  const b = group.member('b')
  await group.advance(1)
  group.coordinator.onNext('swallowAnswer', 2)
  await group.advance(15_000)
  assert.deepEqual(sizes(a, b), [2, 2])
  for (const member of [a, b]) assert.deepEqual(member.told('lost'), [])
})

test('a session is 45 s where the broker does not tell', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  group.tellsSession = false
  const a = group.member('a', { rebalanceTimeoutMs: 60_000 })
  await group.advance(5000)
  group.isUnreachable = true
  await group.advance(40_000)
  assert.equal(a.membership.isSessionAlive(), true)
  await group.advance(6000)
  assert.equal(a.membership.isSessionAlive(), false)
})

test('a blocked loop judges by answers that have arrived; a suspended machine asks first', async () => {
  const { group, a } = await threeMembers()
  a.process.blockLoop(7000)
  await group.advance(7500)
  assert.deepEqual(a.heard, [])
  a.process.skewWallClock(20_000)
  assert.equal(a.membership.isSessionAlive(), false)
  await group.advance(50)
  assert.equal(a.membership.isSessionAlive(), true)
  assert.deepEqual(a.heard, [`stable ${a.epoch}`])
})

test('numbers that are none are ignored, and what comes twice counts once', async () => {
  const { group, a } = await threeMembers()
  await group.advance(10_000)
  const { epoch } = a
  const partitions = [...a.owned].map((key) => Number(key.split(':')[1]))
  const odd = {
    memberEpoch: -7,
    heartbeatIntervalMs: -1,
    assignment: {
      topicPartitions: [
        { topicId: 'id-of-orders', partitions: [...partitions, ...partitions, -1] },
        { topicId: 'id-of-orders', partitions },
      ],
    },
  }
  const { memberId } = a.membership.stamp ?? {}
  let isAnswered = false
  const answerA = (body: { memberId: string }): object => {
    if (body.memberId !== memberId) return { memberEpoch: epoch, heartbeatIntervalMs: 1000 }
    isAnswered = true
    return odd
  }
  group.coordinator.onNext(answerA, 3)
  await group.advance(3000)
  assert.ok(isAnswered)
  assert.equal(a.epoch, epoch)
  assert.deepEqual(a.told('revoked'), [])
  assert.deepEqual(a.told('lost'), [])
  assert.equal(a.owned.size, 2)
})

test('a topic that cannot be named yet is claimed and kept aside until it can', async () => {
  const group = new FakeConsumerGroup({ orders: 2, bills: 2 })
  group.hiddenTopics.add('bills')
  const a = group.member('a', { topics: ['orders', 'bills'] })
  await group.advance(3000)
  assert.deepEqual([...a.owned].sort(), ['orders:0', 'orders:1'])
  const claim = group.coordinator.log.findLast(({ body }) => body.topicPartitions !== undefined)
  assert.equal(claim?.body.topicPartitions?.length, 2)
  group.hiddenTopics.delete('bills')
  await group.advance(3000)
  assert.equal(a.owned.size, 4)
  assert.deepEqual(a.told('revoked'), [])
})

test('what was only claimed is given up at once when the coordinator wants it back', async () => {
  const group = new FakeConsumerGroup({ orders: 2, bills: 2 })
  group.hiddenTopics.add('bills')
  const a = group.member('a', { topics: ['orders', 'bills'] })
  await group.advance(3000)
  a.membership.setTopics(['orders'])
  await group.advance(100)
  const last = group.coordinator.log.at(-1)?.body
  assert.deepEqual(last?.topicPartitions, [{ topicId: 'id-of-orders', partitions: [0, 1] }])
  assert.equal(a.epoch, group.coordinator.groupEpoch)
})

test('a pattern is sent as it is, and its topics are found by their ids', async () => {
  const group = new FakeConsumerGroup({ 'orders-eu': 2, bills: 2 })
  const a = group.member('a', { topics: [], topicPattern: 'orders-.*' })
  await group.advance(3000)
  assert.deepEqual([...a.owned].sort(), ['orders-eu:0', 'orders-eu:1'])
  const [first] = group.coordinator.log
  assert.equal(first?.body.subscribedTopicRegex, 'orders-.*')
  assert.deepEqual(first?.body.subscribedTopicNames, [])
  group.topics.set('orders-us', 2)
  group.coordinator.replan()
  await group.advance(3000)
  assert.equal(a.owned.size, 4)
  a.membership.setTopics(['bills'])
  await group.advance(5000)
  assert.deepEqual([...a.owned].sort(), ['bills:0', 'bills:1'])
  const needed = [...a.cluster.needed].filter(([, uses]) => uses > 0).map(([name]) => name)
  assert.deepEqual(needed, ['bills'])
})

test('other topics are asked for at once, without leaving in between', async () => {
  const group = new FakeConsumerGroup({ orders: 2, bills: 2 })
  const a = group.member('a')
  await group.advance(20_000)
  a.membership.setTopics(['orders', 'bills'])
  await group.advance(100)
  assert.equal(a.owned.size, 4)
  assert.deepEqual(a.told('revoked'), [])
  assert.ok(group.coordinator.log.slice(1).every(({ body }) => body.memberEpoch > 0))
})

test('a dynamic member that remains sends no last heartbeat', async () => {
  const group = new FakeConsumerGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  await group.world.run(a.leave(1000, 'remain'))
  assert.ok(group.coordinator.log.every(({ body }) => body.memberEpoch >= 0))
})

for (const [code, text] of [
  [ErrorCode.UNSUPPORTED_ASSIGNOR, /UNSUPPORTED_ASSIGNOR/],
  [ErrorCode.INVALID_REGULAR_EXPRESSION, /INVALID_REGULAR_EXPRESSION/],
  [ErrorCode.GROUP_MAX_SIZE_REACHED, /GROUP_MAX_SIZE_REACHED/],
  [ErrorCode.INVALID_REQUEST, /INVALID_REQUEST/],
  [ErrorCode.GROUP_AUTHORIZATION_FAILED, /GROUP_AUTHORIZATION_FAILED/],
  [ErrorCode.GROUP_ID_NOT_FOUND, /is of a kind that this member cannot join/],
  [ErrorCode.UNSUPPORTED_VERSION, /Use "classic", or "auto"/],
] as const) {
  test(`a join that is refused with ${new BrokerError(code).code} is over, and says why`, async () => {
    const group = new FakeConsumerGroup()
    group.coordinator.onNext(code)
    const a = group.member('a')
    await group.advance(5000)
    assert.equal(a.stateName, 'failed')
    assert.match(a.fatal?.message ?? '', text)
    assert.equal(group.coordinator.log.length, 1)
    await group.world.run(a.leave())
    assert.equal(a.process.leaks().timers, 0)
  })
}

test('a topic that we may not read is told, and asked for again until we may', async () => {
  const group = new FakeConsumerGroup()
  group.coordinator.onNext(ErrorCode.TOPIC_AUTHORIZATION_FAILED, 5)
  const a = group.member('a')
  await group.advance(1000)
  assert.match(a.stalls[0]?.error?.message ?? '', /TOPIC_AUTHORIZATION_FAILED/)
  assert.equal(a.stalls.length, 1)
  await group.advance(10_000)
  assert.equal(a.owned.size, 6)
})

test('a member that leaves says so with the last epoch', async () => {
  const { group, a } = await threeMembers()
  await group.world.run(a.leave())
  assert.ok(group.coordinator.log.some(({ body }) => body.memberEpoch === -1))
})

test('leaving while the coordinator moves is tried again; without one it is over at once', async () => {
  const { group, a, b } = await threeMembers()
  group.coordinator.onNext((body) => ({
    errorCode: body.memberEpoch === -1 ? ErrorCode.NOT_COORDINATOR : 0,
    memberEpoch: body.memberEpoch,
  }))
  await group.world.run(a.leave(5000))
  a.owned.clear()
  assert.equal(group.coordinator.memberIds.length, 2)
  group.isUnreachable = true
  await group.world.run(b.leave(30_000))
  assert.equal(b.stateName, 'left')
})

test('what is lost while a hook is under way is not taken up by it', async () => {
  const group = new FakeConsumerGroup({ orders: 2 })
  const a = group.member('a')
  a.assignedMs = 3000
  await group.advance(1000)
  group.coordinator.onNext(ErrorCode.UNKNOWN_MEMBER_ID)
  group.coordinator.onNext(ErrorCode.NOT_COORDINATOR, 100)
  await group.advance(700)
  assert.equal(a.told('lost').length, 1)
  await group.advance(5000)
  assert.deepEqual([...a.owned], [])
})
