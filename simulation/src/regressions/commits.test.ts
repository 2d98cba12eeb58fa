/** What commits and positions must not lose or wait for, each told as the smallest story. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, type Consumer, topic, type ConsumerRecord } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, count: number): Promise<void> {
  const producer = small.producer()
  const records = Array.from({ length: count }, (_, index) => ({ value: `${index}`, partition: 0 }))
  await producer.send('orders', records)
  await producer.close()
}

/** Processes so many records and leaves the loop. */
async function process(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of consumer) {
    records.push(record)
    if (records.length < count) continue
    consumer.mark(record)
    break
  }
  return records
}

const committed = (small: SmallWorld): number | undefined =>
  small.cluster.committedOffset('billing', 'orders', 0)?.offset

test('S2 a commit whose connection was cut is tried again soon, not a request timeout later', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await process(consumer, 10)
    small.cluster.faults.add({ api: 'OffsetCommit', disconnect: 'before', times: 1 })
    const startedAt = small.world.now
    await consumer.commit()
    assert.ok(small.world.now - startedAt < 2000, `${small.world.now - startedAt} ms`)
    assert.equal(committed(small), 10)
    await consumer.close()
  }))

test('S2 a commit of unknown outcome cannot take back a seek that came after it', () =>
  SmallWorld.play(async (small) => {
    await write(small, 300)
    const applied: number[] = []
    small.cluster.on('commit', ({ offset }) => applied.push(offset))
    const consumer = small.consumer('member', { autoCommitIntervalMs: 600_000 })
    await process(consumer, 100)
    small.cluster.faults.add({ api: 'OffsetCommit', delayMs: 40_000, times: 1 })
    consumer.commit().catch(() => undefined)
    await small.world.sleep(1000)
    consumer.seek({ topic: 'orders', partition: 0, offset: 50 })
    await small.world.sleep(120_000)
    assert.ok(applied.includes(100))
    assert.equal(committed(small), 50)
    await consumer.close()
  }))

test('S3 a partition that is lost while the consumer closes is not waited for', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    const hooks: string[] = []
    const running = consumer.run(async ({ offset }) => {
      if (offset === 5) await small.world.sleep(10_000)
    })
    await small.world.sleep(4000)
    const startedAt = small.world.now
    const closing = consumer.close()
    small.cluster.faults.add({ api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 })
    await closing
    await running
    assert.ok(small.world.now - startedAt < 12_000, `${small.world.now - startedAt} ms`)
    assert.deepEqual(hooks, [])
  }))

test('S4 a consumer that closes while it joins commits what is processed', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('a', { autoCommitIntervalMs: 600_000 })
    await process(consumer, 10)
    small.cluster.faults.add({ api: 'JoinGroup', clientId: 'a', delayMs: 50_000 })
    const other = small.consumer('b')
    const reading = process(other, 1)
    await small.world.sleep(10_000)
    const startedAt = small.world.now
    const { uncommitted } = await consumer.close({ timeoutMs: 5000 })
    assert.ok(small.world.now - startedAt <= 5100)
    assert.deepEqual(uncommitted, [])
    assert.equal(committed(small), 10)
    await other.close()
    await reading
  }))

test('S6 committing a record whose partition went away is refused, not passed over', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    const [record] = await process(consumer, 1)
    consumer.seek({ topic: 'orders', partition: 0, offset: 5 })
    await assert.rejects(consumer.commit(record), { code: 'COMMIT_FAILED' })
    await consumer.close()
  }))

test('S1 where reading goes on after retention is committed at once', () =>
  SmallWorld.play(async (small) => {
    for (let batch = 0; batch < 2; batch++) await write(small, 10)
    const first = small.consumer('first')
    await process(first, 5)
    await first.close()
    small.cluster.expireRecords('orders', 0, { before: 10 })
    const consumer = small.consumer('member', { autoCommitIntervalMs: 600_000 })
    for await (const { offset } of consumer) {
      assert.equal(offset, 10)
      await small.world.sleep(1000)
      assert.equal(committed(small), 10)
      break
    }
    await consumer.close()
  }))

test('a partition that goes and comes back while topics are prepared is read once', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const value = { ...bytes, prepare: () => small.world.sleep(20_000) }
    const orders = topic('orders', { value })
    const consumer = small.kafka('member').consumer({
      groupId: 'billing',
      topics: [orders],
      startFrom: 'earliest',
      sessionTimeoutMs: 6000,
      heartbeatIntervalMs: 1000,
    })
    const assigned: number[] = []
    consumer.on('rebalanced', (event) => assigned.push(event.assigned.length))
    const offsets: number[] = []
    const running = consumer.run(({ offset }) => void offsets.push(offset))
    await small.world.sleep(1000)
    small.cluster.faults.add({ api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 })
    await small.world.sleep(60_000)
    assert.deepEqual(assigned, [1, 1])
    assert.deepEqual(offsets, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await consumer.close()
    await running
  }))

