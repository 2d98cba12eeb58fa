import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { json, Kafka, type ShareConsumer, topic as topicOf, UsageError } from 'odradek'
import { scenario } from './clusters.ts'
import {
  ascending,
  byOffset,
  hear,
  numbered,
  numbers,
  produce,
  take,
  until,
} from './share-setup.ts'

scenario('S40 share: accepted, released, rejected and renewed record by record', async (it) => {
  const { consumer } = await numbered(it, 6)
  const one = consumer()
  const late = hear(one, 'acknowledgementLate')
  const seen: [number, number][] = []
  for await (const record of one) {
    seen.push([record.offset, record.deliveryCount])
    if (record.offset === 1 && record.deliveryCount < 3) one.release(record)
    if (record.offset === 2) one.reject(record)
    if (record.offset === 3) await one.renew(record)
    if (record.deliveryCount === 3) {
      one.accept(record)
      break
    }
  }
  await one.commit()
  assert.deepEqual(
    seen
      .slice(0, 6)
      .map(([offset]) => offset)
      .sort(ascending),
    numbers(0, 6),
  )
  assert.deepEqual(seen.slice(6), [
    [1, 2],
    [1, 3],
  ])
  assert.deepEqual(await one.close(), { unacknowledged: [] })
  assert.deepEqual(late, [])
  // Nothing is left for whoever comes next.
  await using two = consumer()
  const more: number[] = []
  const reading = two.run(({ offset }) => more.push(offset))
  await until('the second one reads', () => two.assigned.length === 1)
  await sleep(700)
  await two.close()
  await reading
  assert.deepEqual(more, [])
})

scenario('S40 share: a break and a throw release the record in hand', async (it) => {
  const { consumer } = await numbered(it, 3)
  await using one = consumer()
  for await (const record of one) if (record.offset === 0) break
  await assert.rejects(async () => {
    for await (const record of one) {
      assert.equal(record.deliveryCount, record.offset === 0 ? 2 : 1)
      if (record.offset === 1) throw new Error('boom')
    }
  }, /boom/)
  const rest = await take(one, 3).catch(() => [])
  assert.deepEqual(rest.map(([offset]) => offset).sort(ascending), [0, 1, 2])
  await one.commit()
})

scenario('S40 share: two members share one partition, each record once', async (it) => {
  const COUNT = 400
  const { consumer, topic } = await numbered(it, 0)
  const accepted: number[] = []
  const by = [0, 0]
  const members = [0, 1].map(() =>
    consumer({ shareAcquireMode: 'record_limit', maxPollRecords: 10 }, it.client()),
  )
  const late = members.map((member) => hear(member, 'acknowledgementLate'))
  const runs = members.map((member, index) =>
    member.run(
      async (record) => {
        await sleep(2)
        assert.equal(record.deliveryCount, 1)
        accepted.push(Number(record.value))
        by[index] = (by[index] ?? 0) + 1
      },
      { concurrency: 4 },
    ),
  )
  await until('both read', () => members.every(({ assigned }) => assigned.length === 1))
  await produce(it.client(), topic, 0, COUNT)
  await until('all are accepted', () => accepted.length >= COUNT)
  const summaries = await Promise.all(members.map((member) => member.close()))
  await Promise.all(runs)
  assert.deepEqual(accepted.sort(ascending), numbers(0, COUNT))
  assert.ok(Math.min(...by) > COUNT / 10, `one had nearly nothing: ${by.join()}`)
  assert.deepEqual(late.flat(), [])
  assert.deepEqual(summaries, [{ unacknowledged: [] }, { unacknowledged: [] }])
})

scenario('S40 share: what throws is released after a pause, up to the limit', async (it) => {
  const configs = { 'share.delivery.count.limit': 3 }
  const { consumer } = await numbered(it, 5, { configs })
  const one = consumer()
  const exhausted = hear(one, 'deliveryExhausted')
  const times: number[] = []
  const counts: number[] = []
  const accepted: number[] = []
  const run = one.run(
    ({ offset }, { deliveryCount }) => {
      if (offset === 2) {
        times.push(Date.now())
        counts.push(deliveryCount)
        throw new Error('cannot')
      }
      accepted.push(offset)
    },
    { onError: { backoffMs: 300 } },
  )
  await until('it is given up', () => exhausted.length > 0)
  await sleep(600)
  await one.close()
  await run
  assert.deepEqual(counts, [1, 2, 3])
  assert.deepEqual(accepted.sort(ascending), [0, 1, 3, 4])
  const [first = 0, second = 0, third = 0] = times
  assert.ok(second - first >= 200 && third - second >= 400, `pauses: ${times.join()}`)
  const [event] = exhausted
  assert.deepEqual([event?.offset, event?.deliveryCount, event?.limit], [2, 3, 3])
  assert.match(String(event?.error), /cannot/)
})

