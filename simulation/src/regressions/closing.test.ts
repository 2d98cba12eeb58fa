/**
 * `stop()` ends reading without a wait. `close()` waits for the records in flight, but not for the
 * record of a handler of `run` that awaits it; a loop that awaits it is reported.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CloseSummary, Consumer, ConsumerOptions, Kafka } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

/** Nothing that a healthy cluster is asked takes longer. */
const SOON_MS = 200
const WORK_MS = 1000

const committed = (small: SmallWorld): number | undefined =>
  small.cluster.committedOffset('billing', 'orders', 0)?.offset

async function write(small: SmallWorld, count: number): Promise<void> {
  const producer = small.producer()
  const records = Array.from({ length: count }, (_, at) => ({ key: `${at}`, value: `${at}` }))
  await producer.send('orders', records)
  await producer.close()
}

/** A scene with ten records; `took` measures how long something takes. */
function scene(
  play: (
    small: SmallWorld,
    consumer: Consumer,
    took: <T>(wait: Promise<T>) => Promise<readonly [T, number]>,
    kafka: Kafka,
  ) => Promise<void>,
  options: Partial<ConsumerOptions<string>> = {},
): Promise<void> {
  return SmallWorld.play(async (small) => {
    await write(small, 10)
    const kafka = small.kafka('member')
    const given = { groupId: 'billing', topics: ['orders'], startFrom: 'earliest' } as const
    const consumer = kafka.consumer({ ...given, ...options })
    await play(
      small,
      consumer,
      async (wait) => {
        const before = small.world.now
        const result = await wait
        return [result, small.world.now - before]
      },
      kafka,
    )
    await kafka.close()
    await small.world.sleep(60_000)
    const { timers, connections } = small.process('member').leaks()
    assert.deepEqual([timers, connections], [0, 0])
  })
}

test('a loop that awaits close is reported after 3 s, and close ends at its deadline', () =>
  scene(async (small, consumer, took) => {
    const reports: string[] = []
    consumer.on('stalled', ({ message }) => void reports.push(message))
    for await (const { offset } of consumer) {
      if (offset !== 3) continue
      const [{ uncommitted }, ms] = await took(consumer.close({ timeoutMs: 10_000 }))
      assert.ok(ms > 3000 && ms <= 10_000, `it took ${ms} ms`)
      assert.deepEqual(uncommitted, [])
    }
    assert.match(reports.join(' '), /records in flight of orders-0.*break out of the loop first/)
    assert.equal(committed(small), 3)
  }))

test('stop ends a loop after the record in flight, and close commits it at once', () =>
  scene(async (small, consumer, took) => {
    const seen: number[] = []
    for await (const { offset } of consumer) {
      seen.push(offset)
      if (offset === 3) consumer.stop()
      await small.world.sleep(1)
    }
    const [, ms] = await took(consumer.close())
    assert.ok(ms < SOON_MS, `it took ${ms} ms`)
    assert.deepEqual(seen, [0, 1, 2, 3])
    assert.equal(committed(small), 4)
  }))

test('stop ends a batch after the record in flight; the rest is delivered again', () =>
  scene(async (small, consumer) => {
    const seen: number[] = []
    for await (const batch of consumer.batches()) {
      for (const { offset } of batch) {
        seen.push(offset)
        if (offset === 3) consumer.stop()
      }
      await small.world.sleep(1)
    }
    await consumer.close()
    assert.deepEqual(seen, [0, 1, 2, 3])
    assert.equal(committed(small), 4)
  }))

for (const order of ['partition', 'key', 'none'] as const) {
  test(`after stop, run resolves once its handlers have settled (order: ${order})`, () =>
    scene(async (small, consumer) => {
      const finished: number[] = []
      const running = consumer.run(
        async ({ offset }) => {
          await small.world.sleep(WORK_MS)
          finished.push(offset)
        },
        { order, concurrency: 2 },
      )
      await small.world.sleep(WORK_MS * 1.5)
      consumer.stop()
      const begunBefore = finished.length
      await running
      assert.ok(finished.length > begunBefore && finished.length < 10, `${finished.length}`)
      await consumer.close()
      assert.equal(committed(small), finished.length)
    }))
}

test('a loop that begins after stop ends at once', () =>
  scene(async (_small, consumer) => {
    consumer.stop()
    for await (const { offset } of consumer) assert.fail(`${offset} was delivered`)
    await consumer.close()
  }))

test('what is marked before a handler awaits close is committed, and functions between count', () =>
  scene(async (small, consumer, took) => {
    const shutDown = async (): Promise<number> => {
      await small.world.sleep(1)
      const [, [, ms]] = await Promise.all([small.world.sleep(1), took(consumer.close())])
      return ms
    }
    await consumer.run(async (record) => {
      if (record.offset !== 3) return
      consumer.mark(record)
      assert.ok((await shutDown()) < SOON_MS)
    })
    assert.equal(committed(small), 4)
  }))

