/**
 * Topics that are deleted and made anew under their names, by the seeds of the plan `recreation`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents, Consumer, ConsumerOptions } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, name: string, values: readonly number[]): Promise<void> {
  const producer = small.producer(name)
  for (const value of values) {
    await producer.send('orders', { value: String(value), partition: 0 })
  }
  await producer.close()
}

/** Reads so many, the last one included in what is processed; gives their values. */
async function read(consumer: Consumer, count: number): Promise<number[]> {
  const values: number[] = []
  for await (const record of consumer) {
    values.push(Number(record.value))
    if (values.length < count) continue
    consumer.mark(record)
    break
  }
  return values
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

type Told = ClientEvents['positionReset'] | ClientEvents['dataLoss']

/** What a consumer says of where it reads on, and of what is lost. */
function listen(consumer: Consumer): Told[] {
  const told: Told[] = []
  consumer.on('positionReset', (event) => told.push(event))
  consumer.on('dataLoss', (event) => told.push(event))
  return told
}

/** Hears soon of what becomes of topics. */
function attentive(
  small: SmallWorld,
  name: string,
  options: Partial<ConsumerOptions<string>> = {},
): Consumer {
  return small.kafka(name, { metadataMaxAgeMs: 2000 }).consumer({
    ...{ groupId: 'billing', topics: ['orders'], startFrom: 'earliest', ...options },
  })
}

const PROTOCOLS = ['classic', 'consumer'] as const

for (const groupProtocol of PROTOCOLS) {
  test(`S41 ${groupProtocol}: a commit of unknown outcome is not sent again for a recreated topic`, () =>
    SmallWorld.play(async (small) => {
      const { cluster, world } = small
      await write(small, 'before', upTo(0, 4))
      const first = attentive(small, 'first', { groupProtocol, enableAutoCommit: false })
      assert.deepEqual(await read(first, 4), upTo(0, 4))
      cluster.faults.add({ api: 'OffsetCommit', disconnect: 'before' })
      first.commit().catch(() => undefined)
      await world.sleep(500)
      cluster.deleteTopic('orders')
      await world.sleep(500)
      cluster.createTopic('orders', 1)
      await write(small, 'after', upTo(100, 104))
      // It reads, and asks for no commit.
      assert.equal((await read(first, 1))[0], 100)
      cluster.faults.clear()
      await world.sleep(60_000)
      await first.close()
      const second = attentive(small, 'second', { groupProtocol })
      assert.equal((await read(second, 1))[0], 100)
      await second.close()
    }))

  test(`S11 ${groupProtocol}: where a topic made anew begins is not known yet, and the position in the former one is not committed for it (produce-group, recreation, seed 20)`, () =>
    SmallWorld.play(async (small) => {
      const { cluster, world } = small
      await write(small, 'before', upTo(0, 50))
      const options = { groupProtocol, autoCommitIntervalMs: 60_000 }
      const first = attentive(small, 'first', options)
      assert.deepEqual(await read(first, 50), upTo(0, 50))
      cluster.faults.add({ api: 'ListOffsets', delayMs: 10_000 })
      cluster.deleteTopic('orders')
      cluster.createTopic('orders', 1)
      await world.sleep(3000)
      await write(small, 'after', upTo(100, 160))
      await first.close()
      cluster.faults.clear()
      assert.deepEqual(await read(attentive(small, 'second', options), 60), upTo(100, 160))
    }))

  test(`S11 ${groupProtocol}: a topic that is gone for minutes is waited for, or given up, and what is made anew is begun at its start, which is told (groups, recreation, seed 11)`, () =>
    SmallWorld.play(async (small) => {
      const { cluster, world } = small
      await write(small, 'before', upTo(0, 50))
      const consumer = attentive(small, 'member', { groupProtocol })
      const told = listen(consumer)
      await read(consumer, 50)
      const next = read(consumer, 60)
      cluster.deleteTopic('orders')
      await world.sleep(120_000)
      cluster.createTopic('orders', 1)
      await write(small, 'after', upTo(100, 160))
      assert.deepEqual(await next, upTo(100, 160))
      const place = { topic: 'orders', partition: 0 }
      assert.deepEqual(told, [{ ...place, offset: 0, reason: 'the topic was created anew' }])
    }))

  test(`S11 ${groupProtocol}: a topic that had nothing committed is known by its id when the next of its name is begun (produce-group, recreation, seed 10)`, () =>
    SmallWorld.play(async (small) => {
      const { cluster, world } = small
      await write(small, 'before', upTo(0, 5))
      const consumer = attentive(small, 'member', { groupProtocol, enableAutoCommit: false })
      const told = listen(consumer)
      const next = read(consumer, 65)
      await world.sleep(3000)
      cluster.deleteTopic('orders')
      await world.sleep(60_000)
      cluster.createTopic('orders', 1)
      await write(small, 'after', upTo(100, 160))
      assert.deepEqual(await next, [...upTo(0, 5), ...upTo(100, 160)])
      assert.deepEqual(
        told.map(({ reason }) => reason),
        ['the topic was created anew'],
      )
    }))
}

test('S11 classic: a commit that waits for its coordinator names the topic that it was of (produce-group, recreation, seed 236)', () =>
  SmallWorld.play(
    async (small) => {
      const { cluster, world } = small
      await write(small, 'before', upTo(0, 50))
      const consumer = attentive(small, 'member', { autoCommitIntervalMs: 60_000 })
      await read(consumer, 50)
      const commits: { readonly offset: number; readonly note: string | null }[] = []
      cluster.on('commit', ({ offset, metadata: note }) => commits.push({ offset, note }))
      const { topicId } = cluster.partition('orders', 0)
      cluster.faults.add({ api: 'FindCoordinator', delayMs: 8000 })
      const other = cluster.coordinatorOf('billing') === 1 ? 2 : 1
      cluster.moveCoordinator('billing', other)
      // By then a heartbeat has heard of that.
      await world.sleep(4000)
      const committed = consumer.commit().catch(() => undefined)
      cluster.deleteTopic('orders')
      cluster.createTopic('orders', 1)
      await world.sleep(20_000)
      await committed
      assert.ok(commits.length > 0)
      for (const { offset, note } of commits) {
        assert.equal(note?.includes(topicId), offset === 50, `${offset}: ${note}`)
      }
    },
    { broker: { brokers: 2, topics: { orders: 1 } } },
  ))

test('S11 classic: a topic made anew is told of, although its partition goes and comes back before its start is known (groups, recreation, slow, seed 2033)', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    await write(small, 'before', upTo(0, 5))
    const eager = { partitionAssignors: ['range'] }
    // Range gives the only partition to the member whose id comes first.
    const consumer = attentive(small, 'a', eager)
    const told = listen(consumer)
    const next = read(consumer, 10)
    await world.sleep(8000)
    const late = cluster.faults.add({ api: 'ListOffsets', delayMs: 20_000 })
    cluster.deleteTopic('orders')
    cluster.createTopic('orders', 1)
    await world.sleep(4000)
    const other = attentive(small, 'b', eager)
    const otherNext = read(other, 1)
    await world.sleep(10_000)
    late.remove()
    await write(small, 'after', upTo(100, 105))
    assert.deepEqual(await next, [...upTo(0, 5), ...upTo(100, 105)])
    await other.close()
    await otherNext
    assert.deepEqual(told, [
      { topic: 'orders', partition: 0, offset: 0, reason: 'the topic was created anew' },
    ])
  }))