scenario(
  'S40 share: onError rejects, or stops; handlers may say reject and release',
  async (it) => {
    const { consumer } = await numbered(it, 4)
    const one = consumer()
    const skipped = hear(one, 'recordSkipped')
    const seen: [number, number][] = []
    const first = one.run(
      async ({ offset, deliveryCount }) => {
        await Promise.resolve()
        seen.push([offset, deliveryCount])
        if (offset === 0) throw new Error('poison')
        if (offset === 1) return 'reject'
        if (offset === 2 && deliveryCount === 1) return 'release'
        return undefined
      },
      { onError: 'reject' },
    )
    await until('2 comes again', () => seen.length === 5)
    await one.commit()
    await one.close()
    await first
    assert.deepEqual(seen.at(-1), [2, 2])
    assert.deepEqual(
      skipped.map(({ offset }) => offset),
      [0],
    )
    await produce(it.client(), skipped[0]?.topic ?? '', 4, 5)
    const two = consumer()
    const stopped = two.run(
      () => {
        throw new Error('broken for good')
      },
      { onError: 'stop' },
    )
    await assert.rejects(stopped, /broken for good/)
    await two.close()
    await using three = consumer()
    assert.deepEqual(await take(three, 1), [[4, 2]])
  },
)

scenario(
  'S40 share: explicit mode settles nothing by itself, and one late one spoils no other',
  async (it) => {
    const configs = { 'share.record.lock.duration.ms': 1500 }
    const { consumer } = await numbered(it, 8, { configs })
    await using one = consumer({ shareAcknowledgementMode: 'explicit' })
    const late = hear(one, 'acknowledgementLate')
    const iterator = one[Symbol.asyncIterator]()
    const records: Awaited<ReturnType<typeof iterator.next>>['value'][] = []
    for (let index = 0; index < 8; index++) records.push((await iterator.next()).value)
    const [, , , kept, forgotten] = records
    assert.ok(kept !== undefined && forgotten !== undefined)
    for (const record of records.slice(0, 3)) if (record !== undefined) one.accept(record)
    for (const record of records.slice(5)) if (record !== undefined) one.release(record)
    await one.commit()
    assert.throws(() => one.accept(records[0]), { code: 'ALREADY_ACKNOWLEDGED' })
    await sleep(800)
    await one.renew(kept)
    await sleep(1000)
    assert.deepEqual([kept.isStale, forgotten.isStale], [false, true])
    assert.deepEqual(
      late.map(({ offset }) => offset),
      [4],
    )
    one.accept(kept)
    one.accept(forgotten)
    await one.commit()
    const again: [number, number][] = []
    for (let index = 0; index < 4; index++) {
      const { value } = await iterator.next()
      assert.ok(value !== undefined)
      again.push([value.offset, value.deliveryCount])
      one.accept(value)
    }
    assert.deepEqual(again.sort(byOffset), [
      [4, 2],
      [5, 2],
      [6, 2],
      [7, 2],
    ])
    await iterator.return?.()
  },
)

scenario('S40 share: closing finishes what is in hand and gives the rest back', async (it) => {
  const COUNT = 60
  const { consumer } = await numbered(it, COUNT)
  const one = consumer({}, it.client())
  const finished: number[] = []
  let begun = 0
  const run = one.run(
    async ({ offset }) => {
      begun++
      await sleep(50)
      finished.push(offset)
    },
    { concurrency: 4 },
  )
  await until('some are through', () => finished.length >= 8)
  assert.deepEqual(await one.close(), { unacknowledged: [] })
  await run
  assert.equal(begun, finished.length)
  assert.ok(finished.length < COUNT)
  await using two = consumer()
  const rest = await take(two, COUNT - finished.length)
  const all = [...finished, ...rest.map(([offset]) => offset)]
  assert.deepEqual(all.sort(ascending), numbers(0, COUNT))
})

scenario('S40 share: close says what it could not wait for', async (it) => {
  const { consumer, topic } = await numbered(it, 1)
  const one = consumer()
  const reasons: unknown[] = []
  const run = one.run(async (_record, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    reasons.push(signal.reason)
  })
  let isRunning = false
  one.on('rebalanced', () => {
    isRunning = true
  })
  await until('it reads', () => isRunning)
  await sleep(300)
  const { unacknowledged } = await one.close({ timeoutMs: 1000 })
  await run
  assert.deepEqual(unacknowledged, [{ topic, partition: 0, offset: 0 }])
  assert.deepEqual(reasons, ['closing'])
})

