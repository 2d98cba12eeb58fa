/**
 * Members that do not read hold neither partitions nor records (S43), and a close delivers nothing
 * again that a handler has finished: on both brokers, in groups of both protocols and share groups.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientEvents, Consumer, ShareConsumer } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'
import { numbered } from './numbered.test-kit.ts'
import { numbered as numberedShare, produce, until } from './share-setup.ts'

const RECORDS = 40
const PARTITIONS = 2
const maxPollIntervalMs = 3000
const WAIT_MS = 40_000

for (const groupProtocol of ['classic', 'consumer'] as const) {
  async function setUp(it: Scenario, partitions = PARTITIONS, count = RECORDS) {
    const { topic, consumer } = await numbered(it, count, partitions)
    const options = { groupProtocol, fetchMaxWaitMs: 200, rebalanceTimeoutMs: 10_000 }
    return { topic, consumer: (more: object = {}) => consumer({ ...options, ...more }) }
  }

  scenario(
    `S43 a member whose run failed commits, leaves, and joins with the next run (${groupProtocol})`,
    async (it) => {
      const { consumer, topic } = await setUp(it)
      const seen: string[] = []
      const a = consumer()
      const events = watch(a)
      const failing = a.run((record) => {
        if (String(record.value) === '21') throw new Error('no database')
        seen.push(String(record.value))
      })
      await assert.rejects(failing, /no database/)
      await until('it has left', () => a.assigned.length === 0, WAIT_MS)
      const b = consumer()
      const readB = collect(b, seen)
      await until('all is read', () => seen.length === RECORDS, WAIT_MS)
      assert.equal(b.assigned.length, PARTITIONS)
      assertEach(seen, RECORDS)
      const readA = collect(a, seen)
      await until('it joins again', () => share(a, b), WAIT_MS)
      await produce(it.client(), topic, RECORDS, 2 * RECORDS, PARTITIONS)
      await until('more is read', () => seen.length === 2 * RECORDS, WAIT_MS)
      assertEach(seen, 2 * RECORDS)
      assert.deepEqual(events.fenced, [])
      await Promise.all([a.close(), b.close()])
      await Promise.all([readA, readB])
    },
    { timeoutMs: 120_000 },
  )

  scenario(
    `S43 a member that nothing reads leaves after maxPollIntervalMs, and joins at the next read (${groupProtocol})`,
    async (it) => {
      const { consumer, topic } = await setUp(it)
      const seen: string[] = []
      const a = consumer({ maxPollIntervalMs })
      const events = watch(a)
      for await (const record of a) {
        seen.push(String(record.value))
        a.mark(record)
        if (seen.length === 5) break
      }
      const b = consumer()
      const readB = collect(b, seen)
      await until('all is read', () => seen.length === RECORDS, WAIT_MS)
      assertEach(seen, RECORDS)
      await until('the other member has all', () => b.assigned.length === PARTITIONS, WAIT_MS)
      assertReported(events)
      const readA = collect(a, seen)
      await until('it joins again', () => share(a, b), WAIT_MS)
      await produce(it.client(), topic, RECORDS, 2 * RECORDS, PARTITIONS)
      await until('more is read', () => seen.length === 2 * RECORDS, WAIT_MS)
      assertEach(seen, 2 * RECORDS)
      await Promise.all([a.close(), b.close()])
      await Promise.all([readA, readB])
    },
    { timeoutMs: 120_000 },
  )

  scenario(
    `S41 close delivers nothing again that a handler has finished (order: key, ${groupProtocol})`,
    async (it) => {
      const count = 200
      const { consumer } = await setUp(it, 1, count)
      const finished: string[] = []
      const first = consumer()
      const running = first.run(
        async ({ key, value }) => {
          // One key is slow, so that others get far ahead of it.
          await sleep(String(key) === 'key-3' ? 100 : 2)
          finished.push(String(value))
        },
        { order: 'key', concurrency: 4 },
      )
      await until('some are finished', () => finished.length >= 30, WAIT_MS)
      await first.close()
      await running
      const before = finished.length
      assert.ok(before < count, 'some are left')
      const second = consumer()
      const reading = collect(second, finished)
      await until('all is read', () => new Set(finished).size === count, WAIT_MS)
      await second.close()
      await reading
      assertEach(finished, count)
    },
  )
}

scenario(
  'S43 share: a member whose run failed leaves, and joins with the next run',
  async (it) => {
    const { consumer, topic } = await numberedShare(it, RECORDS, { partitions: PARTITIONS })
    const seen: string[] = []
    const a = consumer()
    const events = watch(a)
    const failing = a.run(
      (record) => {
        if (String(record.value) === '21') throw new Error('no mail server')
        seen.push(String(record.value))
      },
      { onError: 'stop' },
    )
    await assert.rejects(failing, /no mail server/)
    await until('it has left', () => a.assigned.length === 0, WAIT_MS)
    const b = consumer({}, it.client())
    const readB = collect(b, seen)
    await until('all is read', () => seen.length === RECORDS, WAIT_MS)
    assert.equal(b.assigned.length, PARTITIONS)
    assertEach(seen, RECORDS)
    const readA = collect(a, seen)
    await until('it joins again', () => a.assigned.length > 0, WAIT_MS)
    await produce(it.client(), topic, RECORDS, 2 * RECORDS, PARTITIONS)
    await until('more is read', () => seen.length === 2 * RECORDS, WAIT_MS)
    assertEach(seen, 2 * RECORDS)
    assert.deepEqual(events.fenced, [])
    await Promise.all([a.close(), b.close()])
    await Promise.all([readA, readB])
  },
  { timeoutMs: 120_000 },
)

scenario(
  'S43 share: a member that nothing reads releases its records and leaves, and joins at the next read',
  async (it) => {
    const { consumer, topic } = await numberedShare(it, RECORDS, { partitions: PARTITIONS })
    const seen: string[] = []
    const a = consumer({ maxPollIntervalMs })
    const events = watch(a)
    const iterator = a[Symbol.asyncIterator]()
    for (let count = 0; count < 5; count++) {
      const { value: record } = await iterator.next()
      seen.push(String(record?.value))
    }
    // The fifth record is never accepted: nothing asks for the sixth.
    seen.pop()
    const b = consumer({}, it.client())
    const readB = collect(b, seen)
    await until('the other member has all', () => b.assigned.length === PARTITIONS, WAIT_MS)
    await until('all is read', () => seen.length === RECORDS, WAIT_MS)
    assertEach(seen, RECORDS)
    assert.equal(a.assigned.length, 0)
    assertReported(events)
    await iterator.return?.()
    const readA = collect(a, seen)
    await until('it joins again', () => a.assigned.length > 0, WAIT_MS)
    await produce(it.client(), topic, RECORDS, 2 * RECORDS, PARTITIONS)
    await until('more is read', () => seen.length === 2 * RECORDS, WAIT_MS)
    assertEach(seen, 2 * RECORDS)
    await Promise.all([a.close(), b.close()])
    await Promise.all([readA, readB])
  },
  { timeoutMs: 120_000 },
)

interface Reported {
  readonly fenced: ClientEvents['fenced'][]
  readonly progress: ClientEvents['partitionProgress'][]
  readonly exceeded: ClientEvents['maxPollExceeded'][]
}

function watch(consumer: Consumer | ShareConsumer): Reported {
  const reported: Reported = { fenced: [], progress: [], exceeded: [] }
  consumer.on('fenced', (event) => reported.fenced.push(event))
  consumer.on('partitionProgress', (event) => reported.progress.push(event))
  consumer.on('maxPollExceeded', (event) => reported.exceeded.push(event))
  return reported
}

function assertReported({ fenced, progress, exceeded }: Reported): void {
  assert.deepEqual([...new Set(progress.map(({ status }) => status))], ['noReader'])
  assert.deepEqual(
    exceeded.map(({ action }) => action),
    ['left'],
  )
  assert.match(exceeded[0]?.advice ?? '', /nothing reads this consumer/)
  assert.deepEqual(fenced, [])
}

async function collect(consumer: Consumer | ShareConsumer, seen: string[]): Promise<void> {
  for await (const { value } of consumer) seen.push(String(value))
}

function share(...members: readonly Consumer[]): boolean {
  return members.every(({ assigned }) => assigned.length === PARTITIONS / members.length)
}

function assertEach(seen: readonly string[], count: number): void {
  assert.deepEqual(
    [...seen].sort((a, b) => Number(a) - Number(b)),
    Array.from({ length: count }, (_, at) => String(at)),
  )
}