test('S11 classic: what a topic held unread is told when it is made anew behind a running consumer', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    await write(small, 'before', upTo(0, 50))
    const consumer = attentive(small, 'member')
    const told = listen(consumer)
    await read(consumer, 10)
    cluster.deleteTopic('orders')
    cluster.createTopic('orders', 1)
    await world.sleep(10_000)
    await write(small, 'after', upTo(100, 160))
    assert.deepEqual(await read(consumer, 60), upTo(100, 160))
    const place = { topic: 'orders', partition: 0 }
    assert.deepEqual(told, [
      { ...place, from: 10, to: 50, count: 40, reason: 'the topic was deleted' },
      { ...place, offset: 0, reason: 'the topic was created anew' },
    ])
  }))

test('S11 consumer: of a topic made anew a member reads what it is assigned, and not what has the name of what it had (consumer-groups, recreation, seed 28)', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    await write(small, 'before', upTo(0, 5))
    const log: string[] = []
    const consumer = attentive(small, 'member', {
      groupProtocol: 'consumer',
      onAssigned: () => void log.push('assigned'),
      onRevoked: () => void log.push('revoked'),
    })
    const running = consumer.run((record) => void log.push(String(record.value)))
    await world.sleep(5000)
    // The coordinator is heard late: meanwhile the new partition could be another member's.
    cluster.faults.add({ api: 'ConsumerGroupHeartbeat', delayMs: 8000, times: 2 })
    cluster.deleteTopic('orders')
    cluster.createTopic('orders', 1)
    await write(small, 'after', upTo(100, 105))
    await world.sleep(60_000)
    await consumer.close()
    await running
    const [first, second] = [upTo(0, 5), upTo(100, 105)].map((values) => values.map(String))
    assert.deepEqual(log.slice(0, log.lastIndexOf('revoked')), [
      'assigned',
      ...(first ?? []),
      'revoked',
      'assigned',
      ...(second ?? []),
    ])
  }))

test('S11 classic: who was assigned a topic by metadata of its former self goes on where the group is in the new one', () =>
  SmallWorld.play(async (small) => {
    const { cluster, world } = small
    await write(small, 'before', upTo(0, 5))
    const owner = attentive(small, 'owner')
    await read(owner, 5)
    // It has nothing to read, so nothing tells it that the topic is another by now.
    const idle = small.consumer('idle')
    const told = listen(idle)
    const next = read(idle, 10)
    await world.sleep(10_000)
    cluster.deleteTopic('orders')
    cluster.createTopic('orders', 1)
    await world.sleep(5000)
    await write(small, 'after', upTo(100, 130))
    assert.deepEqual(await read(owner, 30), upTo(100, 130))
    await owner.close()
    await write(small, 'later', upTo(130, 140))
    assert.deepEqual(await next, upTo(130, 140))
    assert.deepEqual(told, [])
  }))
