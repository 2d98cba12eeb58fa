import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, heartbeat, joinGroup, leaveGroup, syncGroup } from '@odradek/protocol'
import { sizes, threeOf } from '../shell/fake-members.test-kit.ts'
import { FakeGroup } from './fake-group.test-kit.ts'

async function threeMembers() {
  const group = new FakeGroup()
  return { group, ...(await threeOf(group)) }
}

test('a member joins, hears its partitions, and rests', async () => {
  const group = new FakeGroup({ orders: 3 })
  const a = group.member('a')
  await group.advance(1000)
  assert.deepEqual(a.heard, ['joining', 'stable 1', 'assigned orders-0 orders-1 orders-2'])
  assert.equal(a.membership.stamp?.generationIdOrMemberEpoch, 1)
  assert.equal(a.membership.assigned[0]?.topicId, 'id-of-orders')
  assert.equal(a.membership.isSessionAlive(), true)
  const [rebalanced] = a.rebalances
  assert.equal(rebalanced?.assigned.length, 3)
  assert.equal(a.cluster.purposes.get('JoinGroup'), 'membership')
  assert.equal(a.cluster.purposes.get('SyncGroup'), 'membership')
  assert.equal(a.cluster.purposes.get('Heartbeat'), 'heartbeat')
  await group.advance(60_000)
  assert.equal(group.coordinator.generationId, 1)
})

test('a second member gets its share in two generations, with one revocation in between', async () => {
  const group = new FakeGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  a.clear()
  const b = group.member('b')
  // The second phase does not wait for a heartbeat.
  await group.advance(1500)
  assert.deepEqual(sizes(a, b), [2, 2])
  assert.deepEqual(a.told('revoked'), ['revoked orders-2 orders-3'])
  assert.deepEqual(a.told('lost'), [])
  assert.equal(group.coordinator.generationId, 3)
  await group.advance(30_000)
  assert.equal(group.coordinator.generationId, 3)
})

for (const isLeader of [true, false]) {
  const who = isLeader ? 'leader' : 'member'
  test(`a static ${who} comes back within its session: nobody rebalances`, async () => {
    const group = new FakeGroup({ orders: 4 })
    const first = group.member('first', { groupInstanceId: 'i-1' })
    await group.advance(1000)
    const second = group.member('second', { groupInstanceId: 'i-2' })
    await group.advance(4000)
    const { generationId } = group.coordinator
    const [gone, stays] = isLeader ? [first, second] : [second, first]
    stays.clear()
    const before = [...gone.owned]
    await group.world.run(gone.leave(1000, 'remain'))
    gone.owned.clear()
    gone.process.kill()
    await group.advance(2000)
    const again = group.member('again', { groupInstanceId: isLeader ? 'i-1' : 'i-2' })
    await group.advance(20_000)
    assert.deepEqual([...again.owned].sort(), before.sort())
    assert.deepEqual(stays.heard, [])
    assert.equal(group.coordinator.generationId, generationId)
    assert.equal(group.coordinator.requests(leaveGroup).length, 0)
  })
}

test('a second holder of a group instance id fences the first for good', async () => {
  const group = new FakeGroup()
  const first = group.member('first', { groupInstanceId: 'i-1' })
  await group.advance(1000)
  first.owned.clear()
  group.member('second', { groupInstanceId: 'i-1' })
  await group.advance(5000)
  assert.equal(first.fatal?.code, 'FENCED_INSTANCE_ID')
  assert.equal(first.stateName, 'failed')
  assert.equal(first.told('lost').length, 1)
  await group.world.run(first.leave())
  assert.equal(group.coordinator.requests(leaveGroup).length, 0)
})

test('the new coordinator does not know the members: they lose, and share again', async () => {
  const { group, a, b, c } = await threeMembers()
  group.coordinator.forgetMembers()
  await group.advance(10_000)
  assert.deepEqual(sizes(a, b, c), [2, 2, 2])
  assert.match(a.told('lost')[0] ?? '', /UNKNOWN_MEMBER_ID/)
})

