/**
 * What seeds have found in the consumer, told as the smallest story that shows it. The seed that
 * found it stands beside it; seeds lose their meaning when workloads change, stories do not.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, Producer } from 'odradek'
import { SmallWorld } from './small-world.test-kit.ts'

async function write(producer: Producer, ...values: readonly string[]): Promise<void> {
  for (const value of values) await producer.send('orders', { value, partition: 0 })
}

/** Reads on until something that was read says `stop`; that one is held for a while. */
async function readUntil(
  { world }: SmallWorld,
  consumer: Consumer,
  stop: (value: string) => boolean,
): Promise<string[]> {
  const values: string[] = []
  for await (const record of consumer) {
    const value = String(record.value)
    values.push(value)
    if (!stop(value)) continue
    await world.sleep(100)
    break
  }
  return values
}

test('leaving a loop while the next fetch is under way skips nothing (restart, seed 19)', () =>
  SmallWorld.play(async (small) => {
    const producer = small.producer()
    await write(producer, 'a', 'b', 'c')
    const consumer = small.consumer('member')
    assert.deepEqual(await readUntil(small, consumer, () => true), ['a'])
    // The fetch behind 'c' waits at the broker; its answer comes while a, b and c are given back.
    await write(producer, 'd')
    await small.world.sleep(2000)
    const rest = await readUntil(small, consumer, (value) => value === 'd')
    assert.deepEqual(rest, ['a', 'b', 'c', 'd'])
  }))

test('a wall clock that jumps ahead holds delivery up for a heartbeat alone (clocks, seed 12)', () =>
  SmallWorld.play(async (small) => {
    const producer = small.producer()
    await write(producer, 'a')
    const consumer = small.consumer('member', { enableAutoCommit: false })
    assert.deepEqual(await readUntil(small, consumer, () => true), ['a'])
    small.process('member').skewWallClock(3_600_000)
    const jumpedAt = small.world.now
    await write(producer, 'b')
    const read: string[] = []
    for await (const record of consumer) {
      read.push(String(record.value))
      if (read.at(-1) !== 'b') continue
      small.process('member').skewWallClock(3_600_000)
      await consumer.commit(record)
      break
    }
    assert.deepEqual(read, ['a', 'b'])
    assert.ok(small.world.now - jumpedAt < 5000)
    assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 2)
  }))

test('long polls of some brokers do not use up the room for fetching from another (calm, seed 2)', () =>
  SmallWorld.play(
    async (small) => {
      const producer = small.producer()
      const consumer = small.consumer('member')
      const read: number[] = []
      consumer.run((record) => void read.push(record.partition)).catch(assert.fail)
      await small.world.sleep(5000)
      const partitions = [1, 2, 3].map((nodeId) => partitionLedBy(small, nodeId))
      for (const partition of partitions) await producer.send('orders', { value: 'x', partition })
      await small.world.sleep(2000)
      assert.deepEqual(new Set(read), new Set(partitions))
      await consumer.close()
    },
    { broker: { brokers: 3, topics: { orders: PARTITIONS } } },
  ))

/** So many that the default budget is too small for what three fetches would like to have. */
const PARTITIONS = 99

function partitionLedBy({ cluster }: SmallWorld, nodeId: number): number {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    if (cluster.partition('orders', partition).leaderId === nodeId) return partition
  }
  return assert.fail(`broker ${nodeId} leads nothing`)
}

test('a topic that was deleted holds nobody up: its offsets are not waited for', () =>
  SmallWorld.play(
    async (small) => {
      const producer = small.producer()
      await write(producer, 'a')
      const consumer = small.consumer('member', { enableAutoCommit: false })
      assert.deepEqual(await readUntil(small, consumer, () => true), ['a'])
      for await (const record of consumer) {
        consumer.mark(record)
        break
      }
      small.cluster.deleteTopic('orders')
      const deletedAt = small.world.now
      await consumer.close({ timeoutMs: 60_000 })
      assert.ok(small.world.now - deletedAt < 10_000)
    },
    { broker: { topics: { orders: 1 } } },
  ))
