/**
 * What reading must not lose, repeat or wait for, each told as the smallest story that shows it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, ConsumerRecord } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

/** One record a batch, so that logs can be cut between any two; the value is the offset. */
async function write(small: SmallWorld, from: number, to: number, partition = 0): Promise<void> {
  const producer = small.producer(`writer-${from}-${partition}`)
  for (let offset = from; offset < to; offset++) {
    await producer.send('orders', { value: `${offset}`.padEnd(100), partition })
  }
  await producer.close()
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

interface Story {
  /** Awaited with each record in hand. */
  readonly at?: (record: ConsumerRecord) => Promise<void> | void
  readonly until: (record: ConsumerRecord) => boolean
}

/** Reads until a record says that it is the last; that one is processed, too. */
async function read(consumer: Consumer, { at, until }: Story): Promise<number[]> {
  const offsets: number[] = []
  for await (const record of consumer) {
    offsets.push(record.offset)
    await at?.(record)
    if (!until(record)) continue
    consumer.mark(record)
    break
  }
  return offsets
}

test('S1 a log truncated while records before its new end are still to be delivered: none is left out', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 100)
    const consumer = small.consumer('member')
    const losses: unknown[] = []
    consumer.on('dataLoss', ({ from, to }) => losses.push([from, to]))
    let isCut = false
    const offsets = await read(consumer, {
      at: async ({ offset }) => {
        if (offset !== 60 || isCut) return
        isCut = true
        small.cluster.truncate('orders', 0, { to: 80 })
        await write(small, 80, 150)
        await small.world.sleep(2000)
      },
      until: ({ offset }) => isCut && offset === 149,
    })
    assert.deepEqual([...new Set(offsets)], upTo(0, 150))
    assert.deepEqual(losses, [[80, 100]])
  }))

test('S11 retention that overtakes the fetches does not take what was fetched', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 100)
    const consumer = small.consumer('member')
    const losses: unknown[] = []
    consumer.on('dataLoss', ({ from, to }) => losses.push([from, to]))
    const offsets = await read(consumer, {
      at: async ({ offset }) => {
        if (offset !== 60) return
        await small.world.sleep(1000)
        small.cluster.faults.add({ api: 'Fetch', delayMs: 3000, times: 2 })
        await write(small, 100, 150)
        small.cluster.expireRecords('orders', 0, { before: 120 })
        await small.world.sleep(10_000)
      },
      until: ({ offset }) => offset === 149,
    })
    const expected = [...upTo(0, 100), ...upTo(losses.length === 0 ? 100 : 120, 150)]
    assert.deepEqual(offsets, expected)
    assert.deepEqual(losses, [[100, 120]])
  }))

test('S11 an end that is nearer than thought (an epoch that nobody kept) is no reason to ask again and again', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 0, 50)
      small.cluster.moveLeader('orders', 0, 2)
      await write(small, 50, 100)
      const consumer = small.consumer('member', { maxPartitionFetchBytes: 50 * 170 })
      await read(consumer, {
        at: () => small.world.sleep(1000),
        until: ({ offset }) => offset === 9,
      })
      small.cluster.truncate('orders', 0, { to: 50 })
      await write(small, 50, 60)
      let fetches = 0
      small.cluster.on('request', ({ api }) => {
        if (api === 'Fetch') fetches++
      })
      const reading = read(consumer, { until: ({ offset }) => offset === 59 })
      await small.world.sleep(5000)
      assert.ok(fetches < 100, `${fetches} fetches`)
      assert.deepEqual(await reading, upTo(10, 60))
    },
    { broker: { brokers: 2, topics: { orders: 1 } } },
  ))

test('S7 a partition that is held back does not hold up another of its broker', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 0, 100)
      const consumer = small.consumer('member', { maxPartitionFetchBytes: 1000 })
      const seen: number[] = []
      const stuck = new Promise<void>((resolve) => void small.world.sleep(60_000).then(resolve))
      const running = consumer.run(
        async ({ partition, offset }) => {
          if (partition === 0 && offset === 0) await stuck
          if (partition === 1) seen.push(offset)
        },
        { concurrency: 4, order: 'none', maxUncommittedRecords: 10 },
      )
      await small.world.sleep(5000)
      await write(small, 0, 20, 1)
      await small.world.sleep(5000)
      assert.deepEqual(seen, upTo(0, 20))
      await small.world.sleep(60_000)
      await consumer.close()
      await running
      assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 100)
    },
    { broker: { topics: { orders: 2 } } },
  ))

