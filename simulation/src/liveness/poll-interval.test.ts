// User code that does not come back: `maxPollIntervalMs` (S15).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LivenessWorld } from './liveness-world.test-kit.ts'

const maxPollIntervalMs = 20_000

test('run: one poison record is given up by its signal, the other lanes never stop', () =>
  LivenessWorld.play(async (world) => {
    const reasons: unknown[] = []
    const a = world.reader('a', { maxPollIntervalMs })
    const run = a.consumer.run(
      (record, { signal }) => {
        const value = String(record.value)
        a.values.push(value)
        if (value !== '8') return undefined
        return new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(new Error('given up'))
          })
        })
      },
      { concurrency: 4, onError: { onExhausted: 'skip' } },
    )
    const skipped: number[] = []
    a.consumer.on('recordSkipped', ({ offset }) => skipped.push(offset))
    const stop = world.write(100)
    await world.sleep(15_000)
    assert.ok(a.values.length > 100, 'the healthy lanes go on')
    await world.sleep(30_000)
    await stop()
    await world.sleep(2000)
    assert.deepEqual(reasons, ['timeout'])
    assert.deepEqual(skipped, [2])
    const [event, ...more] = a.events('maxPollExceeded')
    assert.deepEqual(more, [])
    assert.equal(event?.action, 'signalled')
    assert.deepEqual([event?.partition, event?.offset], [0, 2])
    assert.equal(new Set(world.generations).size, 1, 'no rebalance')
    assert.deepEqual(world.missing, [])
    await a.consumer.close()
    await run
  }))

test('run: a handler that never settles costs the membership, and one that settles late gets it back', () =>
  LivenessWorld.play(async (world) => {
    let settle: () => void = () => undefined
    const stuck = new Promise<void>((resolve) => {
      settle = resolve
    })
    let isFirst = true
    const a = world.reader('a', { maxPollIntervalMs })
    a.run((value) => {
      if (value !== '4' || !isFirst) return undefined
      isFirst = false
      return stuck
    })
    const stop = world.write(100)
    await world.sleep(3000)
    const b = world.reader('b')
    b.run()
    await world.sleep(45_000)
    assert.deepEqual(
      a.events('maxPollExceeded').map(({ action }) => action),
      ['signalled', 'left'],
    )
    assert.equal(b.consumer.assigned.length, 4)
    assert.ok(a.heard.some((line) => line.startsWith('lost')))
    const commits = world.commits.length
    settle()
    await world.sleep(20_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2)
    assert.ok(world.commits.length > commits)
    assert.equal(world.stepsBack, 0)
    assert.deepEqual(world.missing, [])
  }))

for (const way of ['record', 'batch'] as const) {
  test(`for await by ${way}: the member leaves, and joins again at the next next()`, () =>
    LivenessWorld.play(async (world) => {
      const a = world.reader('a', { maxPollIntervalMs })
      let isHeld = false
      const hold = async (): Promise<void> => {
        if (isHeld || a.values.length < 10) return
        isHeld = true
        await world.sleep(40_000)
      }
      const reading = (async () => {
        if (way === 'record') {
          for await (const record of a.consumer) {
            a.values.push(String(record.value))
            await hold()
          }
          return
        }
        for await (const batch of a.consumer.batches()) {
          for (const record of batch) a.values.push(String(record.value))
          await hold()
        }
      })()
      const stop = world.write(100)
      await world.sleep(5000)
      const b = world.reader('b')
      b.run()
      await world.sleep(25_000)
      assert.ok(isHeld)
      assert.equal(b.consumer.assigned.length, 4, 'the other reads on')
      assert.deepEqual(a.consumer.assigned, [])
      const [event] = a.events('maxPollExceeded')
      assert.equal(event?.action, 'left')
      assert.match(event.advice, /joins again when the next record is asked for/)
      assert.deepEqual(a.events('fenced'), [])
      await world.sleep(40_000)
      await stop()
      await world.sleep(3000)
      assert.equal(a.consumer.assigned.length, 2)
      assert.equal(b.consumer.assigned.length, 2)
      assert.equal(a.events('maxPollExceeded').length, 1)
      assert.deepEqual(world.missing, [])
      assert.equal(world.stepsBack, 0)
      await a.consumer.close()
      await reading
    }))
}

test('idle topics, paused partitions and waiting for records do not count', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { maxPollIntervalMs })
    const reading = (async () => {
      for await (const record of a.consumer) a.values.push(String(record.value))
    })()
    const stop = world.write(100)
    await world.sleep(5000)
    a.consumer.pause(a.consumer.assigned)
    await world.sleep(60_000)
    a.consumer.resume(a.consumer.assigned)
    await stop()
    await world.sleep(60_000)
    assert.deepEqual(a.events('maxPollExceeded'), [])
    assert.equal(new Set(world.generations).size, 1)
    assert.deepEqual(world.missing, [])
    await a.consumer.close()
    await reading
  }))

test('blocked beyond maxPollIntervalMs: the heartbeat thread stops, and others take over', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { maxPollIntervalMs })
    a.run()
    const b = world.reader('b')
    b.run()
    const stop = world.write(100)
    await world.sleep(8000)
    assert.equal(b.consumer.assigned.length, 2)
    a.host.blockLoop(60_000)
    await world.sleep(19_000)
    assert.equal(b.consumer.assigned.length, 2, 'alive until then')
    await world.sleep(15_000)
    assert.equal(b.consumer.assigned.length, 4, 'dead afterwards')
    await world.sleep(50_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2, 'and back when the loop is')
    assert.equal(a.events('eventLoopBlocked')[0]?.isSessionAlive, false)
    assert.deepEqual(world.missing, [])
    assert.equal(world.stepsBack, 0)
  }))

test('a record in hand counts from when it was handed out, not from the block behind it', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { maxPollIntervalMs })
    const b = world.reader('b', { maxPollIntervalMs })
    b.run()
    const held: string[] = []
    const reading = (async () => {
      for await (const record of a.consumer) {
        a.values.push(String(record.value))
        if (held.length > 0 || a.values.length < 50) continue
        held.push(String(record.value))
        await world.sleep(60_000)
      }
    })()
    const stop = world.write(100)
    while (held.length === 0) await world.sleep(100)
    await world.sleep(15_000)
    a.host.blockLoop(45_000)
    await world.sleep(18_000)
    assert.equal(
      b.consumer.assigned.length,
      4,
      'the heartbeat thread stopped 20 s after the record',
    )
    await world.sleep(50_000)
    await stop()
    await world.sleep(2000)
    assert.equal(a.consumer.assigned.length, 2)
    assert.deepEqual(world.missing, [])
    await a.consumer.close()
    await reading
  }))
