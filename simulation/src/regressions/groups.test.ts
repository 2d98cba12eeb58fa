/** What seeds have found in groups, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis, type Consumer, type ConsumerOptions } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

type Options = Partial<ConsumerOptions<string>>

/** Reads on and on, without a thought. */
function read(consumer: Consumer): void {
  consumer.run(() => undefined).catch(assert.fail)
}

const partitionsOf = (...consumers: readonly Consumer[]): readonly number[] =>
  consumers.flatMap(({ assigned }) => assigned.map(({ partition }) => partition))

const CLASSIC: Options = { groupProtocol: 'classic' }
const POD: Options = { ...CLASSIC, groupInstanceId: 'pod' }
const TOPICS = { broker: { topics: { orders: 2, other: 1 } } }

/** Resolves when the group has a plan for so many members. */
const planFor = ({ cluster }: SmallWorld, count: number): Promise<void> =>
  new Promise((resolve) => {
    cluster.on('group', ({ state, members }) => {
      if (state === 'Stable' && members.length === count) resolve()
    })
  })

/**
 * Of three members only the pod has something to give up, and it is gone before it can join again:
 * its successor is let in without a rebalance, and nobody has the partition.
 */
async function leaveOver(small: SmallWorld, leaderOptions: Options) {
  const { world } = small
  const leader = small.consumer('leader', { ...CLASSIC, ...leaderOptions, topics: ['other'] })
  read(leader)
  await world.sleep(2000)
  const first = small.consumer('pod', POD)
  read(first)
  await world.sleep(5000)
  assert.deepEqual(partitionsOf(first), [0, 1])
  const newcomer = small.consumer('newcomer', CLASSIC)
  const isTold = planFor(small, 3)
  read(newcomer)
  await isTold
  small.process('pod').kill()
  await world.sleep(1000)
  const second = small.consumer('pod', POD)
  read(second)
  return { leader, second, newcomer }
}

/** So it is the leader that has to see to it that there is another plan. */
test('what a static member was to give up is read by others, though it is replaced meanwhile (pods, churn, seed 66)', () =>
  SmallWorld.play(async (small) => {
    const { second, newcomer } = await leaveOver(small, {})
    await small.world.sleep(120_000)
    assert.deepEqual(new Set(partitionsOf(second, newcomer)), new Set([0, 1]))
  }, TOPICS))

/**
 * A leader that restarts is let in without a rebalance too, and goes on with a plan that it did not
 * make: what that left over it must find out.
 */
test('a leader that comes back minds what its predecessor left over (pods, calm, seed 14)', () =>
  SmallWorld.play(async (small) => {
    const options = { groupInstanceId: 'leader' }
    const { leader, second, newcomer } = await leaveOver(small, options)
    await small.world.sleep(5000)
    assert.equal(partitionsOf(second, newcomer).length, 1)
    await leader.close()
    read(small.consumer('leader', { ...CLASSIC, ...options, topics: ['other'] }))
    await small.world.sleep(120_000)
    assert.deepEqual(new Set(partitionsOf(second, newcomer)), new Set([0, 1]))
  }, TOPICS))

/** And what it gives up itself before it is replaced. */
test('a leader that restarts before it joins again hands over what it was to give up', () =>
  SmallWorld.play(async (small) => {
    const first = small.consumer('pod', POD)
    read(first)
    await small.world.sleep(5000)
    const newcomer = small.consumer('newcomer', CLASSIC)
    const isTold = planFor(small, 2)
    read(newcomer)
    await isTold
    small.process('pod').kill()
    await small.world.sleep(1000)
    const second = small.consumer('pod', POD)
    read(second)
    await small.world.sleep(120_000)
    assert.deepEqual(new Set(partitionsOf(second, newcomer)), new Set([0, 1]))
  }, TOPICS))

test('partitions that were added while the leader restarted are read', () =>
  SmallWorld.play(async (small) => {
    const { world } = small
    const leader = small.consumer('pod', POD)
    read(leader)
    await world.sleep(2000)
    const other = small.consumer('other', { ...CLASSIC, topics: ['other'] })
    read(other)
    await world.sleep(5000)
    await leader.close()
    const topics = [
      { name: 'orders', count: 4, assignments: null },
      { name: 'other', count: 2, assignments: null },
    ]
    const request = { topics, timeoutMs: 5000, validateOnly: false }
    await small.kafka('admin').request(apis.CreatePartitions, request)
    const again = small.consumer('pod', POD)
    read(again)
    await world.sleep(20_000)
    assert.deepEqual(new Set(partitionsOf(again)), new Set([0, 1, 2, 3]))
    assert.deepEqual(new Set(partitionsOf(other)), new Set([0, 1]))
  }, TOPICS))

test('a leader that restarts with nothing left over moves nobody', () =>
  SmallWorld.play(async (small) => {
    const { world, cluster } = small
    const leader = small.consumer('pod', POD)
    read(leader)
    await world.sleep(2000)
    read(small.consumer('other', CLASSIC))
    await world.sleep(8000)
    const generationId = cluster.group('billing')?.generationId
    await leader.close()
    read(small.consumer('pod', POD))
    await world.sleep(120_000)
    assert.equal(cluster.group('billing')?.generationId, generationId)
  }, TOPICS))
