// Rebalance storms: what must not become one, and what a member reports of one that others cause.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents } from 'odradek'
import { GROUP, type GroupMember, GroupWorld } from './group-world.ts'

type Storm = ClientEvents['rebalanceStorm']

function listen(members: readonly GroupMember[]): readonly Storm[] {
  const storms: Storm[] = []
  for (const { consumer } of members) consumer.on('rebalanceStorm', (storm) => storms.push(storm))
  return storms
}

async function end({ world, cluster, members }: GroupWorld): Promise<void> {
  for (const member of members.values()) {
    if (member.host.isAlive) await world.run(member.close())
  }
  await world.run(cluster.close())
}

/** Slow heartbeats, as in the field report: everybody hears of a rebalance up to 15 s late. */
const SLOW = { heartbeatIntervalMs: 15_000, sessionTimeoutMs: 45_000, rebalanceTimeoutMs: 60_000 }

test('scenario 6: twenty members restart at once, the coordinator moves, syncs fail', async () => {
  const group = await GroupWorld.start(61, 40)
  const { cluster } = group
  const first = Array.from({ length: 20 }, (_, i) => group.member(`m${i}`, SLOW))
  await group.advance(60_000)
  assert.deepEqual(new Set(first.map(({ owned }) => owned.size)), new Set([2]))

  const counts = { syncs: 0, failedSyncs: 0, joins: 0 }
  cluster.on('request', ({ api }) => {
    if (api === 'JoinGroup') counts.joins++
    if (api !== 'SyncGroup' || counts.syncs++ % 4 !== 0) return
    counts.failedSyncs++
    cluster.faults.add({ api: 'SyncGroup', error: 'REBALANCE_IN_PROGRESS', times: 1 })
  })
  /** The first generation that has all of the new members, and none of the old ones. */
  let completeIn: number | undefined
  cluster.on('group', ({ state, members, generationId }) => {
    const isComplete = members.length === 20 && members.every((one) => /^n\d/.test(one.memberId))
    if (isComplete && state === 'CompletingRebalance') completeIn ??= generationId
  })
  // Brokers that have not heard of the topic yet: metadata that shrinks.
  const stale = cluster.faults.add({
    api: 'Metadata',
    topic: 'orders',
    error: 'UNKNOWN_TOPIC_OR_PARTITION',
    times: 30,
  })
  const second: GroupMember[] = []
  for (const [index, member] of first.entries()) {
    member.host.kill()
    await group.advance(50)
    second.push(group.member(`n${index}`, SLOW))
    await group.advance(50)
  }
  const storms = listen(second)
  const other = cluster.nodeIds.find((nodeId) => nodeId !== cluster.coordinatorOf(GROUP)) ?? 1
  cluster.moveCoordinator(GROUP, other)
  await group.advance(200_000)

  assert.ok(stale.hits >= 20, `${stale.hits} stale answers`)
  assert.ok(counts.failedSyncs >= 5, `${counts.failedSyncs} of ${counts.syncs} syncs failed`)
  assert.deepEqual(new Set(second.map(({ owned }) => owned.size)), new Set([2]))
  assert.ok(completeIn !== undefined && group.generationId <= completeIn + 2)
  assert.deepEqual(storms, [])
  const [generationBefore, joinsBefore] = [group.generationId, counts.joins]
  await group.advance(60_000)
  assert.equal(group.generationId, generationBefore, 'the group is at rest')
  assert.equal(counts.joins, joinsBefore, 'nobody joins without need')
  await end(group)
})

test('the leader reports the members that come and go', async () => {
  const group = await GroupWorld.start(62, 6)
  const stay = ['a', 'b', 'c'].map((name) => group.member(name))
  const storms = listen(stay)
  await group.advance(8000)
  for (let i = 0; i < 12; i++) {
    const restless = group.member(`pod-x-${i}`, {}, 'pod-x')
    await group.advance(4000)
    restless.host.kill()
    await group.advance(11_000)
  }
  const [storm, ...others] = storms.filter(({ isLeader }) => isLeader)
  assert.ok(storm !== undefined, 'the leader spoke')
  assert.ok(others.length <= 2, 'and not all the time')
  assert.ok(storm.generations >= 6)
  for (const memberIds of [storm.membersJoined, storm.membersLeft]) {
    assert.ok(memberIds.length > 1)
    assert.ok(memberIds.every((memberId) => memberId.startsWith('pod-x-')))
  }
  await end(group)
})