test('the coordinator loads, moves and fails while a member joins: it keeps trying, paced', async () => {
  const group = new FakeGroup()
  for (const code of [
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    -1,
    4242,
  ]) {
    group.coordinator.onNext(joinGroup, code)
  }
  const a = group.member('a')
  await group.advance(10_000)
  assert.equal(a.owned.size, 6)
  const times = group.coordinator.requests(joinGroup).map(({ at }) => at)
  assert.ok((times[4] ?? 0) - (times[3] ?? 0) >= 500, times.join())
})

test('a join that went unnoticed is written again long before its deadline', async () => {
  const group = new FakeGroup()
  const a = group.member('a', { rebalanceTimeoutMs: 120_000 })
  await group.advance(1000)
  group.coordinator.onNext(joinGroup, 'swallow')
  a.membership.rejoin('the test says so')
  await group.advance(10_000)
  assert.equal(a.stateName, 'joining')
  await group.advance(10_000)
  assert.equal(a.stateName, 'stable')
  assert.deepEqual(a.told('lost'), [])
  assert.match(JSON.stringify(group.coordinator.requests(joinGroup).at(-1)?.body), /unnoticed/)
})

/** Kafka answers the first join of a dynamic member at once, with the id to come back with. */
const hasId = ({ memberId }: { memberId?: string }): boolean => memberId !== ''

test('a first join that goes unanswered is written again as soon as a heartbeat would be', async () => {
  const group = new FakeGroup()
  group.coordinator.onNext(joinGroup, 'swallow')
  const a = group.member('a', { rebalanceTimeoutMs: 120_000 })
  await group.advance(2900)
  assert.equal(group.coordinator.requests(joinGroup).length, 1)
  await group.advance(1000)
  assert.equal(a.stateName, 'stable')
})

test('a first join that was lost with its id is written again long before its deadline', async () => {
  const group = new FakeGroup()
  group.coordinator.onNext(joinGroup, (body) => (hasId(body) ? 'swallow' : undefined), 2)
  const a = group.member('a', { rebalanceTimeoutMs: 120_000 })
  await group.advance(10_000)
  assert.equal(a.stateName, 'joining')
  await group.advance(10_000)
  assert.equal(a.stateName, 'stable')
  assert.match(JSON.stringify(group.coordinator.requests(joinGroup).at(-1)?.body), /unnoticed/)
  assert.deepEqual(a.stalls, [])
})

test('a first join is not written again while its group gathers, however long', async () => {
  const group = new FakeGroup()
  const a = group.member('a', { rebalanceTimeoutMs: 60_000 })
  await group.advance(1000)
  a.joiningMs = 40_000
  const b = group.member('b', { rebalanceTimeoutMs: 60_000 })
  await group.advance(35_000)
  assert.equal(b.stateName, 'joining')
  a.joiningMs = 0
  await group.advance(15_000)
  assert.deepEqual(sizes(a, b), [3, 3])
  assert.deepEqual(b.told('lost'), [])
  const joins = group.coordinator.requests(joinGroup).map(({ body }) => JSON.stringify(body))
  assert.deepEqual(
    joins.filter((join) => /unnoticed/.test(join)),
    [],
  )
})

test('whose join does not arrive in time delivers nothing from when the group may go on without it', async () => {
  const group = new FakeGroup()
  const a = group.member('a', { heartbeatIntervalMs: 3000 })
  await group.advance(500)
  const b = group.member('b')
  await group.advance(10_000)
  assert.deepEqual(sizes(a, b), [3, 3])
  // A swallowed join is parked for the group, and never was for the coordinator.
  const isOfA = ({ memberId }: { memberId?: string }): boolean =>
    memberId === a.membership.stamp?.memberId
  group.coordinator.onNext(joinGroup, (body) => (isOfA(body) ? 'swallow' : undefined), 10)
  const c = group.member('c')
  while (b.owned.size + c.owned.size < 6) await group.advance(20)
  assert.equal(a.membership.isSessionAlive(), false)
  group.coordinator.forgetFaults()
  await group.advance(20_000)
  assert.deepEqual(sizes(a, b, c), [2, 2, 2])
})

