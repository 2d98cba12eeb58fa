// Members that do not read do not hold partitions (S43).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONSUMER_PROTOCOL, LivenessWorld, type Reader, TOPIC } from './liveness-world.test-kit.ts'

const maxPollIntervalMs = 20_000
/** Of one key, at the start of each partition. */
const SLOW_RECORDS = 3

const PROTOCOLS = [
  ['classic', {}],
  ['consumer', CONSUMER_PROTOCOL],
] as const

const committed = (world: LivenessWorld, partition: number): number =>
  world.small.cluster.committedOffset('billing', TOPIC, partition)?.offset ?? 0

for (const [protocol, options] of PROTOCOLS) {
  test(`${protocol}: a member leaves when its run fails, commits, and joins with the next run`, () =>
    LivenessWorld.play(async (world) => {
      const a = world.reader('a', { ...options, autoCommitIntervalMs: 3_600_000 })
      const failing = a.consumer.run((record) => {
        if (String(record.value) === '41') throw new Error('no database')
        a.values.push(String(record.value))
      })
      const stop = world.write(100)
      await assert.rejects(failing, /no database/)
      const processed = a.values.length
      await world.sleep(2000)
      assert.deepEqual(a.consumer.assigned, [])
      assert.deepEqual(a.events('fenced'), [])
      const offsets = [0, 1, 2, 3].map((partition) => committed(world, partition))
      assert.equal(
        offsets.reduce((sum, one) => sum + one, 0),
        processed,
        'what was processed is committed',
      )
      const b = world.reader('b', options)
      b.run()
      await world.sleep(5000)
      assert.equal(b.consumer.assigned.length, 4, 'the healthy member reads everything')
      a.run()
      await world.sleep(10_000)
      assert.equal(a.consumer.assigned.length, 2, 'it joins again')
      await stop()
      await world.sleep(2000)
      const all = world.readers.flatMap(({ values }) => values)
      assert.equal(new Set(all).size, all.length, 'nothing is delivered twice')
      assert.deepEqual(world.missing, [])
      assert.equal(world.stepsBack, 0)
    }))

  for (const way of ['record', 'batch', 'stream', 'untouched'] as const) {
    test(`${protocol}: a member that nothing reads (${way}) leaves after maxPollIntervalMs, and joins at the next read`, () =>
      LivenessWorld.play(async (world) => {
        const a = world.reader('a', { ...options, maxPollIntervalMs, progressTimeoutMs: 5000 })
        const stop = world.write(100)
        const resume = await readAWhile(a, way)
        await world.sleep(5000)
        const b = world.reader('b', options)
        b.run()
        await world.sleep(30_000)
        assert.equal(b.consumer.assigned.length, 4, 'the healthy member reads everything')
        assert.deepEqual(a.consumer.assigned, [])
        assert.deepEqual(a.events('fenced'), [])
        const statuses = new Set(a.events('partitionProgress').map(({ status }) => status))
        assert.ok(statuses.has('noReader'), [...statuses].join())
        assert.ok(!statuses.has('processing'), [...statuses].join())
        const [event, ...more] = a.events('maxPollExceeded')
        assert.equal(event?.action, 'left')
        assert.match(event.advice, /nothing reads this consumer/)
        assert.deepEqual(more, [])
        const reading = resume()
        await world.sleep(10_000)
        assert.equal(a.consumer.assigned.length, 2, 'it joins again')
        await stop()
        await world.sleep(2000)
        assert.deepEqual(world.missing, [])
        assert.equal(world.stepsBack, 0)
        await a.consumer.close()
        await reading
      }))
  }
}

/** Reads ten records and stops; what it returns reads on. */
async function readAWhile(
  a: Reader,
  way: 'record' | 'batch' | 'stream' | 'untouched',
): Promise<() => Promise<void>> {
  if (way === 'stream') {
    const stream = a.consumer.stream().getReader()
    const read = async (isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        const { value: record, done } = await stream.read()
        if (done) return
        a.values.push(String(record.value))
        if (!record.isStale) a.consumer.mark(record)
      }
    }
    await read(() => a.values.length >= 10)
    return () => read(() => false)
  }
  if (way === 'batch') {
    const read = async (isOver: () => boolean): Promise<void> => {
      for await (const batch of a.consumer.batches()) {
        for (const record of batch) a.values.push(String(record.value))
        if (isOver()) return
      }
    }
    await read(() => a.values.length >= 10)
    return () => read(() => false)
  }
  const read = async (isOver: () => boolean): Promise<void> => {
    for await (const record of a.consumer) {
      a.values.push(String(record.value))
      if (isOver()) return
    }
  }
  if (way === 'untouched') {
    const iterator = a.consumer[Symbol.asyncIterator]()
    return async () => {
      await iterator.return?.()
      await read(() => false)
    }
  }
  await read(() => a.values.length >= 10)
  return () => read(() => false)
}

for (const [protocol, options] of PROTOCOLS) {
  test(`${protocol}: a revocation finishes what waits before a finished record (order: key)`, () =>
    LivenessWorld.play(
      async (world) => {
        const producer = world.small.producer()
        for (const partition of [0, 1]) {
          const records = Array.from({ length: 20 }, (_, at) => {
            const key = at < SLOW_RECORDS ? 'slow' : `fast ${at}`
            return { partition, key, value: `${partition}@${at}` }
          })
          await producer.send(TOPIC, records)
        }
        const [a, b] = [world.reader('a', options), world.reader('b', options)]
        const run = ({ consumer, values }: Reader): Promise<void> =>
          consumer.run(
            async ({ key, value }) => {
              await world.sleep(String(key) === 'slow' ? 2000 : 10)
              values.push(String(value))
            },
            { order: 'key', concurrency: 4 },
          )
        const first = run(a)
        while (a.values.length < 10) await world.sleep(10)
        assert.ok(!a.values.some((value) => /@[0-2]$/.test(value)), 'the first records are slow')
        const second = run(b)
        await world.sleep(60_000)
        assert.equal(b.consumer.assigned.length, 1)
        const all = [...a.values, ...b.values]
        assert.deepEqual(
          all.filter((value, at) => all.indexOf(value) !== at),
          [],
          'nothing is delivered twice',
        )
        assert.equal(all.length, 40)
        await Promise.all([a.consumer.close(), b.consumer.close(), producer.close()])
        await Promise.all([first, second])
      },
      { partitions: 2 },
    ))
}

test('a stream that is read slowly keeps its partitions', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { maxPollIntervalMs })
    const stop = world.write(100)
    const stream = a.consumer.stream({ highWaterMark: 1 }).getReader()
    for (let count = 0; count < 8; count++) {
      const { value: record } = await stream.read()
      assert.ok(record !== undefined)
      a.consumer.mark(record)
      await world.sleep(15_000)
    }
    await stop()
    assert.equal(a.consumer.assigned.length, 4)
    assert.deepEqual(a.events('maxPollExceeded'), [])
    await stream.cancel()
  }))
