/** The ways to read: by record, by batch, by handler, as a stream (S27 to S29, S7). */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from 'odradek'
import { scenario } from './clusters.ts'
import { numbered, numbers, take } from './numbered.test-kit.ts'

scenario(
  'S27 a break leaves the record in hand to be delivered again, here and after a restart',
  async (it) => {
    const { consumer } = await numbered(it, 10)
    const first = consumer()
    const seen: string[] = []
    for await (const record of first) {
      seen.push(String(record.value))
      if (seen.length === 4) break
    }
    for await (const record of first) {
      seen.push(String(record.value))
      if (seen.length === 6) break
    }
    assert.deepEqual(seen, ['0', '1', '2', '3', '3', '4'])
    const { committed, uncommitted } = await first.close()
    assert.deepEqual([committed[0]?.offset, uncommitted.length], [4, 0])
    await using second = consumer()
    assert.deepEqual(await take(second, 6), numbers(4, 10))
  },
)

scenario(
  'S27 a second next() while one is pending, and a second reader, are refused',
  async (it) => {
    const { consumer } = await numbered(it, 0)
    await using one = consumer()
    const iterator = one[Symbol.asyncIterator]()
    const pending = iterator.next()
    await assert.rejects(iterator.next(), (error) => error instanceof UsageError)
    assert.throws(() => one.batches(), UsageError)
    assert.throws(() => one.run(() => {}), UsageError)
    await one.close()
    assert.deepEqual(await pending, { done: true, value: undefined })
    assert.throws(() => one[Symbol.asyncIterator](), { code: 'CLOSED' })
  },
)

scenario(
  'S28 a batch must be finished or spoken for before the next one is asked for',
  async (it) => {
    const { consumer } = await numbered(it, 10)
    await using one = consumer()
    const batches = one.batches()
    const batch = (await batches.next()).value
    for (const record of batch ?? []) if (record.offset === 3) break
    await assert.rejects(batches.next(), { code: 'USAGE' })
    batch?.markUpTo(4)
    const rest = (await batches.next()).value
    assert.deepEqual(
      [...(rest ?? [])].map(({ offset }) => offset),
      [5, 6, 7, 8, 9],
    )
    await batches.return?.()
    const { committed } = await one.close()
    assert.equal(committed[0]?.offset, 10)
  },
)

scenario(
  'S28 skipRest counts the whole batch as processed; a throw delivers the rest again',
  async (it) => {
    const { consumer } = await numbered(it, 10)
    await using one = consumer()
    await assert.rejects(async () => {
      for await (const batch of one.batches()) {
        for (const record of batch) if (record.offset === 6) throw new Error('boom')
      }
    }, /boom/)
    const again: number[] = []
    for await (const batch of one.batches()) {
      for (const { offset } of batch) {
        again.push(offset)
        if (offset === 7) break
      }
      batch.skipRest()
      break
    }
    assert.deepEqual(again, [6, 7])
    const { committed } = await one.close()
    assert.equal(committed[0]?.offset, 10)
  },
)

scenario(
  'run keeps the order of a partition, and the order of keys, at any concurrency',
  async (it) => {
    for (const order of ['partition', 'key'] as const) {
      const { consumer } = await numbered(it, 300, 3)
      await using one = consumer()
      const lanes = new Map<string, number[]>()
      let count = 0
      await new Promise<void>((resolve) => {
        void one.run(
          async (record) => {
            await Promise.resolve()
            const lane =
              order === 'key' ? `${record.partition} ${String(record.key)}` : record.partition
            lanes.set(String(lane), [...(lanes.get(String(lane)) ?? []), Number(record.value)])
            if (++count === 300) resolve()
          },
          { concurrency: 5, order },
        )
      })
      for (const values of lanes.values()) {
        assert.deepEqual(
          values,
          [...values].sort((a, b) => a - b),
        )
      }
      const { committed } = await one.close()
      assert.deepEqual(
        committed.map(({ offset }) => offset),
        [100, 100, 100],
      )
    }
  },
)

scenario('S29 a handler that fails stops run, and its record stays unprocessed', async (it) => {
  const { consumer } = await numbered(it, 10)
  await using one = consumer()
  await assert.rejects(
    one.run((record) => {
      if (record.offset === 5) throw new Error('no')
    }),
    /no/,
  )
  assert.equal((await one.close()).committed[0]?.offset, 5)
})