test('a member delivers on while others take longer to gather than it would', async () => {
  const group = new FakeGroup()
  const a = group.member('a')
  await group.advance(1000)
  const b = group.member('b', { rebalanceTimeoutMs: 60_000 })
  await group.advance(5000)
  b.joiningMs = 40_000
  group.member('c', { rebalanceTimeoutMs: 60_000 })
  await group.advance(30_000)
  assert.equal(a.stateName, 'joining')
  assert.equal(a.membership.isSessionAlive(), true)
  b.joiningMs = 0
  await group.advance(30_000)
  assert.equal(a.stateName, 'stable')
  assert.deepEqual(a.told('lost'), [])
})

test('a lost heartbeat is tried again within the session', async () => {
  const { group, a } = await threeMembers()
  group.coordinator.onNext(heartbeat, 'swallow', 3)
  await group.advance(20_000)
  assert.deepEqual(a.heard, [])
  assert.ok(a.membership.isSessionAlive())
})

test('SyncGroup answers REBALANCE_IN_PROGRESS: the member rejoins and loses nothing', async () => {
  const { group, a, b, c } = await threeMembers()
  const before = [a, b, c].map(({ owned }) => [...owned])
  group.coordinator.onNext(syncGroup, ErrorCode.REBALANCE_IN_PROGRESS, 2)
  a.membership.rejoin('the test says so')
  await group.advance(8000)
  for (const member of [a, b, c]) {
    assert.deepEqual(member.told('lost'), [])
    assert.deepEqual(member.told('revoked'), [])
  }
  assert.deepEqual(
    [a, b, c].map(({ owned }) => [...owned]),
    before,
  )
})

test('the leader dies between join and sync: the others go on without it', async () => {
  const { group, a, b, c } = await threeMembers()
  const leader = [a, b, c].find(
    ({ membership }) => membership.stamp?.memberId === group.coordinator.leaderId,
  )
  assert.ok(leader !== undefined)
  group.coordinator.onNext(syncGroup, () => {
    leader.process.kill()
    return undefined
  })
  const rest = [a, b, c].filter((one) => one !== leader)
  rest[0]?.membership.rejoin('the test says so')
  await group.advance(40_000)
  assert.deepEqual(sizes(...rest), [3, 3])
})

test('heartbeats go on while a revocation takes its time', async () => {
  const group = new FakeGroup({ orders: 4 })
  const a = group.member('a')
  await group.advance(1000)
  a.revokedMs = 9500
  group.member('b')
  await group.advance(3000)
  const before = group.coordinator.requests(heartbeat).length
  await group.advance(6000)
  assert.equal(a.told('revoked').length, 1)
  assert.ok(group.coordinator.requests(heartbeat).length - before >= 10)
  await group.advance(5000)
  assert.deepEqual([...group.owners().values()].sort(), ['a', 'a', 'b', 'b'])
  assert.deepEqual(a.told('lost'), [])
})

test('an eager group gives up everything before each join', async () => {
  const group = new FakeGroup({ orders: 4 })
  const { range } = await import('../assignors/index.ts')
  const a = group.member('a', { assignors: [range] })
  await group.advance(1000)
  a.clear()
  const b = group.member('b', { assignors: [range] })
  await group.advance(3000)
  assert.deepEqual(a.heard, [
    'revoked orders-0 orders-1 orders-2 orders-3',
    'joining',
    'stable 2',
    'assigned orders-0 orders-1',
  ])
  assert.deepEqual(sizes(a, b), [2, 2])
})

test('a group that falls back to an eager assignor gives up everything before the sync', async () => {
  const group = new FakeGroup({ orders: 4 })
  const { range } = await import('../assignors/index.ts')
  const a = group.member('a')
  await group.advance(1000)
  a.clear()
  const b = group.member('b', { assignors: [range] })
  await group.advance(3000)
  assert.deepEqual(a.heard, [
    'joining',
    'revoked orders-0 orders-1 orders-2 orders-3',
    'stable 2',
    'assigned orders-0 orders-1',
  ])
  assert.deepEqual(sizes(a, b), [2, 2])
})

