/**
 * Scenarios 2, 8 and 9 of the semantics: commits that come late, zombies, and closing in trouble.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'

async function write(small: SmallWorld, count: number, partitions = 1): Promise<void> {
  const producer = small.producer()
  const records = Array.from({ length: count }, (_, index) => ({
    value: String(index),
    partition: index % partitions,
  }))
  await producer.send('orders', records)
  await producer.close()
}

/** Processes so many records and leaves the loop. */
async function process(consumer: Consumer, count: number): Promise<number[]> {
  const offsets: number[] = []
  for await (const record of consumer) {
    offsets.push(record.offset)
    if (offsets.length < count) continue
    consumer.mark(record)
    break
  }
  return offsets
}

const committed = (small: SmallWorld): number | undefined =>
  small.cluster.committedOffset('billing', 'orders', 0)?.offset

test('S2 a commit that waits in the coordinator for 40 s cannot take back a later one', () =>
  SmallWorld.play(async (small) => {
    await write(small, 300)
    const applied: number[] = []
    small.cluster.on('commit', ({ offset }) => applied.push(offset))
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await process(consumer, 100)
    small.cluster.faults.add({ api: 'OffsetCommit', delayMs: 40_000, times: 1 })
    const first = consumer.commit()
    await small.world.sleep(20_000)
    await process(consumer, 100)
    await consumer.commit()
    await first
    await small.world.sleep(120_000)
    // The late one did land, and was set right.
    assert.ok(applied.includes(100))
    assert.equal(committed(small), 200)
    await consumer.close()
    assert.equal(committed(small), 200)
  }))

/** Whoever takes over the name of a static member fences the id that it had before. */
for (const groupProtocol of ['classic', 'consumer'] as const) {
  test(`S2 what a static member had on its way at close cannot take back its successor's (${groupProtocol})`, () =>
    SmallWorld.play(
      async (small) => {
        await write(small, 300)
        const answers: number[] = []
        small.cluster.on('commit', ({ offset }) => answers.push(offset))
        const options = { groupProtocol, groupInstanceId: 'pod-0', enableAutoCommit: false }
        const before = small.consumer('before', options)
        await process(before, 100)
        small.cluster.faults.add({ api: 'OffsetCommit', delayMs: 60_000, times: 1 })
        const startedAt = small.world.now
        const { uncommitted } = await before.close({ timeoutMs: 2000 })
        assert.equal(uncommitted.length, 1)
        const after = small.consumer('after', options)
        await process(after, 200)
        await after.commit()
        assert.ok(small.world.now - startedAt < 60_000)
        assert.equal(committed(small), 200)
        await small.world.sleep(120_000)
        assert.equal(answers.includes(100), false)
        assert.equal(committed(small), 200)
        await after.close()
      },
      { broker: { groupConsumerSessionTimeoutMs: 10_000 } },
    ))
}

test('S3 an aborted wait does not take the commit back', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member', { enableAutoCommit: false })
    await process(consumer, 10)
    small.cluster.faults.add({ api: 'OffsetCommit', delayMs: 2000, times: 1 })
    const controller = new AbortController()
    const waiting = consumer.commit(undefined, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    await small.world.sleep(5000)
    assert.equal(committed(small), 10)
  }))

test('S6 what a zombie finishes after its partition went away and came back is not committed', () =>
  SmallWorld.play(
    async (small) => {
      await write(small, 60)
      const a = small.consumer('a', { rebalanceTimeoutMs: 5000 })
      let finishZombie: () => void = () => undefined
      const stuck = new Promise<void>((resolve) => {
        finishZombie = resolve
      })
      let isStuck = true
      const handled: number[] = []
      void a.run(async ({ offset }, { signal }) => {
        if (offset === 50 && isStuck) {
          await new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => void stuck.then(resolve), { once: true })
          })
          return
        }
        if (offset >= 42) await small.world.sleep(1000)
        handled.push(offset)
      })
      await small.world.sleep(20_000)
      assert.equal(handled.at(-1), 49)
      // Another member takes the one partition over, for a while.
      isStuck = false
      const b = small.consumer('b', { rebalanceTimeoutMs: 5000 })
      small.cluster.moveCoordinator('billing', 1)
      const reading = process(b, 1)
      await a.close({ timeoutMs: 10_000 })
      assert.deepEqual(await reading, [50])
      finishZombie()
      await small.world.sleep(5000)
      await b.close()
      assert.equal(committed(small), 51)
    },
    { broker: { topics: { orders: 1 } } },
  ))

test('S3 close resolves in time with the coordinator gone, says what is uncommitted, and leaves nothing', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const kafka = small.kafka('member')
    const consumer = kafka.consumer({
      groupId: 'billing',
      topics: ['orders'],
      startFrom: 'earliest',
      enableAutoCommit: false,
      onRevoked: async () => void (await consumer.close()),
    })
    await process(consumer, 10)
    small.world.network.partition('member', 'broker-1')
    const startedAt = small.world.now
    const waiting = consumer.commit()
    waiting.catch(() => undefined)
    await small.world.sleep(100)
    const { uncommitted } = await consumer.close({ timeoutMs: 8000 })
    assert.ok(small.world.now - startedAt <= 8200)
    assert.deepEqual(uncommitted, [{ topic: 'orders', partition: 0, offset: 10 }])
    await assert.rejects(waiting)
    await kafka.close()
    await small.world.sleep(60_000)
    const { timers, connections } = small.process('member').leaks()
    assert.deepEqual([timers, connections], [0, 0])
  }))

test('S4 close during a join does not wait for the join', () =>
  SmallWorld.play(async (small) => {
    await write(small, 10)
    const consumer = small.consumer('member')
    small.cluster.faults.add({ api: 'JoinGroup', delayMs: 50_000 })
    const reading = process(consumer, 1)
    await small.world.sleep(5000)
    const startedAt = small.world.now
    await consumer.close({ timeoutMs: 3000 })
    assert.ok(small.world.now - startedAt <= 3100)
    assert.deepEqual(await reading, [])
  }))
