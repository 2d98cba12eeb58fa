// Connections to the coordinator that have died without a word, while the group rebalances. New
// connections stand; what is written to the old ones, or waited for on them, is lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GROUP, type GroupMember, GroupWorld } from './group-world.ts'

async function twoMembers(seed: number) {
  const group = await GroupWorld.start(seed)
  const a = group.member('a')
  const b = group.member('b')
  await group.advance(8000)
  assert.deepEqual([a.owned.size, b.owned.size], [3, 3])
  for (const { heard } of [a, b]) heard.length = 0
  return { group, a, b }
}

const silence = ({ world, cluster }: GroupWorld, member: GroupMember): void =>
  world.network.swallow(member.host.name, `broker-${cluster.coordinatorOf(GROUP)}`)

/** Silences a member's connections at the moment at which a request of it arrives. */
function silenceAt(group: GroupWorld, member: GroupMember, api: string): void {
  let isDone = false
  group.cluster.on('request', (request) => {
    if (isDone || request.api !== api || request.clientId !== member.host.name) return
    isDone = true
    silence(group, member)
  })
}

async function end({ world, cluster, members }: GroupWorld): Promise<void> {
  for (const member of members.values()) await world.run(member.close())
  await world.run(cluster.close())
}

test('a join is not written to a connection that is as dead as the one for heartbeats', async () => {
  const { group, a, b } = await twoMembers(1)
  silence(group, a)
  const c = group.member('c')
  // A heartbeat is given up after a third of the session, 3 s.
  await group.advance(7000)
  assert.deepEqual([a.owned.size, b.owned.size, c.owned.size], [2, 2, 2])
  assert.deepEqual([...a.told('lost'), ...b.told('lost')], [])
  await end(group)
})

test('a join that is parked on a connection that died is written again', async () => {
  const { group, a, b } = await twoMembers(2)
  silenceAt(group, a, 'JoinGroup')
  // The others take their time, so that it is parked for a while.
  b.revokedMs = 6000
  const c = group.member('c')
  await group.advance(20_000)
  assert.deepEqual([a.owned.size, b.owned.size, c.owned.size], [2, 2, 2])
  assert.deepEqual([...a.told('lost'), ...b.told('lost')], [])
  await end(group)
})

test('a sync on a connection that died is written again as soon as heartbeats pass', async () => {
  const { group, a, b } = await twoMembers(3)
  silenceAt(group, a, 'SyncGroup')
  const c = group.member('c')
  await group.advance(8000)
  assert.deepEqual([a.owned.size, b.owned.size, c.owned.size], [2, 2, 2])
  assert.deepEqual([...a.told('lost'), ...b.told('lost')], [])
  await end(group)
})

test('a sync whose answer is lost, though heartbeats pass, is written again long before its deadline', async () => {
  const { group, a, b } = await twoMembers(4)
  const c = group.member('c')
  group.cluster.faults.add({ api: 'SyncGroup', clientId: 'a', dropAnswer: true, times: 1 })
  await group.advance(18_000)
  assert.deepEqual([a.owned.size, b.owned.size, c.owned.size], [2, 2, 2])
  assert.deepEqual([...a.told('lost'), ...b.told('lost')], [])
  await end(group)
})

test('a rebalance while the answer to a sync is lost costs nobody anything', async () => {
  const { group, a, b } = await twoMembers(5)
  const c = group.member('c')
  group.cluster.faults.add({ api: 'SyncGroup', clientId: 'a', dropAnswer: true, times: 1 })
  await group.advance(1500)
  const d = group.member('d')
  await group.advance(9000)
  assert.equal(a.owned.size + b.owned.size + c.owned.size + d.owned.size, 6)
  assert.ok(a.owned.size > 0 && d.owned.size > 0)
  assert.deepEqual([...a.told('lost'), ...b.told('lost'), ...c.told('lost')], [])
  await end(group)
})
