/** What a consumer can be asked for, and what it says to those who ask for what cannot be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents, Consumer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

const PLACE = { topic: 'orders', partition: 0 } as const

/** A record a second, from `at` on. */
async function write(small: SmallWorld, count: number, at = 1000): Promise<void> {
  const producer = small.producer(`writer-${small.world.now}`)
  for (let index = 0; index < count; index++) {
    await producer.send('orders', { value: `${index}`, timestamp: at + index * 1000 })
  }
  await producer.close()
}

async function offsetsOf(consumer: Consumer, count: number): Promise<readonly number[]> {
  const seen: number[] = []
  for await (const { offset } of consumer) if (seen.push(offset) === count) break
  return seen
}

test('a seek by timestamp goes to the first record that is as late, and commits the place', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    const told: ClientEvents['positionReset'][] = []
    consumer.on('positionReset', (event) => void told.push(event))
    assert.deepEqual(await offsetsOf(consumer, 4), [0, 1, 2, 3])
    consumer.seek({ ...PLACE, timestamp: 7500 })
    assert.equal(consumer.position(PLACE), undefined)
    assert.deepEqual(await offsetsOf(consumer, 2), [7, 8])
    assert.deepEqual(told, [{ ...PLACE, offset: 7, reason: 'seek' }])
    consumer.seek({ ...PLACE, timestamp: 2000 })
    assert.deepEqual(await offsetsOf(consumer, 1), [1])
    assert.deepEqual(await consumer.committed([PLACE]), [1])
    await consumer.close()
  }))

test('a seek to a time that no record is as late as, or to "latest", waits at the end', () =>
  SmallWorld.play(async (small) => {
    await write(small, 3)
    const consumer = small.consumer('member')
    await offsetsOf(consumer, 1)
    for (const to of [{ timestamp: 60_000 }, { offset: 'latest' }] as const) {
      consumer.seek({ ...PLACE, ...to })
      await small.world.sleep(1000)
      const end = consumer.position(PLACE) ?? -1
      const next = offsetsOf(consumer, 1)
      await write(small, 1)
      assert.deepEqual(await next, [end])
    }
    consumer.seek({ ...PLACE, offset: 'earliest' })
    assert.deepEqual(await offsetsOf(consumer, 1), [0])
    await consumer.close()
  }))

test('onAssigned may seek by time: nothing else is read before', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    const consumer: Consumer = small.consumer('member', {
      onAssigned: (all) => {
        for (const one of all) consumer.seek({ ...one, timestamp: 5000 })
      },
    })
    assert.deepEqual(await offsetsOf(consumer, 2), [4, 5])
    await consumer.close()
  }))

test('a seek by time outlives a leader that cannot be asked, and a seek by offset overrules it', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    const consumer = small.consumer('member')
    await offsetsOf(consumer, 1)
    const fault = small.cluster.faults.add({ api: 'ListOffsets', errorCode: 6 })
    consumer.seek({ ...PLACE, timestamp: 4000 })
    await small.world.sleep(10_000)
    assert.equal(consumer.position(PLACE), undefined)
    consumer.seek({ ...PLACE, offset: 1 })
    fault.remove()
    await small.world.sleep(10_000)
    assert.deepEqual(await offsetsOf(consumer, 2), [1, 2])
    await consumer.close()
  }))

test('commitOffsets commits by number, with metadata that stays until it is replaced', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    const reader = consumer.stream().getReader()
    for (let index = 0; index < 4; index++) await reader.read()
    await consumer.commitOffsets([{ ...PLACE, offset: 2, metadata: 'from the store' }])
    const metadata = async (): Promise<readonly [number, string]> => {
      const [one] = await consumer.committedOffsets([PLACE])
      return [one?.offset ?? -1, one?.metadata.replace(/ ?odradek:1.*/, '') ?? '']
    }
    assert.deepEqual(await metadata(), [2, 'from the store'])
    await consumer.commitOffsets([{ ...PLACE, offset: 3 }])
    assert.deepEqual(await metadata(), [3, 'from the store'])
    await consumer.commitOffsets([{ ...PLACE, offset: 3, metadata: 'other' }])
    assert.deepEqual(await metadata(), [3, 'other'])
    await consumer.close()
  }))