test('a loop that does not await close finishes its record', () =>
  scene(async (small, consumer) => {
    let closing: Promise<CloseSummary> | undefined
    for await (const { offset } of consumer) {
      if (offset === 3) {
        closing = consumer.close()
        closing.catch(() => undefined)
      }
      await small.world.sleep(WORK_MS)
    }
    await closing
    assert.equal(committed(small), 4)
  }))

test('close from elsewhere waits for the record that a loop has in hand', () =>
  scene(async (small, consumer, took) => {
    const reading = (async () => {
      for await (const record of consumer) {
        assert.equal(record.isStale, false)
        await small.world.sleep(WORK_MS)
      }
    })()
    await small.world.sleep(WORK_MS * 2.5)
    const [, ms] = await took(consumer.close())
    assert.ok(ms > WORK_MS / 10, `it took ${ms} ms`)
    await reading
    assert.equal(committed(small), 3)
  }))

for (const order of ['partition', 'key', 'none'] as const) {
  test(`a handler that awaits close is not waited for, the others are (order: ${order})`, () =>
    scene(async (small, consumer, took) => {
      const finished: number[] = []
      const running = consumer.run(
        async ({ offset }) => {
          await small.world.sleep(offset === 5 ? WORK_MS / 2 : WORK_MS)
          if (offset === 5) {
            const [, ms] = await took(consumer.close())
            assert.ok(ms < WORK_MS, `it took ${ms} ms`)
          } else finished.push(offset)
        },
        { order, concurrency: 2 },
      )
      await running
      await consumer.close()
      const last = order === 'partition' ? 4 : Math.max(...finished)
      assert.deepEqual(finished.includes(last), true)
      assert.equal(committed(small), 5)
    }))
}

for (const order of ['partition', 'key', 'none'] as const) {
  test(`close commits every record whose handler finished (order: ${order})`, () =>
    scene(async (small, consumer) => {
      const finished: number[] = []
      const running = consumer.run(
        async ({ offset }) => {
          await small.world.sleep(offset === 0 ? WORK_MS : 1)
          finished.push(offset)
        },
        { order, concurrency: 4 },
      )
      await small.world.sleep(WORK_MS / 2)
      await consumer.close()
      await running
      assert.equal(committed(small), finished.length)
    }))
}

test('a handler that does not await close finishes its record', () =>
  scene(async (small, consumer) => {
    await consumer.run(async ({ offset }) => {
      if (offset === 3) void consumer.close()
      await small.world.sleep(WORK_MS)
    })
    await consumer.close()
    assert.equal(committed(small), 4)
  }))

test('a handler may await the end of the client, too', () =>
  scene(async (small, consumer, took, kafka) => {
    await consumer.run(async (record) => {
      await small.world.sleep(1)
      if (record.offset !== 3) return
      consumer.mark(record)
      const [, ms] = await took(kafka.close())
      assert.ok(ms < SOON_MS, `it took ${ms} ms`)
    })
    assert.equal(committed(small), 4)
  }))

test('another consumer that is closed by a handler is waited for', () =>
  scene(async (small, consumer, _took, kafka) => {
    const given = { groupId: 'other', topics: ['orders'], startFrom: 'earliest' } as const
    const other = kafka.consumer(given)
    const busy = other.run(() => small.world.sleep(WORK_MS))
    await small.world.sleep(WORK_MS / 4)
    await consumer.run(async ({ offset }) => {
      if (offset !== 3) return
      await other.close()
      assert.equal(small.cluster.committedOffset('other', 'orders', 0)?.offset, 1)
      await consumer.close()
    })
    await busy
  }))

for (const hook of ['onAssigned', 'onRevoked', 'onLost'] as const) {
  test(`${hook} may await close`, () => {
    let consumer: Consumer | undefined
    let tookMs: number | undefined
    let now = (): number => 0
    return scene(
      async (small, made, _took, kafka) => {
        consumer = made
        now = () => small.world.now
        const reading = (async () => {
          for await (const { offset } of made) assert.ok(offset >= 0)
        })()
        await small.world.sleep(5000)
        const groupId = 'billing'
        if (hook === 'onLost') {
          small.cluster.faults.add({ api: 'Heartbeat', error: 'UNKNOWN_MEMBER_ID', times: 1 })
        }
        const joiner = small.kafka('joiner')
        const second = joiner.consumer({ groupId, topics: ['orders'], startFrom: 'earliest' })
        const other = second.run(() => undefined)
        await small.world.sleep(20_000)
        await second.close()
        await other
        await reading
        await kafka.close()
        await joiner.close()
        assert.ok((tookMs ?? Infinity) < SOON_MS, `it took ${tookMs} ms`)
      },
      {
        partitionAssignors: ['range'],
        [hook]: async () => {
          if (consumer === undefined || tookMs !== undefined) return
          tookMs = Infinity
          const before = now()
          await consumer.close()
          tookMs = now() - before
        },
      },
    )
  })
}
