/** S41, S42, S44: what is committed, and when, each as the smallest program that depends on it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitFailedError, type Consumer, type ConsumerRecord } from 'odradek'
import { RawTransactionalProducer } from '../scenarios/raw-transactions.test-kit.ts'
import { SmallWorld } from './small-world.test-kit.ts'

const PROTOCOLS = ['classic', 'consumer'] as const

async function write(small: SmallWorld, count: number, partition = 0): Promise<void> {
  const producer = small.producer(`producer-${count}-${partition}`)
  const records = Array.from({ length: count }, (_, index) => ({ value: `${index}`, partition }))
  await producer.send('orders', records)
  await producer.close()
}

/** Reads this many records in a loop and leaves it: all but the last are processed. */
async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of consumer) {
    records.push(record)
    if (records.length === count) break
  }
  return records
}

/** Another client commits for the group in a transaction, without being a member. */
async function commitFromOutside(small: SmallWorld, groupId: string, offset: number) {
  const { clock } = small.process('outside').environment
  const producer = new RawTransactionalProducer(small.kafka('outside'), {
    ...{ transactionalId: `outside of ${groupId}`, version: 2 },
    now: () => clock.now(),
    sleep: (ms) => small.world.sleep(ms),
  })
  await producer.init()
  await producer.addOffsets(groupId)
  await producer.commitOffset(groupId, { topic: 'orders', partition: 0, offset })
  await producer.end(true)
}

const committed = (small: SmallWorld, partition = 0): number | undefined =>
  small.cluster.committedOffset('billing', 'orders', partition)?.offset

for (const groupProtocol of PROTOCOLS) {
  const manual = { enableAutoCommit: false, groupProtocol } as const

  test(`S41 nothing is committed at close that the program did not commit (${groupProtocol})`, () =>
    SmallWorld.play(async (small) => {
      await write(small, 60)
      const consumer = small.consumer('member', manual)
      await take(consumer, 60)
      const { committed: said, uncommitted } = await consumer.close()
      assert.equal(committed(small), undefined)
      assert.deepEqual(said, [])
      assert.deepEqual(uncommitted, [{ topic: 'orders', partition: 0, offset: 59 }])
      const next = small.consumer('next', manual)
      assert.equal((await take(next, 60))[0]?.offset, 0)
      await next.close()
    }))

  test(`S41 nothing is committed at a revocation that the program did not commit (${groupProtocol})`, () =>
    SmallWorld.play(
      async (small) => {
        await write(small, 30, 0)
        await write(small, 30, 1)
        const first = small.consumer('first', manual)
        const seen = new Set<string>()
        const reading = (async () => {
          for await (const { partition, offset } of first) seen.add(`${partition}:${offset}`)
        })()
        await small.world.sleep(10_000)
        assert.equal(seen.size, 60)
        const second = small.consumer('second', manual)
        const again: ConsumerRecord[] = []
        const readingToo = (async () => {
          for await (const record of second) again.push(record)
        })()
        await small.world.sleep(30_000)
        assert.equal(again.length, 30)
        assert.equal(again[0]?.offset, 0)
        assert.deepEqual([committed(small, 0), committed(small, 1)], [undefined, undefined])
        await Promise.all([first.close(), second.close(), reading, readingToo])
      },
      { broker: { topics: { orders: 2 } } },
    ))

  test(`S41 a partition that leaves and returns is read again from what is committed (${groupProtocol})`, () =>
    SmallWorld.play(
      async (small) => {
        await write(small, 30, 0)
        await write(small, 30, 1)
        const first = small.consumer('first', manual)
        const seen: string[] = []
        const reading = (async () => {
          for await (const { partition, offset } of first) seen.push(`${partition}:${offset}`)
        })()
        await small.world.sleep(10_000)
        assert.equal(seen.length, 60)
        const offsets = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 10 }))
        await first.commitOffsets(offsets)
        const second = small.consumer('second', manual)
        const readingToo = take(second, 20)
        const moved = (await readingToo)[0]?.partition
        await second.close()
        seen.length = 0
        await small.world.sleep(30_000)
        assert.deepEqual(
          seen,
          Array.from({ length: 20 }, (_, index) => `${moved}:${index + 10}`),
        )
        assert.deepEqual([committed(small, 0), committed(small, 1)], [10, 10])
        await first.close()
        await reading
      },
      { broker: { topics: { orders: 2 } } },
    ))

  test(`S41 commit(record) commits up to this record of its partition, no more (${groupProtocol})`, () =>
    SmallWorld.play(
      async (small) => {
        await write(small, 20, 0)
        await write(small, 20, 1)
        const consumer = small.consumer('member', manual)
        const records = await take(consumer, 40)
        const middle = records.find(({ partition, offset }) => partition === 0 && offset === 9)
        await consumer.commit(middle)
        assert.deepEqual([committed(small, 0), committed(small, 1)], [10, undefined])
        await consumer.close()
        assert.deepEqual([committed(small, 0), committed(small, 1)], [10, undefined])
      },
      { broker: { topics: { orders: 2 } } },
    ))

  test(`S41 a seek is not committed when the program commits itself (${groupProtocol})`, () =>
    SmallWorld.play(async (small) => {
      await write(small, 20)
      const consumer = small.consumer('member', manual)
      await take(consumer, 10)
      consumer.seek({ topic: 'orders', partition: 0, offset: 15 })
      await small.world.sleep(10_000)
      assert.equal(committed(small), undefined)
      await consumer.commit()
      assert.equal(committed(small), 15)
      consumer.seek({ topic: 'orders', partition: 0, offset: 5 })
      await consumer.close()
      assert.equal(committed(small), 15)
    }))

  test(`S42 a start from which nothing was processed is not committed (${groupProtocol})`, () =>
    SmallWorld.play(async (small) => {
      for (const enableAutoCommit of [true, false]) {
        const groupId = `reports-${enableAutoCommit}`
        const consumer = small.consumer('member', { groupId, groupProtocol, enableAutoCommit })
        const reading = take(consumer, 1)
        await small.world.sleep(10_000)
        await commitFromOutside(small, groupId, 98)
        const summary = await consumer.close()
        await reading
        assert.equal(small.cluster.committedOffset(groupId, 'orders', 0)?.offset, 98)
        assert.deepEqual(summary, { committed: [], uncommitted: [] })
      }
    }))
}

