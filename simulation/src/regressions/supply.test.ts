/** A partition with much to read beside partitions with nothing: nobody waits for those. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SmallWorld } from './small-world.test-kit.ts'

interface Reading {
  readonly chunks: number
  readonly maxBufferedBytes: number
  readonly workMs: number
}

/** How long it takes to read a partition chunk by chunk, while three others have nothing. */
async function timeToRead(small: SmallWorld, { chunks, maxBufferedBytes, workMs }: Reading) {
  const producer = small.producer()
  const value = 'x'.repeat(200)
  for (let at = 0; at < chunks; at++) await producer.send('orders', { value, partition: 0 })
  const consumer = small.consumer('member', {
    ...{ maxPartitionFetchBytes: 300, maxBufferedBytes, fetchMaxWaitMs: 10_000 },
  })
  let count = 0
  let startedAt = 0
  for await (const record of consumer) {
    startedAt ||= small.world.now
    assert.equal(record.partition, 0)
    if (workMs > 0) await small.world.sleep(workMs)
    if (++count === chunks) break
  }
  const tookMs = small.world.now - startedAt
  await consumer.close()
  return tookMs
}

const FOUR = { broker: { topics: { orders: 4 } } }

test('S32 who makes room for others does not wait for as long as they do', () =>
  SmallWorld.play(async (small) => {
    const tookMs = await timeToRead(small, { chunks: 20, maxBufferedBytes: 700, workMs: 10 })
    assert.ok(tookMs < 10_000, `20 records took ${tookMs} ms`)
  }, FOUR))

test('who is well supplied is not left to the others’ long poll (crowd, seed 10143)', () =>
  SmallWorld.play(async (small) => {
    for (const workMs of [0, 3, 30]) {
      const tookMs = await timeToRead(small, { chunks: 50, maxBufferedBytes: 1_000_000, workMs })
      assert.ok(tookMs < 50 * workMs + 1500, `50 records of ${workMs} ms took ${tookMs} ms`)
    }
  }, FOUR))

test('S32 what one handler holds fills the whole buffer: the others are read on', () =>
  SmallWorld.play(
    async (small) => {
      const producer = small.producer()
      const write = (partition: number, count: number) =>
        producer.send(
          'orders',
          Array.from({ length: count }, () => ({ value: 'x'.repeat(100), partition })),
        )
      for (let at = 0; at < 10; at++) await write(0, 10)
      const limits = { maxPartitionFetchBytes: 5000, maxBufferedBytes: 5000 }
      const consumer = small.consumer('member', { ...limits, progressTimeoutMs: 5000 })
      const statuses: string[] = []
      consumer.on('partitionProgress', ({ partition, status }) => {
        statuses.push(`${partition} ${status}`)
      })
      let letGo: () => void = () => undefined
      const held = new Promise<void>((resolve) => {
        letGo = resolve
      })
      const counts = [0, 0, 0]
      const running = consumer.run(
        ({ partition }) => {
          counts[partition] = (counts[partition] ?? 0) + 1
          return partition === 0 ? held : undefined
        },
        { concurrency: 2 },
      )
      await small.world.sleep(5000)
      for (let at = 0; at < 10; at++) {
        await write(1, 10)
        await write(2, 10)
      }
      await small.world.sleep(15_000)
      assert.deepEqual(counts, [1, 100, 100])
      assert.deepEqual(statuses, ['0 processing'])
      letGo()
      await small.world.sleep(5000)
      assert.equal(counts[0], 100)
      await consumer.close()
      await running
    },
    { broker: { topics: { orders: 3 } } },
  ))
