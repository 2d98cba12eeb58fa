// Topics by a pattern in a classic group: they come, go, and their names may be all there is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GroupMember, GroupWorld } from './group-world.ts'

const OPTIONS = { groupProtocol: 'classic' } as const

const topicsOf = ({ consumer }: GroupMember): readonly string[] =>
  [...new Set(consumer.assigned.map(({ topic }) => topic))].sort()

/** Partitions of all members, each once. */
function shared(members: readonly GroupMember[]): readonly string[] {
  const all = members.flatMap(({ consumer }) =>
    consumer.assigned.map(({ topic, partition }) => `${topic}-${partition}`),
  )
  assert.equal(new Set(all).size, all.length)
  return all.sort()
}

test('a topic that is created or deleted later changes what is read, and nothing else', async () => {
  const group = await GroupWorld.start(71, 2)
  const { world, cluster } = group
  cluster.createTopic('bills', { partitions: 1 })
  cluster.createTopic('orders-eu', { partitions: 2 })
  const options = { ...OPTIONS, topics: [/^orders/, 'bills'] }
  const members = ['a', 'b'].map((name) => {
    const member = group.member(name, options)
    return member
  })
  await world.advance(10_000)
  assert.deepEqual(shared(members), [
    'bills-0',
    'orders-0',
    'orders-1',
    'orders-eu-0',
    'orders-eu-1',
  ])
  for (const { heard } of members) heard.length = 0

  cluster.createTopic('orders-us', { partitions: 2 })
  cluster.createTopic('reorders', { partitions: 2 })
  // Metadata is refreshed when it is old.
  await world.advance(320_000)
  assert.deepEqual(
    shared(members).filter((one) => one.startsWith('orders-us')),
    ['orders-us-0', 'orders-us-1'],
  )
  assert.ok(members.every((one) => !topicsOf(one).includes('reorders')))
  assert.deepEqual(
    members.flatMap((one) => [...one.told('lost'), ...one.told('failed')]),
    [],
  )

  cluster.deleteTopic('orders-us')
  await world.advance(340_000)
  assert.deepEqual(shared(members), [
    'bills-0',
    'orders-0',
    'orders-1',
    'orders-eu-0',
    'orders-eu-1',
  ])
  assert.deepEqual(
    members.flatMap((one) => one.told('failed')),
    [],
  )
  for (const member of members) await world.run(member.close())
  await world.run(cluster.close())
})

test('nothing matches yet: the member is in the group, and reads what comes', async () => {
  const group = await GroupWorld.start(72, 1)
  const { world, cluster } = group
  const member = group.member('a', { ...OPTIONS, topics: /^late-/ })
  await world.advance(5000)
  assert.equal(cluster.group('readers')?.members.length, 1)
  assert.deepEqual(topicsOf(member), [])
  cluster.createTopic('late-1', { partitions: 3 })
  await world.advance(320_000)
  assert.equal(member.consumer.assigned.length, 3)
  await world.run(member.close())
  await world.run(cluster.close())
})

test('subscribing to names takes the place of the pattern', async () => {
  const group = await GroupWorld.start(73, 1)
  const { world, cluster } = group
  cluster.createTopic('orders-eu', { partitions: 1 })
  // Internal topics are never matched.
  const member = group.member('a', { ...OPTIONS, topics: [/./] })
  await world.advance(5000)
  assert.deepEqual(topicsOf(member), ['orders', 'orders-eu'])
  member.consumer.subscribe(['orders'])
  await world.advance(5000)
  assert.deepEqual(topicsOf(member), ['orders'])
  cluster.createTopic('orders-us', { partitions: 1 })
  await world.advance(320_000)
  assert.deepEqual(topicsOf(member), ['orders'])
  await world.run(member.close())
  await world.run(cluster.close())
})

test('a broker that lags behind does not take topics away', async () => {
  const group = await GroupWorld.start(74, 2)
  const { world, cluster } = group
  const member = group.member('a', { ...OPTIONS, topics: [/^orders/], heartbeatIntervalMs: 1000 })
  await world.advance(5000)
  member.heard.length = 0
  const before = group.generationId
  const stale = cluster.faults.add({
    api: 'Metadata',
    error: 'UNKNOWN_TOPIC_OR_PARTITION',
    times: 1,
  })
  await world.advance(330_000)
  assert.equal(stale.hits, 1)
  assert.deepEqual(member.heard, [])
  assert.equal(group.generationId, before)
  await world.run(member.close())
  await world.run(cluster.close())
})