const WAYS: Readonly<Record<string, (consumer: Consumer, onRecord: () => void) => Promise<void>>> =
  {
    batches: async (consumer, onRecord) => {
      for await (const batch of consumer.batches()) for (const _ of batch) onRecord()
    },
    run: (consumer, onRecord) => consumer.run(onRecord, { concurrency: 4, order: 'none' }),
    stream: async (consumer, onRecord) => {
      for await (const record of consumer.stream()) {
        consumer.mark(record)
        onRecord()
      }
    },
  }

for (const [way, read] of Object.entries(WAYS)) {
  test(`S41 what is processed and not committed is delivered again, whatever reads it (${way})`, () =>
    SmallWorld.play(async (small) => {
      await write(small, 50)
      for (const member of ['first', 'second']) {
        const consumer = small.consumer(member, { enableAutoCommit: false })
        let count = 0
        const reading = read(consumer, () => void count++)
        await small.world.sleep(20_000)
        assert.equal(count, 50)
        await consumer.close()
        await reading
        assert.equal(committed(small), undefined)
      }
    }))
}

test('S41 commits that were asked for, and whose outcome is unknown, are sent again at close', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await take(consumer, 11)
    small.cluster.faults.add({ api: 'OffsetCommit', disconnect: 'before', times: 3 })
    consumer.commit().catch(() => undefined)
    await small.world.sleep(10)
    await consumer.close()
    assert.equal(committed(small), 10)
  }))

test('S41 a member that stops in the middle of a collection loses nothing', () =>
  SmallWorld.play(async (small) => {
    await write(small, 100)
    const stored = new Set<number>()
    const collect = async (consumer: Consumer, until: number): Promise<void> => {
      let collected: number[] = []
      for await (const { offset } of consumer) {
        collected.push(offset)
        if (collected.length === 40) {
          for (const one of collected) stored.add(one)
          collected = []
          await consumer.commit()
        }
        if (offset === until) break
      }
    }
    const first = small.consumer('first', { enableAutoCommit: false })
    await collect(first, 70)
    await first.close()
    const second = small.consumer('second', { enableAutoCommit: false })
    await write(small, 20)
    await collect(second, 119)
    await second.close()
    // The 40th record of a collection is delivered, and not yet counted, when the program commits.
    for (let offset = 0; offset < (committed(small) ?? 0); offset++) assert.ok(stored.has(offset))
    assert.ok(stored.size >= 80)
  }))

test('S41 a sought place is committed under automatic commits, and by commit()', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const consumer = small.consumer('member')
    await take(consumer, 5)
    consumer.seek({ topic: 'orders', partition: 0, offset: 12 })
    await small.world.sleep(1000)
    assert.equal(committed(small), 12)
    await consumer.close()
  }))

test('commitOffsets takes any offset from what is committed to what was delivered', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await take(consumer, 15)
    const place = (offset: number) => [{ topic: 'orders', partition: 0, offset }]
    await consumer.commitOffsets(place(2))
    assert.equal(committed(small), 2)
    await consumer.commitOffsets(place(14))
    assert.equal(committed(small), 14)
    await assert.rejects(consumer.commitOffsets(place(3)), /everything before 14 is/)
    await assert.rejects(consumer.commitOffsets(place(15)), /only what lies before 14/)
    await consumer.close()
    assert.equal(committed(small), 14)
  }))

test('commitOffsets takes any offset from a sought place on, although more was committed before', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await take(consumer, 15)
    const place = (offset: number) => ({ topic: 'orders', partition: 0, offset })
    await consumer.commitOffsets([place(14)])
    consumer.seek(place(3))
    await take(consumer, 6)
    await assert.rejects(consumer.commitOffsets([place(2)]), /Offset 2 .* reading began at 3/)
    assert.equal(committed(small), 14)
    await consumer.commitOffsets([place(5)])
    assert.equal(committed(small), 5)
    await consumer.close()
    assert.equal(committed(small), 5)
  }))

test('seek and commitOffsets work on chosen partitions before the first read', () =>
  SmallWorld.play(async (small) => {
    await write(small, 20)
    const options = { groupId: 'billing', startFrom: 'earliest' } as const
    const partitions = [{ topic: 'orders', partition: 0 }]
    const committer = small.kafka('committer').consumer({ ...options, partitions })
    await committer.commitOffsets([{ topic: 'orders', partition: 0, offset: 7 }])
    assert.equal(committed(small), 7)
    assert.equal((await take(committer, 1))[0]?.offset, 7)
    await committer.close()
    const seeker = small.kafka('seeker').consumer({ ...options, partitions })
    seeker.seek({ topic: 'orders', partition: 0, offset: 12 })
    assert.equal((await take(seeker, 1))[0]?.offset, 12)
    await seeker.close()
  }))

test('a commit of a partition that was revoked says so', () =>
  SmallWorld.play(async (small) => {
    await write(small, 5)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    const [record] = await take(consumer, 5)
    await consumer.close()
    await assert.rejects(consumer.commit(record), (error: Error) => {
      return error instanceof CommitFailedError || /closed/.test(error.message)
    })
  }))
