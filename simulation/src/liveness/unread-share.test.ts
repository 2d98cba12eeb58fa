// Members of a share group that do not read hold neither records nor partitions (S43).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  apis,
  type ClientEvents,
  type ShareConsumer,
  type ShareConsumerOptions,
  type ShareRecord,
} from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'

const GROUP = 'mail'
const GROUP_RESOURCE = 32
const maxPollIntervalMs = 20_000
const BROKER = {
  topics: { orders: 4 },
  groupShareSessionTimeoutMs: 45_000,
  groupShareHeartbeatIntervalMs: 1000,
  groupShareRecordLockDurationMs: 60_000,
}

class Sharers {
  readonly small: SmallWorld
  readonly members: Sharer[] = []
  written = 0

  private constructor(small: SmallWorld) {
    this.small = small
  }

  static play(scenario: (sharers: Sharers) => Promise<void>): Promise<void> {
    return SmallWorld.play(
      async (small) => {
        const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
        const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP, configs }]
        const kafka = small.kafka('admin')
        const request = { resources, validateOnly: false }
        await kafka.request(apis.IncrementalAlterConfigs, request, { returnErrors: true })
        await kafka.close()
        const sharers = new Sharers(small)
        await scenario(sharers)
        await Promise.all(sharers.members.map(({ consumer }) => consumer.close()))
      },
      { broker: BROKER },
    )
  }

  member(name: string, options: Partial<ShareConsumerOptions<string>> = {}): Sharer {
    const member = new Sharer(this.small, name, options)
    this.members.push(member)
    return member
  }

  sleep(ms: number): Promise<void> {
    return this.small.world.sleep(ms)
  }

  async send(count: number): Promise<void> {
    const producer = this.small.producer()
    const records = Array.from({ length: count }, () => {
      const at = this.written++
      return { value: `${at}`, partition: at % 4 }
    })
    await producer.send('orders', records)
    await producer.close()
  }

  /** States of the records that the group is not done with. */
  get open(): readonly string[] {
    return [0, 1, 2, 3].flatMap((partition) =>
      this.small.cluster
        .sharePartition(GROUP, 'orders', partition)
        .records.map(({ state }) => state),
    )
  }

  /** Every record was processed once. */
  assertAllRead(): void {
    const all = this.members.flatMap(({ values }) => values).sort((a, b) => Number(a) - Number(b))
    assert.deepEqual(
      all,
      Array.from({ length: this.written }, (_, at) => `${at}`),
    )
  }
}

class Sharer {
  readonly consumer: ShareConsumer
  readonly values: string[] = []
  readonly fenced: unknown[] = []
  readonly late: ClientEvents['acknowledgementLate'][] = []
  readonly progress: ClientEvents['partitionProgress'][] = []
  readonly exceeded: ClientEvents['maxPollExceeded'][] = []

  constructor(small: SmallWorld, name: string, options: Partial<ShareConsumerOptions<string>>) {
    this.consumer = small
      .kafka(name)
      .shareConsumer({ groupId: GROUP, topics: ['orders'], maxPollIntervalMs, ...options })
    this.consumer.on('fenced', (event) => this.fenced.push(event))
    this.consumer.on('partitionProgress', (event) => this.progress.push(event))
    this.consumer.on('maxPollExceeded', (event) => this.exceeded.push(event))
    this.consumer.on('acknowledgementLate', (event) => this.late.push(event))
  }

  run(): void {
    void this.consumer.run(({ value }) => void this.values.push(String(value)))
  }

  /** Reads until so many records were processed; the last one is accepted. */
  async read(count: number): Promise<void> {
    let left = count
    for await (const record of this.consumer) {
      this.values.push(String(record.value))
      if (--left > 0) continue
      this.consumer.accept(record)
      return
    }
  }

  get partitions(): number {
    return this.consumer.assigned.length
  }

  assertNoReaderReported(): void {
    const statuses = this.progress.map(({ status }) => status)
    assert.deepEqual([...new Set(statuses)], ['noReader'])
    assert.equal(new Set(this.progress.map(({ partition }) => partition)).size, statuses.length)
    assert.match(this.progress[0]?.advice ?? '', /no loop, stream or run reads this consumer/)
    assert.deepEqual(this.fenced, [])
  }
}

test('S43 share: a member leaves when its run fails, and joins with the next run', () =>
  Sharers.play(async (sharers) => {
    await sharers.send(100)
    const a = sharers.member('a')
    const failing = a.consumer.run(
      ({ value }) => {
        if (String(value) === '41') throw new Error('no mail server')
        a.values.push(String(value))
      },
      { onError: 'stop' },
    )
    await assert.rejects(failing, /no mail server/)
    await sharers.sleep(2000)
    assert.equal(a.partitions, 0)
    assert.ok(!sharers.open.includes('acquired'), 'it holds no record')
    a.assertNoReaderReported()
    assert.deepEqual(a.exceeded, [])
    const b = sharers.member('b')
    b.run()
    await sharers.sleep(5000)
    assert.equal(b.partitions, 4, 'the healthy member reads everything')
    sharers.assertAllRead()
    a.run()
    await sharers.sleep(10_000)
    assert.equal(a.partitions, 2, 'it joins again')
    await sharers.send(100)
    await sharers.sleep(5000)
    sharers.assertAllRead()
  }))