test('S7 a stream that is held back goes on where it is sought', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 100)
    const consumer = small.consumer('member')
    const stream = consumer.stream({ highWaterMark: 1, maxUncommittedRecords: 5 })
    const reader = stream.getReader()
    for (let offset = 0; offset < 5; offset++) await reader.read()
    await small.world.sleep(2000)
    consumer.seek({ topic: 'orders', partition: 0, offset: 50 })
    const next = await Promise.race([reader.read(), small.world.sleep(10_000)])
    assert.equal(next?.value?.offset, 50)
    await consumer.close()
  }))

test('S29 what a run that failed left is read at once by the next', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 100)
    const consumer = small.consumer('member', { maxPartitionFetchBytes: 1000 })
    const failing = consumer.run(async ({ offset }) => {
      if (offset !== 1) return
      await small.world.sleep(3000)
      throw new Error('poison')
    })
    await assert.rejects(failing, /poison/)
    const seen: number[] = []
    const running = consumer.run(({ offset }) => void seen.push(offset))
    await small.world.sleep(5000)
    assert.deepEqual(seen, upTo(1, 100))
    await consumer.close()
    await running
  }))

test('S29 a handler that fails after reading failed for good leaves its record unprocessed', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 20)
    const consumer = small.consumer('member', { autoCommitIntervalMs: 600_000 })
    const first = consumer.run(async ({ offset }) => {
      if (offset !== 5) return
      small.cluster.faults.add({ api: 'Fetch', errorCode: 29 })
      await small.world.sleep(3000)
      throw new Error('poison')
    })
    await assert.rejects(first)
    await consumer.close()
    assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 5)
  }))

test('S27 an iterator that is returned while it waits takes nothing more', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member')
    const iterator = consumer[Symbol.asyncIterator]()
    const pending = iterator.next()
    await small.world.sleep(3000)
    await iterator.return?.()
    await write(small, 0, 3)
    await small.world.sleep(3000)
    assert.deepEqual(await pending, { done: true, value: undefined })
    const rest = read(consumer, { until: ({ offset }) => offset === 2 })
    await small.world.sleep(3000)
    assert.deepEqual(await rest, [0, 1, 2])
    await consumer.close()
  }))

test('S28 a batch iterator that is returned while it waits takes nothing more', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member')
    const iterator = consumer.batches()
    const pending = iterator.next()
    await small.world.sleep(3000)
    await iterator.return?.()
    await write(small, 0, 3)
    await small.world.sleep(3000)
    assert.deepEqual(await pending, { done: true, value: undefined })
    const rest = read(consumer, { until: ({ offset }) => offset === 2 })
    await small.world.sleep(3000)
    assert.deepEqual(await rest, [0, 1, 2])
    await consumer.close()
  }))

test('S27 a stream that failed leaves the consumer to be read by others', () =>
  SmallWorld.play(async (small) => {
    const consumer = small.consumer('member', { startFrom: 'fail' })
    await assert.rejects(consumer.stream().getReader().read(), { code: 'NO_OFFSET' })
    const iterator = consumer[Symbol.asyncIterator]()
    await iterator.return?.()
    await consumer.close()
  }))

test('S30 a membership that is over for good is told to everybody who asks', () =>
  SmallWorld.play(async (small) => {
    small.cluster.faults.add({ api: 'JoinGroup', error: 'GROUP_AUTHORIZATION_FAILED' })
    const consumer = small.consumer('member')
    for (let attempt = 0; attempt < 2; attempt++) {
      const reading = read(consumer, { until: () => true })
      const outcome = await Promise.race([
        reading.catch((error: unknown) => (error as { code: string }).code),
        small.world.sleep(5000),
      ])
      assert.equal(outcome, 'GROUP_AUTHORIZATION_FAILED')
    }
    await consumer.close()
  }))