test('commitOffsets refuses what it cannot mean, and then commits nothing', () =>
  SmallWorld.play(async (small) => {
    await write(small, 6)
    const consumer = small.consumer('member', { autoCommitIntervalMs: 600_000 })
    assert.deepEqual(await offsetsOf(consumer, 3), [0, 1, 2])
    const refuses = async (offset: number, partition: number, error: object): Promise<void> => {
      const wrong = { topic: 'orders', partition, offset }
      await assert.rejects(consumer.commitOffsets([wrong]), error)
    }
    await refuses(1, 1, {
      code: 'NOT_ASSIGNED',
      message: 'commitOffsets of orders-1: that partition is not assigned to this consumer.',
    })
    await refuses(6, 0, { code: 'USAGE', message: /only what lies before \d was handed out/ })
    await refuses(1, 0, { code: 'USAGE', message: /everything before 2 is processed by now/ })
    const twice = [
      { ...PLACE, offset: 2 },
      { ...PLACE, offset: 2 },
    ]
    await assert.rejects(consumer.commitOffsets(twice), /was given orders-0 twice/)
    assert.deepEqual(await consumer.committed([PLACE]), [null])
    await consumer.close()
  }))

test('a record of another consumer is marked and committed there alone', () =>
  SmallWorld.play(async (small) => {
    await write(small, 3)
    const [one, other] = ['one', 'other'].map((name) => small.consumer(name, { groupId: name }))
    const [first, second] = [one as Consumer, other as Consumer]
    const iterator = first[Symbol.asyncIterator]()
    const { value: record } = await iterator.next()
    await offsetsOf(second, 1)
    const refusal = { code: 'NOT_ASSIGNED', message: /offset 0 was delivered by another consumer/ }
    assert.throws(() => second.mark(record), refusal)
    await assert.rejects(second.commit(record), refusal)
    assert.equal(first.position(PLACE), 0)
    await iterator.return?.()
    await Promise.all([first.close(), second.close()])
  }))

test('S4 onRevoked may commit while its consumer closes', () =>
  SmallWorld.play(async (small) => {
    await write(small, 3)
    const errors: unknown[] = []
    const committed: (number | null)[] = []
    const consumer: Consumer = small.consumer('member', {
      enableAutoCommit: false,
      onRevoked: async () => {
        await consumer.commit()
        committed.push(...(await consumer.committed([PLACE])))
      },
    })
    consumer.on('listenerError', ({ error }) => void errors.push(error))
    await offsetsOf(consumer, 3)
    await consumer.close()
    assert.deepEqual([errors, committed], [[], [2]])
    await assert.rejects(consumer.commit(), { code: 'CLOSED' })
    assert.throws(() => consumer.seek({ ...PLACE, offset: 0 }), { code: 'CLOSED' })
  }))

test('a hook that does not come back is told, and reading goes on without it', () =>
  SmallWorld.play(async (small) => {
    await write(small, 3)
    const told: string[] = []
    const consumer = small.consumer('member', {
      rebalanceTimeoutMs: 10_000,
      onAssigned: () => new Promise<void>(() => undefined),
    })
    consumer.on('stalled', ({ message }) => void told.push(message))
    assert.deepEqual(await offsetsOf(consumer, 1), [0])
    assert.deepEqual(told, [
      'onAssigned has not returned for 3 s; it is waited for',
      'onAssigned has not returned for 10 s; it is not waited for any longer',
    ])
    await consumer.close()
  }))

test('the signal of a partition aborts when it is taken away, and by no seek', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 3)
      const first = small.consumer('first')
      const run = first.run(() => undefined)
      await small.world.sleep(5000)
      const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
      const signals = partitions.map((one) => first.partitionSignal(one))
      first.seek({ ...PLACE, offset: 0 })
      const second = small.consumer('second')
      const runToo = second.run(() => undefined)
      await small.world.sleep(20_000)
      const aborted = signals.filter(({ aborted }) => aborted)
      assert.deepEqual(
        aborted.map(({ reason }) => reason as unknown),
        ['revoked'],
      )
      await Promise.all([first.close(), second.close(), run, runToo])
      assert.deepEqual(
        new Set(signals.map(({ reason }) => String(reason))),
        new Set(['closing', 'revoked']),
      )
      assert.throws(() => first.partitionSignal(PLACE), { code: 'CLOSED' })
    },
    { broker: { topics: { orders: 2 } } },
  ))

test('a partition that its topic does not have is told as that', () =>
  SmallWorld.play(async (small) => {
    const kafka = small.kafka('reader')
    const partitions = [{ topic: 'orders', partition: 7 }]
    const consumer = kafka.consumer({ partitions, startFrom: 'earliest' })
    const told: string[] = []
    consumer.on('stalled', ({ message, error }) => void told.push(`${message}: ${error?.message}`))
    const run = consumer.run(() => undefined)
    await small.world.sleep(10_000)
    assert.match(
      told[0] ?? '',
      /^finding a leader to ask .*: Topic orders has no partition 7 .* has 1, counted from 0\.$/,
    )
    await consumer.close()
    await run
  }))
