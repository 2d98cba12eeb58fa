/** Scenario 3 of the semantics: logs that lose their end, or everything (S1, S11). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientEvents, Consumer } from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'

type DataLoss = ClientEvents['dataLoss']

/** One record a batch, so that a truncation can cut between any two. */
async function write(small: SmallWorld, name: string, from: number, to: number): Promise<void> {
  const producer = small.producer(name)
  for (let value = from; value < to; value++) {
    await producer.send('orders', { value: String(value), partition: 0 })
  }
  await producer.close()
}

async function read(consumer: Consumer, count: number): Promise<number[]> {
  const offsets: number[] = []
  for await (const record of consumer) {
    offsets.push(record.offset)
    if (offsets.length < count) continue
    consumer.mark(record)
    break
  }
  return offsets
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

test('a log truncated behind a running consumer and written on: read from where it diverged, told once', () =>
  SmallWorld.play(async (small) => {
    await write(small, 'before', 0, 100)
    const consumer = small.consumer('member')
    const losses: DataLoss[] = []
    consumer.on('dataLoss', (event) => losses.push(event))
    assert.deepEqual(await read(consumer, 100), upTo(0, 100))
    await consumer.commit()
    small.cluster.truncate('orders', 0, { to: 80 })
    await write(small, 'after', 80, 150)
    assert.deepEqual(await read(consumer, 70), upTo(80, 150))
    assert.deepEqual(
      losses.map(({ from, to, count }) => [from, to, count]),
      [[80, 100, 20]],
    )
    await consumer.commit()
    assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 150)
  }))

test('a consumer killed before the truncation restarts at or before where the logs diverged', () =>
  SmallWorld.play(async (small) => {
    await write(small, 'before', 0, 100)
    const first = small.consumer('first')
    await read(first, 85)
    await first.close()
    small.cluster.truncate('orders', 0, { to: 80 })
    await write(small, 'after', 80, 150)
    const second = small.consumer('second')
    const losses: DataLoss[] = []
    second.on('dataLoss', (event) => losses.push(event))
    assert.deepEqual(await read(second, 70), upTo(80, 150))
    assert.equal(losses.length, 1)
  }))

test('truncated and not written on: the end of the log is the place, and what is gone is told', () =>
  SmallWorld.play(async (small) => {
    await write(small, 'before', 0, 100)
    const consumer = small.consumer('member')
    const losses: DataLoss[] = []
    consumer.on('dataLoss', (event) => losses.push(event))
    await read(consumer, 100)
    small.cluster.truncate('orders', 0, { to: 80 })
    const next = read(consumer, 1)
    await small.world.sleep(5000)
    await write(small, 'after', 80, 81)
    assert.deepEqual(await next, [80])
    assert.deepEqual(
      losses.map(({ from, to }) => [from, to]),
      [[80, 100]],
    )
  }))

test('a topic deleted and made anew under its name is read from its beginning', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 'before', 0, 50)
      const consumer = small.consumer('member')
      await read(consumer, 50)
      small.cluster.deleteTopic('orders')
      await small.world.sleep(1000)
      small.cluster.createTopic('orders', { partitions: 1 })
      await write(small, 'after', 0, 60)
      assert.deepEqual(await read(consumer, 60), upTo(0, 60))
    },
    { broker: { topics: { orders: 1 } } },
  ))
