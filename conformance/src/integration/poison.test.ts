/** S31: records that nobody can decode, by every way to read; tombstones where there are none. */
import assert from 'node:assert/strict'
import { type ClientEvents, DecodeError, json, type OnDecodeError, topic } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'
import { numbered } from './share-setup.ts'

interface Order {
  readonly total: number
}

const VALUES = ['{"total":0}', '{"total":1}', 'no json', '{"total":3}', null, '{"total":5}']
const GOOD = [0, 1, 3, 5]
const BAD = [2, 4]

/** Six records, of which two cannot be decoded: one is no JSON, one a tombstone. */
async function poisoned(it: Scenario) {
  const kafka = it.client()
  const name = await it.topic()
  await using producer = kafka.producer()
  await producer.send(
    name,
    VALUES.map((value, index) => ({ key: `k${index}`, value, headers: { nr: String(index) } })),
  )
  const orders = topic(name, { value: json<Order>(), tombstones: false })
  const skipped: ClientEvents['recordSkipped'][] = []
  const consumer = (onDecodeError?: OnDecodeError) => {
    const groupId = it.uniqueName('group')
    const made = kafka.consumer({ groupId, topics: [orders], startFrom: 'earliest', onDecodeError })
    made.on('recordSkipped', (event) => void skipped.push(event))
    return made
  }
  return { kafka, name, consumer, skipped }
}

scenario(
  'S31 by default what cannot be decoded throws, with its place and its bytes',
  async (it) => {
    const { name, consumer } = await poisoned(it)
    const one = consumer()
    const seen: number[] = []
    const reading = (async () => {
      for await (const { value } of one) seen.push(value.total)
    })()
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof DecodeError)
      const { topic: of, partition, offset, part, rawKey, rawValue } = error
      assert.deepEqual([of, partition, offset, part], [name, 0, 2, 'value'])
      assert.deepEqual([String(rawKey), String(rawValue)], ['k2', 'no json'])
      assert.ok(!JSON.stringify(error).includes('no json'), 'a log line does not have the data')
      return true
    })
    assert.deepEqual(seen, [0, 1])
    const { committed } = await one.close()
    assert.equal(committed[0]?.offset, 2)
  },
)

scenario(
  'S31 onDecodeError "skip": told, counted as processed, in every way to read',
  async (it) => {
    const { consumer, skipped } = await poisoned(it)
    const ways: Readonly<Record<string, (one: ReturnType<typeof consumer>) => Promise<number[]>>> =
      {
        iteration: async (one) => {
          const seen: number[] = []
          for await (const record of one) {
            seen.push(record.value.total)
            if (seen.length === GOOD.length) {
              one.mark(record)
              return seen
            }
          }
          return seen
        },
        batches: async (one) => {
          const seen: number[] = []
          for await (const batch of one.batches()) {
            for (const { value } of batch) seen.push(value.total)
            if (seen.length === GOOD.length) return seen
          }
          return seen
        },
        run: async (one) => {
          const seen: number[] = []
          const ending = new AbortController()
          const { signal } = ending
          const handler = async ({ value }: { readonly value: Order }): Promise<void> => {
            await Promise.resolve()
            seen.push(value.total)
            if (seen.length === GOOD.length) ending.abort()
          }
          await one.run(handler, { signal, concurrency: 4, order: 'none' })
          return seen.sort((a, b) => a - b)
        },
        stream: async (one) => {
          const seen: number[] = []
          for await (const record of one.stream()) {
            seen.push(record.value.total)
            one.mark(record)
            if (seen.length === GOOD.length) break
          }
          return seen
        },
      }
    for (const [way, read] of Object.entries(ways)) {
      skipped.length = 0
      const one = consumer('skip')
      assert.deepEqual(await read(one), GOOD, way)
      const { committed, uncommitted } = await one.close()
      assert.deepEqual([committed[0]?.offset, uncommitted], [6, []], way)
      assert.deepEqual(
        skipped.map(({ offset, error }) => [offset, error.name]),
        BAD.map((offset) => [offset, 'DecodeError']),
        way,
      )
    }
  },
)

scenario('S31 onDecodeError with a dead letter topic: as it was, before it counts', async (it) => {
  const { consumer, skipped, kafka, name } = await poisoned(it)
  const deadLetterTopic = await it.topic()
  const one = consumer({ deadLetterTopic })
  const seen: number[] = []
  for await (const record of one) {
    seen.push(record.value.total)
    if (seen.length === GOOD.length) {
      one.mark(record)
      break
    }
  }
  assert.deepEqual(seen, GOOD)
  const { committed } = await one.close()
  assert.equal(committed[0]?.offset, 6)
  assert.deepEqual(
    skipped.map(({ offset }) => offset),
    BAD,
  )
  const options = { groupId: name, topics: [deadLetterTopic], startFrom: 'earliest' } as const
  await using letters = kafka.consumer(options)
  const found: unknown[] = []
  for await (const { key, value, headers } of letters) {
    const header = (of: string): string => String(headers.get(of))
    found.push([String(key), value && String(value), header('nr'), header('dead-letter.offset')])
    assert.match(header('dead-letter.error'), /cannot be read/)
    if (found.length === BAD.length) break
  }
  assert.deepEqual(found, [
    ['k2', 'no json', '2', '2'],
    ['k4', null, '4', '4'],
  ])
})

scenario(
  'S31 run does not try again what cannot be decoded; onError has the last word',
  async (it) => {
    const { consumer, skipped } = await poisoned(it)
    const one = consumer()
    let calls = 0
    const seen: number[] = []
    const ending = new AbortController()
    const onError = { retry: 5, onExhausted: 'skip' } as const
    await one.run(
      (record) => {
        calls++
        if (record.offset === 5) ending.abort()
        seen.push(record.value.total)
      },
      { onError, signal: ending.signal },
    )
    assert.deepEqual([seen, calls], [GOOD, 6])
    assert.deepEqual(
      skipped.map(({ offset }) => offset),
      BAD,
    )
    await one.close()
  },
)

scenario('S31 a share consumer rejects what it cannot decode, and tells', async (it) => {
  const { topic: name, groupId } = await numbered(it, 0)
  const kafka = it.client()
  await using producer = kafka.producer()
  await producer.send(
    name,
    VALUES.map((value, index) => ({ key: `k${index}`, value })),
  )
  const orders = topic(name, { value: json<Order>(), tombstones: false })
  await using one = kafka.shareConsumer({ groupId, topics: [orders] })
  const skipped: number[] = []
  one.on('recordSkipped', ({ offset, error }) => {
    assert.ok(error instanceof DecodeError)
    skipped.push(offset)
  })
  const seen: number[] = []
  for await (const record of one) {
    seen.push(record.value.total)
    assert.equal(record.deliveryCount, 1)
    if (seen.length < GOOD.length) continue
    one.accept(record)
    break
  }
  await one.commit()
  assert.deepEqual([seen, skipped], [GOOD, BAD])
})