test('S32 partitions that stand still are not fetched again and again to make room for each other', () =>
  SmallWorld.play(
    async (small) => {
      for (const partition of [0, 1, 2]) await write(small, 0, 60, partition)
      const limits = { maxPartitionFetchBytes: 1700, maxBufferedBytes: 7500 }
      const consumer = small.consumer('member', limits)
      const running = consumer.run(() => small.world.sleep(5000), { concurrency: 3 })
      await small.world.sleep(5000)
      let fetches = 0
      small.cluster.on('request', ({ api }) => {
        if (api === 'Fetch') fetches++
      })
      await small.world.sleep(20_000)
      assert.ok(fetches < 20, `${fetches} fetches`)
      await consumer.close({ timeoutMs: 6000 })
      await running
    },
    { broker: { topics: { orders: 3 } } },
  ))

test('S26 a handler hears that its partition is lost before it goes on', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 3)
    const consumer = small.consumer('member')
    const heard: unknown[] = []
    const running = consumer.run(async (record, { signal }) => {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true })
      })
      heard.push(signal.reason, record.isStale)
    })
    await small.world.sleep(2000)
    small.cluster.faults.add({ api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 })
    await small.world.sleep(5000)
    assert.deepEqual(heard, ['lost', true])
    await consumer.close()
    await running
  }))

test('S25 a pause survives a rebalance for partitions that stay, and not a loss', () =>
  SmallWorld.play(
    async (small) => {
      const session = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 }
      const a = small.consumer('a', session)
      const running = a.run(() => undefined)
      await small.world.sleep(5000)
      a.pause(a.assigned)
      const b = small.consumer('b', session)
      const runningB = b.run(() => undefined)
      await small.world.sleep(10_000)
      assert.equal(a.assigned.length, 2)
      assert.deepEqual(a.paused, a.assigned)
      small.cluster.faults.add({
        api: 'Heartbeat',
        clientId: 'a',
        error: 'UNKNOWN_MEMBER_ID',
        times: 1,
      })
      await small.world.sleep(20_000)
      assert.equal(a.assigned.length, 2)
      assert.deepEqual([a.paused, b.paused], [[], []])
      await Promise.all([a.close(), b.close()])
      await Promise.all([running, runningB])
    },
    { broker: { topics: { orders: 4 } } },
  ))

test('S29 a run that nobody awaits is no unhandled rejection: close throws its error', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 3)
    const consumer = small.consumer('member')
    const failures: string[] = []
    consumer.on('runFailed', ({ error }) => failures.push(error.message))
    void consumer.run(() => {
      throw new Error('poison')
    })
    await small.world.sleep(5000)
    assert.deepEqual(failures, ['poison'])
    await assert.rejects(consumer.close(), /poison/)
  }))

test('S28 a batch in hand is waited for to the deadline of its revocation, then it ends as revoked', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 100)
    const consumer = small.consumer('member')
    const offsets: number[] = []
    let wasRevoked = false
    const reading = (async () => {
      for await (const batch of consumer.batches()) {
        for (const { offset } of batch) {
          offsets.push(offset)
          await small.world.sleep(500)
        }
        wasRevoked = batch.revoked
      }
    })()
    await small.world.sleep(3000)
    await consumer.close({ timeoutMs: 4000 })
    const committed = small.cluster.committedOffset('billing', 'orders', 0)?.offset ?? 0
    await reading
    assert.equal(wasRevoked, true)
    // What began is processed, or in hand when the time was over.
    assert.ok(committed >= 8 && committed < 12, `${committed}`)
    assert.equal(offsets.at(-1), committed)
  }))

test('S28 nothing behind a batch can be marked with it', () =>
  SmallWorld.play(async (small) => {
    await write(small, 0, 10)
    const consumer = small.consumer('member')
    const batches = consumer.batches()
    const { value: batch } = await batches.next()
    assert.throws(() => batch?.markUpTo(10), { code: 'USAGE' })
    batch?.markUpTo(9)
    await batches.return?.()
    await consumer.close()
    assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 10)
  }))
