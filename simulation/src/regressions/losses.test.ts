/** Losses that must be told, each as the smallest story that shows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(small: SmallWorld, count: number): Promise<void> {
  const producer = small.producer()
  for (let value = 0; value < count; value++) await producer.send('orders', { value: `${value}` })
  await producer.close()
}

/** Reads to record 10, seeks, and reads on once records before 50 are gone; gives what was told. */
async function lossesAfterSeekTo(small: SmallWorld, offset: number): Promise<unknown[]> {
  await write(small, 100)
  const consumer = small.consumer('member', { maxPartitionFetchBytes: 300 })
  const losses: unknown[] = []
  consumer.on('dataLoss', ({ from, to }) => losses.push([from, to]))
  for await (const record of consumer) {
    if (record.offset !== 10) continue
    consumer.seek({ topic: 'orders', partition: 0, offset })
    small.cluster.expireRecords('orders', 0, { before: 50 })
    break
  }
  for await (const record of consumer) {
    assert.equal(record.offset, 50)
    break
  }
  await consumer.close()
  return losses
}

test('S11 a seek to a record that is there, and is gone a moment later: its loss is told', () =>
  SmallWorld.play(async (small) => {
    assert.deepEqual(await lossesAfterSeekTo(small, 20), [[20, 50]])
  }))

test('S11 a seek to where the log does not go any more loses nothing', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    small.cluster.expireRecords('orders', 0, { before: 5 })
    const consumer = small.consumer('member')
    const losses: unknown[] = []
    consumer.on('dataLoss', (event) => losses.push(event))
    for await (const { offset } of consumer) {
      assert.equal(offset, 5)
      consumer.seek({ topic: 'orders', partition: 0, offset: 0 })
      break
    }
    for await (const { offset } of consumer) {
      assert.equal(offset, 5)
      break
    }
    assert.deepEqual(losses, [])
    await consumer.close()
  }))

test('S11 a seek back, and a truncation before that: what took the place is read, the loss told', () =>
  SmallWorld.play(async (small) => {
    await write(small, 15)
    const consumer = small.consumer('member')
    const losses: unknown[] = []
    consumer.on('dataLoss', ({ from, to }) => losses.push([from, to]))
    for await (const record of consumer) {
      if (record.offset !== 14) continue
      consumer.seek({ topic: 'orders', partition: 0, offset: 9 })
      small.cluster.truncate('orders', 0, { to: 0 })
      break
    }
    await write(small, 20)
    const offsets: number[] = []
    for await (const { offset } of consumer) {
      offsets.push(offset)
      if (offset === 19) break
    }
    assert.deepEqual(
      offsets,
      Array.from({ length: 20 }, (_, offset) => offset),
    )
    assert.deepEqual(losses, [[0, 9]])
    await consumer.close()
  }))