test('S43 share: a program that runs again at once keeps its place in the group', () =>
  Sharers.play(async (sharers) => {
    const a = sharers.member('a')
    let left = 3
    const running = (async () => {
      for (;;) {
        try {
          return await a.consumer.run(
            ({ value }) => {
              if (String(value) === '7' && left > 0) {
                left--
                throw new Error('try again')
              }
              a.values.push(String(value))
            },
            { onError: 'stop' },
          )
        } catch {}
      }
    })()
    await sharers.sleep(5000)
    const before = sharers.small.cluster.group(GROUP)?.generationId
    await sharers.send(20)
    await sharers.sleep(5000)
    assert.equal(left, 0)
    assert.equal(sharers.small.cluster.group(GROUP)?.generationId, before)
    assert.deepEqual(a.progress, [])
    sharers.assertAllRead()
    await a.consumer.close()
    await running
  }))

const WAYS = ['ended', 'held', 'untouched', 'explicit'] as const

for (const way of WAYS) {
  test(`S43 share: a member that nothing reads (${way}) leaves after maxPollIntervalMs, and joins at the next read`, () =>
    Sharers.play(async (sharers) => {
      await sharers.send(100)
      const a = sharers.member(
        'a',
        way === 'explicit' ? { shareAcknowledgementMode: 'explicit' } : {},
      )
      const resume = await readAWhile(a, way)
      await sharers.sleep(5000)
      const b = sharers.member('b')
      b.run()
      await sharers.sleep(5000)
      assert.equal(b.partitions, 2, 'they share')
      await sharers.sleep(25_000)
      assert.equal(b.partitions, 4, 'the healthy member reads everything')
      assert.equal(a.partitions, 0)
      a.assertNoReaderReported()
      const [exceeded, ...more] = a.exceeded
      assert.equal(exceeded?.action, way === 'untouched' ? undefined : 'left')
      if (exceeded !== undefined) assert.match(exceeded.advice, /nothing reads this consumer/)
      assert.deepEqual(more, [])
      // The record that the loop did not come back from, in whose place it may be delivered now.
      const lateCount = way === 'held' || way === 'explicit' ? 1 : 0
      assert.deepEqual(
        a.late.map(({ acknowledgement }) => acknowledgement),
        Array.from({ length: lateCount }, () => null),
      )
      sharers.assertAllRead()
      const reading = resume()
      await sharers.sleep(10_000)
      assert.equal(a.partitions, 2, 'it joins again')
      const before = a.values.length
      await sharers.send(100)
      await sharers.sleep(5000)
      assert.ok(a.values.length > before, 'it reads')
      sharers.assertAllRead()
      assert.deepEqual(a.fenced, [])
      await a.consumer.close()
      await reading
    }))
}

/** Stops reading in this way, after ten records; what it returns reads on. */
async function readAWhile(a: Sharer, way: (typeof WAYS)[number]): Promise<() => Promise<void>> {
  const readOn = (): Promise<void> => a.read(Number.POSITIVE_INFINITY)
  if (way === 'ended') {
    await a.read(10)
    return readOn
  }
  const iterator = a.consumer[Symbol.asyncIterator]()
  if (way === 'untouched') {
    return async () => {
      await iterator.return?.()
      await readOn()
    }
  }
  const read = async (isOver: () => boolean): Promise<void> => {
    for (;;) {
      const { value: record, done } = await iterator.next()
      // The record that is processed at the end is the one that this loop does not come back from.
      if (done === true || isOver()) return
      a.values.push(String(record.value))
      if (way === 'explicit') a.consumer.accept(record)
    }
  }
  await read(() => a.values.length >= 10)
  return () => read(() => false)
}

test('S43 share: a member that waits for records, and one whose handler works, stay', () =>
  Sharers.play(async (sharers) => {
    const { world } = sharers.small
    const a = sharers.member('a')
    const reading = a.read(Number.POSITIVE_INFINITY)
    const b = sharers.member('b')
    const running = b.consumer.run(async ({ value }) => {
      await world.sleep(15_000)
      b.values.push(String(value))
    })
    await sharers.sleep(5000)
    await sharers.send(4)
    await sharers.sleep(60_000)
    assert.deepEqual([a.partitions, b.partitions], [2, 2])
    assert.deepEqual([...a.progress, ...b.progress], [])
    sharers.assertAllRead()
    await a.consumer.close()
    await b.consumer.close()
    await Promise.all([reading, running])
  }))

test('S43 share: a program that settles what it collected is alive, and stays', () =>
  Sharers.play(async (sharers) => {
    await sharers.send(8)
    const a = sharers.member('a', { shareAcknowledgementMode: 'explicit' })
    const collected: ShareRecord[] = []
    const iterator = a.consumer[Symbol.asyncIterator]()
    while (collected.length < 8) {
      const { value: record } = await iterator.next()
      assert.ok(record !== undefined)
      collected.push(record)
    }
    for (const record of collected) {
      await sharers.sleep(6000)
      a.values.push(String(record.value))
      a.consumer.accept(record)
    }
    await sharers.sleep(1000)
    assert.deepEqual(a.progress, [])
    assert.deepEqual(a.late, [])
    assert.equal(a.partitions, 4)
    sharers.assertAllRead()
  }))

test('S43 share: a member that has left may close, and one that leaves may', () =>
  Sharers.play(async (sharers) => {
    await sharers.send(20)
    for (const waitMs of [0, 1, 50, 5000]) {
      const a = sharers.member(`a${waitMs}`)
      const failing = a.consumer.run(() => Promise.reject(new Error('no mail server')), {
        onError: 'stop',
      })
      await assert.rejects(failing, /no mail server/)
      await sharers.sleep(waitMs)
      assert.deepEqual(await a.consumer.close(), { unacknowledged: [] })
      assert.deepEqual(a.fenced, [])
      assert.ok(!sharers.open.includes('acquired'))
    }
  }))