scenario(
  'S29 an error of run that nobody awaited is thrown by close, and is no unhandled rejection',
  async (it) => {
    const { consumer } = await numbered(it, 1)
    const one = consumer()
    const failed = new Promise((resolve) => one.on('runFailed', resolve))
    void one.run(() => {
      throw new Error('nobody heard')
    })
    await failed
    await assert.rejects(one.close(), /nobody heard/)
  },
)

scenario(
  'a handler is called again as often as said, then skipped, and that is told',
  async (it) => {
    const { consumer, topic } = await numbered(it, 3)
    await using one = consumer()
    const skipped: unknown[] = []
    one.on('recordSkipped', ({ topic, partition, offset }) =>
      skipped.push([topic, partition, offset]),
    )
    const calls: number[] = []
    await new Promise<void>((resolve) => {
      void one.run(
        ({ offset }) => {
          calls.push(offset)
          if (offset === 1) throw new Error('poison')
          if (offset === 2) resolve()
        },
        { onError: { retry: 2, backoffMs: 1, onExhausted: 'skip' } },
      )
    })
    assert.deepEqual(calls, [0, 1, 1, 1, 2])
    assert.deepEqual(skipped, [[topic, 0, 1]])
  },
)

scenario('commit(record) commits up to and with the record in hand', async (it) => {
  const { consumer, topic } = await numbered(it, 5)
  await using one = consumer()
  for await (const record of one) {
    if (record.offset < 2) continue
    await one.commit(record)
    break
  }
  assert.deepEqual(await one.committed([{ topic, partition: 0 }]), [3])
})

scenario(
  'a record that fails for good is written to the dead letter topic before it is passed over',
  async (it) => {
    const { consumer, topic } = await numbered(it, 3)
    const dead = await it.topic()
    await using one = consumer()
    await new Promise<void>((resolve) => {
      void one.run(
        ({ offset }) => {
          if (offset === 1) throw new Error('poison')
          if (offset === 2) resolve()
        },
        { onError: { retry: 1, backoffMs: 1, onExhausted: { deadLetterTopic: dead } } },
      )
    })
    await one.close()
    await using reader = it.client().consumer({
      groupId: it.uniqueName('g'),
      topics: [dead],
      startFrom: 'earliest',
    })
    for await (const record of reader) {
      assert.equal(String(record.value), '1')
      assert.deepEqual(
        record.headers.toJSON(),
        Object.entries({
          'dead-letter.topic': topic,
          'dead-letter.partition': '0',
          'dead-letter.offset': '1',
          'dead-letter.error': 'poison',
        }),
      )
      break
    }
  },
)

scenario('S27 a stream reads ahead, and commits only what is marked', async (it) => {
  const { consumer } = await numbered(it, 50)
  const first = consumer()
  const seen: number[] = []
  for await (const record of first.stream({ highWaterMark: 8 })) {
    seen.push(record.offset)
    if (record.offset === 20) first.mark(record)
    if (record.offset === 30) break
  }
  assert.equal(seen.length, 31)
  assert.equal((await first.close()).committed[0]?.offset, 21)
  await using second = consumer()
  assert.deepEqual(await take(second, 3), ['21', '22', '23'])
})

scenario('S7 what is handed out behind one unmarked record is bounded', async (it) => {
  const { consumer } = await numbered(it, 100)
  await using one = consumer()
  const reader = one.stream({ highWaterMark: 0, maxUncommittedRecords: 10 }).getReader()
  const records = []
  for (let count = 0; count < 10; count++) records.push((await reader.read()).value)
  let isSettled = false
  const next = reader.read().finally(() => {
    isSettled = true
  })
  await it.client().admin().listTopics()
  assert.equal(isSettled, false)
  const fifth = records[4]
  if (fifth !== undefined) one.mark(fifth)
  assert.equal((await next).value?.offset, 10)
  await reader.cancel()
})

scenario(
  'S27, S29 stop ends a loop, and a handler may await close: it does not wait for it',
  async (it) => {
    const { consumer } = await numbered(it, 10)
    const soon = async (closing: Promise<unknown>): Promise<void> => {
      const before = Date.now()
      await closing
      // A close that waits for itself takes 21 s.
      assert.ok(Date.now() - before < 10_000)
    }
    const first = consumer()
    for await (const record of first) {
      await sleep(1)
      if (record.offset === 3) first.stop()
    }
    await soon(first.close())
    const second = consumer()
    await second.run(async (record) => {
      await sleep(1)
      if (record.offset !== 5) return
      second.mark(record)
      await soon(second.close())
    })
    const third = consumer()
    assert.deepEqual(await take(third, 4), numbers(6, 10))
    await third.close()
  },
)