test('a group with other assignors is refused with both lists', async () => {
  const group = new FakeGroup()
  const { range } = await import('../assignors/index.ts')
  group.member('a', { assignors: [{ ...range, name: 'roundrobin' }] })
  await group.advance(1000)
  const b = group.member('b')
  await group.advance(1000)
  assert.equal(b.fatal?.code, 'INCONSISTENT_GROUP_PROTOCOL')
  assert.match(b.fatal?.message ?? '', /"cooperative-sticky", "range".*the group uses "roundrobin"/)
})

test('a member that leaves says why', async () => {
  const { group, a } = await threeMembers()
  await group.world.run(a.leave())
  const [leave] = group.coordinator.requests(leaveGroup)
  assert.match(JSON.stringify(leave?.body), /the test is over/)
})

test('a coordinator that is silent does not keep a member from leaving', async () => {
  const { group, a } = await threeMembers()
  group.coordinator.onNext(leaveGroup, 'swallow')
  const start = group.world.now
  const patient = a.leave(5000)
  await group.world.run(a.leave(700))
  await patient
  assert.ok(group.world.now - start <= 750)
  assert.equal(a.stateName, 'left')
  await group.world.advance(10_000)
  assert.equal(a.process.leaks().timers, 0)
})

test('a member leaves while its join is parked', async () => {
  const group = new FakeGroup()
  const a = group.member('a')
  await group.advance(1000)
  a.joiningMs = 5000
  const b = group.member('b')
  await group.advance(500)
  assert.equal(b.stateName, 'joining')
  await group.world.run(b.leave())
  await group.advance(20_000)
  assert.equal(a.owned.size, 6)
  assert.equal(b.owned.size, 0)
  assert.equal(b.process.leaks().timers, 0)
})

test('a loop that was blocked reads what arrived before it calls the session over', async () => {
  const group = new FakeGroup()
  const a = group.member('a')
  await group.advance(10_000)
  const { at } = group.coordinator.requests(heartbeat).at(-1) ?? { at: 0 }
  a.clear()
  // One more heartbeat goes out, and its answer arrives while the loop computes.
  await group.advance(at + 1001 - group.world.now)
  a.process.blockLoop(8500)
  await group.advance(8600)
  assert.deepEqual(a.heard, [])
  assert.ok(a.membership.isSessionAlive())
})

test('a commit that was refused makes the member rejoin, an old one does not', async () => {
  const { group, a } = await threeMembers()
  const { BrokerError } = await import('@odradek/protocol')
  const { stamp } = a.membership
  assert.ok(stamp !== undefined)
  const old = { ...stamp, generationIdOrMemberEpoch: stamp.generationIdOrMemberEpoch - 1 }
  a.membership.handleStampRefused(new BrokerError(ErrorCode.ILLEGAL_GENERATION), old)
  assert.deepEqual(a.heard, [])
  a.membership.handleStampRefused(new BrokerError(ErrorCode.ILLEGAL_GENERATION), stamp)
  assert.equal(a.told('lost').length, 1)
  await group.advance(5000)
  assert.equal(a.owned.size, 2)
})

test('twenty members restart at once, a quarter of the syncs fails: a few generations', async () => {
  const group = new FakeGroup({ orders: 60 })
  for (let index = 0; index < 20; index++) group.member(`m${index}`)
  let count = 0
  group.coordinator.onNext(
    syncGroup,
    () => (count++ % 4 === 3 ? ErrorCode.REBALANCE_IN_PROGRESS : undefined),
    40,
  )
  await group.advance(30_000)
  const members = [...group.members.values()]
  assert.deepEqual(
    sizes(...members),
    Array.from({ length: 20 }, () => 3),
  )
  assert.ok(group.coordinator.generationId < 15, `${group.coordinator.generationId} generations`)
  const { generationId } = group.coordinator
  await group.advance(60_000)
  assert.equal(group.coordinator.generationId, generationId)
})
