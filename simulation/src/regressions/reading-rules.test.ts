/** Rules about reading and offsets, each as its users see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents, Consumer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, count: number, topic = 'orders'): Promise<void> {
  const producer = small.producer(`writer-${small.world.now}-${topic}`)
  for (let index = 0; index < count; index++) {
    await producer.send(topic, { value: `${index}`, partition: 0 })
  }
  await producer.close()
}

test('S6 marks that come after a seek are dropped, counted and told', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    const told: ClientEvents['staleMarksIgnored'][] = []
    consumer.on('staleMarksIgnored', (event) => void told.push(event))
    const held: (() => void)[] = []
    const running = consumer.run(() => new Promise<void>((resolve) => void held.push(resolve)), {
      concurrency: 4,
      order: 'none',
    })
    await small.world.sleep(3000)
    assert.equal(held.length, 4)
    consumer.seek({ topic: 'orders', partition: 0, offset: 8 })
    for (const finish of held.splice(0)) finish()
    await small.world.sleep(1000)
    assert.deepEqual(told, [
      {
        ...{ groupId: 'billing', topic: 'orders', partition: 0, reason: 'sought' },
        ...{ count: 4, from: 0, to: 3, total: 4 },
      },
    ])
    assert.equal(consumer.position({ topic: 'orders', partition: 0 }), 8)
    const late = small.world.sleep(1).then(() => held.splice(0).forEach((finish) => finish()))
    await consumer.close()
    await Promise.all([late, running])
    assert.equal(told.length, 1)
  }))

test('S31 onCorruptBatch "skip": passed over after the second fetch, told from where to where', () =>
  SmallWorld.play(async (small) => {
    const producer = small.producer('writer')
    for (let batch = 0; batch < 4; batch++) {
      await producer.send('orders', [{ value: 'a' }, { value: 'b' }, { value: 'c' }])
    }
    await producer.close()
    // The second of four batches, in the middle of its second record.
    const damaged = [...small.cluster.recordBatches('orders', 0)][1]
    const cursor = damaged?.records()
    cursor?.next()
    cursor?.next()
    if (cursor !== undefined) cursor.buffer[cursor.valueStart] = 0x7f
    const told: ClientEvents['dataLoss'][] = []
    const ways: Readonly<Record<string, (one: Consumer, seen: number[]) => Promise<unknown>>> = {
      run: (one, seen) => one.run(({ offset }) => void seen.push(offset)),
      batches: async (one, seen) => {
        for await (const batch of one.batches()) for (const { offset } of batch) seen.push(offset)
      },
      iteration: async (one, seen) => {
        for await (const { offset } of one) seen.push(offset)
      },
    }
    for (const [way, read] of Object.entries(ways)) {
      told.length = 0
      const consumer = small.consumer(way, { groupId: way, onCorruptBatch: 'skip' })
      consumer.on('dataLoss', (event) => void told.push(event))
      const seen: number[] = []
      const reading = read(consumer, seen)
      await small.world.sleep(8000)
      const { committed } = await consumer.close()
      await reading
      assert.deepEqual(seen, [0, 1, 2, 6, 7, 8, 9, 10, 11], way)
      assert.equal(committed[0]?.offset, 12, way)
      assert.deepEqual(
        told.map(({ from, to, count }) => [from, to, count]),
        [[3, 6, 3]],
        way,
      )
      assert.match(told[0]?.reason ?? '', /^a batch is corrupt \(/)
    }
  }))

test('S9 pinLatest: false delivers without a commit before it; the next commit has the start', () =>
  SmallWorld.play(async (small) => {
    await write(small, 3)
    const commits: unknown[] = []
    small.cluster.on('request', ({ api }) => void (api === 'OffsetCommit' && commits.push(api)))
    const consumer = small.consumer('member', {
      startFrom: 'latest',
      pinLatest: false,
      autoCommitIntervalMs: 600_000,
    })
    const seen: number[] = []
    const running = consumer.run(({ offset }) => void seen.push(offset))
    await small.world.sleep(10_000)
    await write(small, 2)
    await small.world.sleep(10_000)
    assert.deepEqual([seen, commits.length], [[3, 4], 0])
    const { committed } = await consumer.close()
    assert.deepEqual([committed[0]?.offset, commits.length], [5, 1])
    await running
  }))

test('S9 pinLatest: false leaves the start to onAssigned, where offsets are kept elsewhere', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    const consumer: Consumer = small.consumer('member', {
      startFrom: 'latest',
      pinLatest: false,
      enableAutoCommit: false,
      onAssigned: (all) => {
        for (const { topic, partition } of all) consumer.seek({ topic, partition, offset: 4 })
      },
    })
    const seen: number[] = []
    const running = consumer.run(({ offset }) => void seen.push(offset))
    await small.world.sleep(5000)
    assert.deepEqual(seen, [4, 5])
    await consumer.close()
    await running
    assert.throws(() => small.consumer('other', { pinLatest: true }), {
      message: /given "pinLatest", which is for startFrom: 'latest'; it is "earliest"/,
    })
  }))

test('S25 a pause that was forgotten is told while its lag grows, a few times', () =>
  SmallWorld.play(async (small) => {
    await write(small, 1)
    const consumer = small.consumer('member', { progressTimeoutMs: 10_000 })
    const told: ClientEvents['pausedWithLag'][] = []
    consumer.on('pausedWithLag', (event) => void told.push(event))
    const running = consumer.run(() => undefined)
    await small.world.sleep(3000)
    const partition = { topic: 'orders', partition: 0 }
    consumer.pause([partition])
    await small.world.sleep(60_000)
    assert.equal(told.length, 0, 'nothing is written: nothing is told')
    for (let minute = 0; minute < 16; minute++) {
      await write(small, 5)
      await small.world.sleep(30_000)
    }
    const lags = told.map(({ lag }) => lag)
    assert.ok(lags.length >= 3 && lags.length <= 6, lags.join())
    lags.forEach((lag, at) => assert.ok(at === 0 || lag >= 2 * (lags[at - 1] ?? 0), lags.join()))
    assert.match(told[0]?.advice ?? '', /records wait behind it.*consumer\.resume/)
    consumer.resume([partition])
    await small.world.sleep(30_000)
    assert.equal(told.length, lags.length)
    await consumer.close()
    await running
  }))

test('a signal closes everything; a second one finds nobody who holds it up', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const kafka = small.kafka('member')
    const member = small.process('member')
    const closed: ClientEvents['closedOnSignal'][] = []
    kafka.on('closedOnSignal', (event) => void closed.push(event))
    kafka.closeOnSignal()
    const stop = kafka.closeOnSignal({ signals: ['SIGHUP'] })
    stop()
    const consumer = kafka.consumer({ groupId: 'g', topics: ['orders'], startFrom: 'earliest' })
    const seen: number[] = []
    for await (const { offset } of consumer) {
      seen.push(offset)
      if (offset === 4) member.signal('SIGTERM')
      // In hand while it closes: finished, and committed.
      if (offset === 4) await small.world.sleep(2000)
    }
    await small.world.sleep(5000)
    assert.deepEqual(seen, [0, 1, 2, 3, 4])
    assert.equal(small.cluster.committedOffset('g', 'orders', 0)?.offset, 5)
    assert.deepEqual(
      closed.map(({ signal, error }) => [signal, error]),
      [['SIGTERM', undefined]],
    )
    assert.ok(member.isAlive)
    member.signal('SIGTERM')
    assert.ok(!member.isAlive)
  }))

test('record.isStale and batch.revoked say the same of a partition that was sought elsewhere', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    for await (const batch of consumer.batches()) {
      const [record] = batch
      assert.deepEqual(
        [record?.isStale, batch.revoked, batch.signal.aborted],
        [false, false, false],
      )
      consumer.seek({ topic: 'orders', partition: 0, offset: 8 })
      assert.deepEqual(
        [record?.isStale, batch.revoked, batch.signal.reason],
        [true, true, 'sought'],
      )
      assert.deepEqual([...batch], [])
      break
    }
    await consumer.close()
  }))
