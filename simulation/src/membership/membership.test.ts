// Membership of consumers against the embedded broker: who owns what while members come and go,
// die, restart, and while their coordinator moves, drops and refuses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GROUP, type GroupMember, GroupWorld } from './group-world.ts'

const sizes = (...members: readonly GroupMember[]): readonly number[] =>
  members.map(({ owned }) => owned.size)

const sorted = (list: readonly number[]): readonly number[] => list.toSorted((a, b) => a - b)

async function threeMembers(seed: number) {
  const group = await GroupWorld.start(seed)
  const a = group.member('a')
  const b = group.member('b')
  const c = group.member('c')
  await group.advance(8000)
  assert.deepEqual(sizes(a, b, c), [2, 2, 2])
  for (const { heard } of [a, b, c]) heard.length = 0
  return { group, a, b, c }
}

async function end({ world, cluster, members }: GroupWorld): Promise<void> {
  for (const member of members.values()) {
    if (member.host.isAlive) await world.run(member.close())
  }
  await world.run(cluster.close())
}

test('one of three leaves, one is killed: what they had goes to who is left', async () => {
  const { group, a, b, c } = await threeMembers(1)
  await group.world.run(b.close())
  await group.advance(4000)
  assert.deepEqual(sizes(a, c), [3, 3])
  assert.deepEqual([...a.told('revoked'), ...c.told('revoked')], [])
  a.host.kill({ silently: true })
  await group.advance(14_000)
  assert.deepEqual(sizes(c), [6])
  await end(group)
})

test('a static member restarts within its session: no revocation, no new generation', async () => {
  const group = await GroupWorld.start(2)
  const a = group.member('a', { groupInstanceId: 'i-a' })
  const b = group.member('b', { groupInstanceId: 'i-b' })
  await group.advance(8000)
  const { generationId } = group
  const before = [...a.owned]
  a.host.kill()
  await group.advance(3000)
  const again = group.member('a-again', { groupInstanceId: 'i-a' })
  b.heard.length = 0
  await group.advance(20_000)
  assert.deepEqual(sorted([...again.owned]), sorted(before))
  assert.deepEqual(b.heard, [])
  assert.equal(group.generationId, generationId)
  await end(group)
})

test('the coordinator moves, and its broker dies: nobody loses anything', async () => {
  const { group, a, b, c } = await threeMembers(3)
  const { cluster } = group
  const other = cluster.nodeIds.find((nodeId) => nodeId !== cluster.coordinatorOf(GROUP)) ?? 1
  cluster.moveCoordinator(GROUP, other)
  await group.advance(8000)
  await group.world.run(cluster.stop(other, { abruptly: true }))
  await group.advance(20_000)
  await group.world.run(cluster.start(other))
  await group.advance(8000)
  for (const member of [a, b, c]) assert.deepEqual(member.heard, [])
  assert.deepEqual(sizes(a, b, c), [2, 2, 2])
  await end(group)
})

test('heartbeats whose answers are lost, or whose connections are cut, cost nothing', async () => {
  const { group, a, b, c } = await threeMembers(4)
  group.cluster.faults.add({ api: 'Heartbeat', dropAnswer: true, times: 3 })
  await group.advance(15_000)
  group.cluster.faults.add({ api: 'Heartbeat', disconnect: 'before', times: 5 })
  group.cluster.faults.add({ api: 'Heartbeat', disconnect: 'after', times: 5 })
  await group.advance(15_000)
  for (const member of [a, b, c]) assert.deepEqual(member.heard, [])
  await end(group)
})

test('syncs that answer REBALANCE_IN_PROGRESS end in the same shares', async () => {
  const { group, a, b, c } = await threeMembers(5)
  group.cluster.faults.add({ api: 'SyncGroup', error: 'REBALANCE_IN_PROGRESS', times: 4 })
  const d = group.member('d')
  await group.advance(20_000)
  assert.deepEqual(sorted(sizes(a, b, c, d)), [1, 1, 2, 2])
  for (const member of [a, b, c, d]) assert.deepEqual(member.told('lost'), [])
  await end(group)
})

test('the leader dies between join and sync: the others go on without it', async () => {
  const { group, a, b, c } = await threeMembers(6)
  const leaderId = group.cluster.group(GROUP)?.leaderId ?? ''
  const leader = [a, b, c].find(({ host }) => leaderId.startsWith(host.name))
  assert.ok(leader !== undefined)
  const rest = [a, b, c].filter((one) => one !== leader)
  const stop = group.cluster.on('request', ({ api, clientId }) => {
    if (api === 'SyncGroup' && clientId === leader.host.name) leader.host.kill()
  })
  group.cluster.faults.add({
    api: 'SyncGroup',
    clientId: leader.host.name,
    disconnect: 'before',
  })
  const d = group.member('d')
  await group.advance(40_000)
  stop()
  assert.deepEqual(sorted(sizes(...rest, d)), [2, 2, 2])
  await end(group)
})

test('heartbeats flow while onRevoked takes its time, and nobody reads too early', async () => {
  const group = await GroupWorld.start(7)
  const a = group.member('a')
  await group.advance(4000)
  a.revokedMs = 8000
  let heartbeats = 0
  group.cluster.on('request', ({ api, clientId }) => {
    if (api === 'Heartbeat' && clientId === 'a') heartbeats++
  })
  const b = group.member('b')
  await group.advance(20_000)
  assert.ok(heartbeats >= 15, `${heartbeats}`)
  assert.deepEqual(sizes(a, b), [3, 3])
  assert.deepEqual(a.told('lost'), [])
  await end(group)
})

test('joins whose answers are lost with their connection are written again', async () => {
  const { group, a, b, c } = await threeMembers(8)
  group.cluster.faults.add({ api: 'JoinGroup', disconnect: 'after', times: 3 })
  const d = group.member('d')
  await group.advance(30_000)
  assert.deepEqual(sorted(sizes(a, b, c, d)), [1, 1, 2, 2])
  assert.deepEqual(
    [a, b, c].flatMap((member) => member.told('lost')),
    [],
  )
  await end(group)
})

test('after everybody has left, no timer and no connection is left', async () => {
  const { group, a, b, c } = await threeMembers(9)
  await end(group)
  await group.world.advance(1000)
  for (const { host } of [a, b, c]) {
    const { timers, connections } = host.leaks()
    assert.deepEqual({ timers, connections }, { timers: 0, connections: 0 })
  }
})