scenario('S40 share: where the group begins is read and said', async (it) => {
  const kafka = it.client()
  const topic = await it.topic()
  await produce(kafka, topic, 0, 3)
  const groupId = it.uniqueName('share')
  await using one = kafka.shareConsumer({ groupId, topics: [topic] })
  const heard = hear(one, 'shareGroupConfigured')
  const seen: string[] = []
  const run = one.run(({ value }) => seen.push(String(value)))
  await until('it reads', () => one.assigned.length === 1 && heard.length === 1)
  await sleep(1000)
  await produce(kafka, topic, 3, 5)
  await until('what is new comes', () => seen.length >= 2)
  const [event] = heard
  assert.deepEqual(
    [event?.autoOffsetReset, event?.deliveryCountLimit, event?.recordLockDurationMs],
    ['latest', 5, 30_000],
  )
  assert.match(event?.text ?? '', /begins at the end/)
  assert.deepEqual(seen, ['3', '4'])
  await one.close()
  await run
})

scenario(
  'S40 share: several partitions and topics with serdes, thousands of records',
  async (it) => {
    const kafka = it.client()
    const COUNT = 20_000
    const { topic, groupId } = await numbered(it, 0, { partitions: 4 })
    await using producer = kafka.producer({ compressionType: 'zstd' })
    const orders = topicOf(topic, { value: json<{ id: number }>() })
    for (let from = 0; from < COUNT; from += 2000) {
      await producer.send(
        orders,
        numbers(from, from + 2000).map((id) => ({ value: { id }, partition: id % 4 })),
      )
    }
    await using one = kafka.shareConsumer({ groupId, topics: [orders] })
    const late = hear(one as unknown as ShareConsumer, 'acknowledgementLate')
    const seen = new Set<number>()
    let delivered = 0
    const run = one.run(({ value }) => {
      delivered++
      if (value !== null) seen.add(value.id)
    })
    await until('all came', () => seen.size === COUNT)
    await one.commit()
    await one.close()
    await run
    assert.deepEqual([delivered, late.length], [COUNT, 0])
  },
)

scenario('share: wrong options and wrong uses are refused in words', async (it) => {
  const { consumer, topic } = await numbered(it, 0)
  const kafka = it.client()
  const make = (options: object) => () => kafka.shareConsumer(options as never)
  assert.throws(make({ groupId: 'g', topics: [topic], startFrom: 'earliest' }), /share.auto.offset/)
  assert.throws(make({ groupId: 'g', topics: [] }), UsageError)
  assert.throws(make({ groupId: 'g' }), UsageError)
  assert.throws(make({ groupId: 'g', topics: [/mails-.*/] }), UsageError)
  assert.throws(make({ groupId: 'g', topics: [topic], maxPollRecord: 1 }), /maxPollRecords/)
  assert.throws(make({ groupId: 'g', topics: [topic], shareAcquireMode: 'all' }), UsageError)
  await using one = consumer()
  assert.throws(() => one.run(() => {}, { onError: 'skip' as 'stop' }), UsageError)
  assert.throws(() => one.run('no' as never), UsageError)
  const iterator = one[Symbol.asyncIterator]()
  const pending = iterator.next()
  await assert.rejects(iterator.next(), UsageError)
  assert.throws(() => one.run(() => {}), UsageError)
  await one.close()
  assert.deepEqual(await pending, { done: true, value: undefined })
  assert.throws(() => one[Symbol.asyncIterator](), { code: 'CLOSED' })
  await assert.rejects(one.commit(), { code: 'CLOSED' })
})

scenario('share: a group of another kind is not taken over', async (it) => {
  const kafka = it.client()
  const { topic } = await numbered(it, 1)
  const other = it.uniqueName('group')
  await using classic = kafka.consumer({ groupId: other, topics: [topic], startFrom: 'earliest' })
  for await (const record of classic) if (record.offset === 0) break
  await using one = kafka.shareConsumer({ groupId: other, topics: [topic] })
  await assert.rejects(
    one.run(() => {}),
    /exists and is no share group/,
  )
  // It does not become one: whoever reads again hears it again.
  assert.throws(() => one[Symbol.asyncIterator](), /exists and is no share group/)
})

test('a share consumer that was never read closes without a connection', async () => {
  const kafka = new Kafka({ bootstrapServers: '127.0.0.1:1' })
  const one = kafka.shareConsumer({ groupId: 'g', topics: ['t'] })
  assert.deepEqual(await one.close(), { unacknowledged: [] })
  await kafka.close()
})

test('an unreachable cluster is waited for, but not beyond connectTimeoutMs', async () => {
  const kafka = new Kafka({ bootstrapServers: '127.0.0.1:1' })
  const one = kafka.shareConsumer({ groupId: 'g', topics: ['t'], connectTimeoutMs: 700 })
  const iterator = one[Symbol.asyncIterator]()
  await assert.rejects(iterator.next(), { code: 'TIMED_OUT' })
  const startedAt = Date.now()
  assert.deepEqual(await one.close(), { unacknowledged: [] })
  assert.ok(Date.now() - startedAt < 5000)
  await kafka.close()
})
