import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../errors/errors.ts'
import { Appetite } from './adaptive-batch-size.ts'
import { Hold } from './acquired-record.ts'
import { ShareBuffer } from './share-fetch-buffer.ts'
import type { AnyShareRecord } from './share-record.ts'

const keeper = { tell: () => undefined, handedOut: () => undefined, giveUp: () => undefined }

function record(offset: number, lockMs = 1000): AnyShareRecord {
  const partition = { topic: 'orders', topicId: 'A', partition: 0 }
  const times = { sentAt: 0, answeredAt: 0, lockMs }
  const hold = new Hold(keeper, { partition, offset, deliveryCount: 1 }, times)
  return { offset, hold } as AnyShareRecord
}

function scene() {
  const said: string[] = []
  const clock = { now: 0 }
  const buffer = new ShareBuffer({
    now: () => clock.now,
    onHungry: () => void said.push('hungry'),
    onHandedOut: ({ offset }) => void said.push(`out ${offset}`),
    isReadable: () => true,
    onDoubtful: ({ offset }) => void said.push(`doubt ${offset}`),
  })
  return { buffer, said, clock }
}

test('more is wanted when somebody waits and nothing is there', async () => {
  const { buffer, said } = scene()
  assert.equal(buffer.isHungry, false)
  const waiting = buffer.wait()
  assert.equal(buffer.isHungry, true)
  buffer.offer([record(1), record(2)])
  await waiting
  assert.equal(buffer.isHungry, false)
  assert.deepEqual([buffer.take()?.offset, buffer.take()?.offset, buffer.take()], [1, 2, undefined])
  assert.deepEqual(said, ['hungry', 'out 1', 'out 2'])
})

test('what is lost or in doubt is not handed out', () => {
  const { buffer, said, clock } = scene()
  const [lost, short, long] = [record(1), record(2, 100), record(3)]
  assert.ok(lost !== undefined && short !== undefined && long !== undefined)
  buffer.offer([lost, short, long])
  lost.hold.stage = 'lost'
  clock.now = 500
  assert.equal(buffer.take(), long)
  assert.deepEqual(
    [said, long.hold.stage, long.hold.handedOutAt],
    [['doubt 2', 'out 3'], 'handedOut', 500],
  )
})

test('an error is thrown once, and the end reaches everybody who waits', async () => {
  const { buffer } = scene()
  const waiting = Promise.all([buffer.wait(), buffer.wait()])
  buffer.fail(new UsageError('no'))
  await waiting
  assert.throws(() => buffer.take(), /no/)
  assert.equal(buffer.take(), undefined)
  const last = buffer.wait()
  buffer.end()
  await last
  buffer.offer([record(1)])
  assert.deepEqual([buffer.take(), buffer.isHungry], [undefined, false])
})

test('quick readers get twice as much each time, slow ones half, within the limit', () => {
  const appetite = new Appetite(100)
  const sizes = [10, 10, 10, 10, 3000, 1000, 5000].map((tookMs, index) => {
    const at = index * 100_000
    const { size } = appetite
    appetite.fed(at)
    appetite.hungry(at + tookMs)
    appetite.hungry(at + tookMs + 5000)
    return size
  })
  assert.deepEqual(sizes, [16, 32, 64, 100, 100, 50, 50])
  assert.equal(new Appetite(4).size, 4)
})
