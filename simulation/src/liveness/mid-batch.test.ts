/** A process that stands still in the middle of a batch, between one record and the next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LivenessWorld } from './liveness-world.test-kit.ts'

test('S17 what is left of a batch is not delivered before the session is verified', () =>
  LivenessWorld.play(async (world) => {
    // Enough for a batch of several records, read before the second member exists.
    const producer = world.small.producer()
    for (let number = 0; number < 20; number++) {
      await producer.send('orders', { value: `early ${number}`, partition: 0 })
    }
    const a = world.reader('a')
    const delivered: string[] = []
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const reading = (async () => {
      for await (const batch of a.consumer.batches()) {
        for (const record of batch) {
          delivered.push(String(record.value))
          if (delivered.length === 3) await held
        }
      }
    })()
    await world.sleep(5000)
    assert.equal(delivered.length, 3)
    a.host.pause()
    const b = world.reader('b')
    b.run()
    await world.sleep(40_000)
    assert.equal(b.consumer.assigned.length, 4)
    a.host.resume()
    goOn()
    await world.sleep(20)
    assert.deepEqual(delivered.length, 3, 'the fourth record is somebody else’s by now')
    await world.sleep(20_000)
    await a.consumer.close()
    await reading
  }))