test('what topics need is prepared again until it works, and said', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const startedAt = small.world.now
    const prepare = async (): Promise<void> => {
      if (small.world.now - startedAt < 20_000) throw new Error('no registry')
    }
    const consumer = small.kafka('member').consumer({
      groupId: 'billing',
      topics: [topic('orders', { value: { ...bytes, prepare } })],
      startFrom: 'earliest',
    })
    const stalls: string[] = []
    consumer.on('stalled', ({ error }) => stalls.push(error?.message ?? ''))
    const offsets: number[] = []
    const running = consumer.run(({ offset }) => void offsets.push(offset))
    await small.world.sleep(40_000)
    assert.equal(offsets.length, 10)
    assert.ok(stalls.includes('no registry'))
    await consumer.close()
    await running
  }))

test('a partition that goes cannot be sought, and is committed where it was', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const errors: unknown[] = []
    const consumer: Consumer = small.consumer('member', {
      onRevoked: () => {
        try {
          consumer.seek({ topic: 'orders', partition: 0, offset: 3 })
        } catch (error) {
          errors.push((error as { code: string }).code)
        }
      },
    })
    await process(consumer, 10)
    await consumer.close()
    assert.deepEqual(errors, ['NOT_ASSIGNED'])
    assert.equal(committed(small), 10)
  }))

test('S9 a refused pin fails its partition loudly, and the others are read', () =>
  SmallWorld.play(
    async (small) => {
      small.cluster.faults.add({
        api: 'OffsetCommit',
        topic: 'secrets',
        error: 'TOPIC_AUTHORIZATION_FAILED',
      })
      const options = { topics: ['orders', 'secrets'], startFrom: 'latest' } as const
      const consumer = small.consumer('member', options)
      await assert.rejects(process(consumer, 1), { code: 'TOPIC_AUTHORIZATION_FAILED' })
      const reading = process(consumer, 1)
      await small.world.sleep(1000)
      await write(small, 1)
      const [record] = await reading
      assert.equal(record?.topic, 'orders')
      await consumer.close()
    },
    { broker: { topics: { orders: 1, secrets: 1 } } },
  ))

test('S9 offsets that vanish do not move a member that had committed there, and it is said', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const session = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 }
    const consumer = small.consumer('member', { ...session, startFrom: 'latest' })
    const resets: string[] = []
    consumer.on('positionReset', ({ offset, reason }) => resets.push(`${offset} ${reason}`))
    const offsets: number[] = []
    const running = consumer.run(({ offset }) => void offsets.push(offset))
    await small.world.sleep(5000)
    await write(small, 10)
    await small.world.sleep(10_000)
    small.cluster.faults.add({ api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 })
    await small.world.sleep(2000)
    small.cluster.expireOffsets('billing')
    await write(small, 5)
    await small.world.sleep(20_000)
    assert.deepEqual(offsets, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])
    assert.match(resets.join(), /^20 the committed offset has vanished/)
    await consumer.close()
    await running
  }))

test('S34 offsets that a transaction holds back are waited for', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const first = small.consumer('first')
    await process(first, 4)
    await first.close()
    const fault = small.cluster.faults.add({
      api: 'OffsetFetch',
      error: 'UNSTABLE_OFFSET_COMMIT',
    })
    const second = small.consumer('second')
    const reading = process(second, 1)
    await small.world.sleep(30_000)
    fault.remove()
    const [record] = await reading
    assert.equal(record?.offset, 4)
    await second.close()
  }))

test('what the coordinator cannot answer for long is asked for again by itself', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const fault = small.cluster.faults.add({ api: 'OffsetFetch', error: 'NOT_COORDINATOR' })
    const consumer = small.consumer('member')
    const reading = process(consumer, 10)
    await small.world.sleep(120_000)
    fault.remove()
    const recoveredAt = small.world.now
    assert.equal((await reading).length, 10)
    assert.ok(small.world.now - recoveredAt < 5000)
    await consumer.close()
  }))

test('a coordinator that hangs does not keep a topic made anew from being read', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    assert.equal((await process(consumer, 10)).length, 10)
    small.cluster.createTopic('others', { partitions: 1 })
    small.cluster.faults.add({ api: 'OffsetFetch', dropAnswer: true })
    consumer.subscribe(['orders', 'others'])
    await small.world.sleep(3000)
    small.cluster.deleteTopic('orders')
    small.cluster.createTopic('orders', { partitions: 1 })
    const startedAt = small.world.now
    await write(small, 1)
    await process(consumer, 1)
    assert.ok(small.world.now - startedAt < 5000, `${small.world.now - startedAt} ms`)
    await consumer.close({ timeoutMs: 1000 })
  }))

test('committed offsets that a transaction holds back are asked for again', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    await process(consumer, 4)
    await consumer.commit()
    small.cluster.faults.add({ api: 'OffsetFetch', error: 'UNSTABLE_OFFSET_COMMIT', times: 3 })
    assert.deepEqual(await consumer.committed([{ topic: 'orders', partition: 0 }]), [4])
    await consumer.close()
  }))

test('S30 other topics that are subscribed to before the first iteration cause no request', () =>
  SmallWorld.play(async (small) => {
    const asked = new Set<string>()
    small.cluster.on('request', ({ api }) => asked.add(api))
    const consumer = small.consumer('member')
    consumer.subscribe(['others'])
    await small.world.sleep(10_000)
    assert.deepEqual([...asked], [])
    await consumer.close()
    await small.world.sleep(1000)
    assert.equal(small.process('member').leaks().timers, 0)
  }))
