/**
 * Scenario 10 of the semantics (exactly once, older transaction protocol), and what readers of
 * committed records may not get wrong. The producers are raw requests: the test decides what is
 * lost and what is late.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import type { Consumer, ConsumerOptions } from 'odradek'
import { SmallWorld } from '../regressions/small-world.test-kit.ts'
import { RawTransactionalProducer } from './raw-transactions.test-kit.ts'

const OK = ErrorCode.NONE
const SESSION = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 }
const UNDER_WAY = Symbol('under way')

function rawProducer(small: SmallWorld, name: string, version: 1 | 2 = 1, timeoutMs = 60_000) {
  const kafka = small.kafka(name)
  const { clock } = small.process(name).environment
  return new RawTransactionalProducer(kafka, {
    transactionalId: `transactions-of-${name}`,
    version,
    timeoutMs,
    now: () => clock.now(),
    sleep: (ms) => small.world.sleep(ms),
  })
}

async function transact(
  producer: RawTransactionalProducer,
  values: readonly string[],
  isCommit: boolean,
): Promise<void> {
  assert.deepEqual(await producer.addPartitions('orders', [0]), [OK])
  for (const value of values)
    assert.equal((await producer.produce('orders', 0, [value])).errorCode, OK)
  assert.equal((await producer.end(isCommit)).errorCode, OK)
}

test('a seek into, behind and before an aborted transaction finds what is committed, and only that', () =>
  SmallWorld.play(async (small) => {
    const producer = rawProducer(small, 'writer')
    await producer.init()
    // 0-4 and their marker 5, then 6-10 and 11 of the same producer, then a plain one.
    await transact(producer, ['a', 'b', 'c', 'd', 'e'], false)
    await small.world.sleep(1000)
    await transact(producer, ['f', 'g', 'h', 'i', 'j'], true)
    await small.world.sleep(1000)
    await small.producer('plain').send('orders', { value: 'k', partition: 0 })
    const consumer = small.consumer('reader', { isolationLevel: 'read_committed' })
    const seen: number[] = []
    consumer.run(({ offset }) => void seen.push(offset)).catch(assert.fail)
    await small.world.sleep(3000)
    assert.deepEqual(seen.splice(0), [6, 7, 8, 9, 10, 12])
    for (const [to, expected] of [
      [2, [6, 7, 8, 9, 10, 12]],
      [8, [8, 9, 10, 12]],
      [5, [6, 7, 8, 9, 10, 12]],
      [11, [12]],
      [0, [6, 7, 8, 9, 10, 12]],
    ] as const) {
      consumer.seek({ topic: 'orders', partition: 0, offset: to })
      await small.world.sleep(2000)
      assert.deepEqual(seen.splice(0), expected, `from ${to}`)
    }
    await consumer.close()
    assert.equal(small.cluster.committedOffset('billing', 'orders', 0)?.offset, 13)
  }))

test('a partition that is twice in a fetch answer is delivered once', () =>
  SmallWorld.play(async (small) => {
    let repeated = 0
    small.cluster.on('response', ({ api, body }) => {
      if (api !== 'Fetch') return
      // What a listener is given is what goes out.
      const { responses } = body as { responses: { partitions: { records: unknown }[] }[] }
      for (const { partitions } of responses) {
        repeated += partitions.length
        partitions.push(...partitions)
      }
    })
    const consumer = small.consumer('reader')
    const seen: number[] = []
    consumer.run(({ offset }) => void seen.push(offset)).catch(assert.fail)
    const producer = small.producer()
    for (let index = 0; index < 50; index++) {
      await producer.send('orders', { value: `${index}`, partition: 0 })
    }
    await small.world.sleep(3000)
    assert.ok(repeated > 0)
    assert.deepEqual(
      seen,
      Array.from({ length: 50 }, (_, index) => index),
    )
    await consumer.close()
    await producer.close()
  }))

/** One process of a consume-transform-produce loop, record by record. */
class Copier {
  readonly consumer: Consumer
  readonly producer: RawTransactionalProducer
  readonly events: string[] = []
  readonly #small: SmallWorld
  /** Behind the last record whose transaction was committed. */
  #next = 0
  /** Told before the end of a transaction is asked for. */
  onEnding: ((value: string) => void) | undefined
  /** Transactions that the group refused. */
  refused: number[] = []

  constructor(small: SmallWorld, name: string, options: Partial<ConsumerOptions<string>> = {}) {
    this.#small = small
    this.consumer = small.consumer(name, {
      ...SESSION,
      enableAutoCommit: false,
      isolationLevel: 'read_committed',
      ...options,
    })
    this.consumer.on('positionReset', ({ reason, offset }) => {
      this.events.push(reason)
      // The consumer knows what it committed itself; what transactions did is known here.
      const next = this.#next
      if (offset >= next) return
      const { timers } = small.process(name).environment
      timers.soon(() => this.consumer.seek({ topic: 'orders', partition: 0, offset: next }))
    })
    // A session is shorter than a transaction may be.
    this.producer = rawProducer(small, name, 1, 20_000)
  }

  async run(): Promise<void> {
    await this.producer.init()
    for await (const record of this.consumer) {
      const value = String(record.value)
      await this.#copy(value, record.offset)
    }
  }

  async #copy(value: string, offset: number): Promise<void> {
    const { producer, consumer } = this
    const member = consumer.groupMetadata()
    await this.#ask(() => producer.addPartitions('output', [0]).then(([code = OK]) => code))
    await this.#ask(() => producer.produce('output', 0, [value]).then(({ errorCode }) => errorCode))
    await this.#ask(() => producer.addOffsets('billing'))
    const committed = await this.#ask(() =>
      producer.commitOffset(
        'billing',
        { topic: 'orders', partition: 0, offset: offset + 1 },
        { memberId: member?.memberId ?? '', generationId: member?.generationIdOrMemberEpoch ?? -1 },
      ),
    )
    // The group has moved on: it must not commit.
    if (committed !== OK) this.refused.push(committed)
    this.onEnding?.(value)
    const ended = await this.#ask(() =>
      producer.end(committed === OK).then(({ errorCode }) => errorCode),
    )
    if (committed === OK && ended === OK) this.#next = offset + 1
    else if (consumer.assigned.length > 0) {
      // An aborted transaction takes its records back.
      consumer.seek({ topic: 'orders', partition: 0, offset })
    }
  }

  /** Asks again what the coordinator is not ready for, and what was not answered. */
  async #ask(request: () => Promise<number>): Promise<number> {
    for (;;) {
      const code = await request().catch(() => UNDER_WAY)
      if (code === ErrorCode.PRODUCER_FENCED || code === ErrorCode.INVALID_PRODUCER_EPOCH) {
        throw new Error('fenced')
      }
      const waits = [
        UNDER_WAY,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.NOT_ENOUGH_REPLICAS,
      ] as const
      if (!waits.some((one) => one === code)) return code as number
      await this.#small.world.sleep(100)
    }
  }
}

/** What readers of committed records find in the output. */
async function outputOf(small: SmallWorld): Promise<readonly string[]> {
  const reader = small.consumer(`reader-${small.world.now}`, {
    groupId: 'checkers',
    topics: ['output'],
    isolationLevel: 'read_committed',
  })
  const values: string[] = []
  const running = reader.run(({ value }) => void values.push(String(value)))
  await small.world.sleep(10_000)
  await reader.close()
  await running
  return values
}

async function write(small: SmallWorld, from: number, count: number): Promise<void> {
  const producer = small.producer(`input-${from}`)
  for (let n = from; n < from + count; n++) {
    await producer.send('orders', { value: `${n}`, partition: 0 })
  }
  await producer.close()
}

const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${index}`)

const BROKER = {
  topics: { orders: 1, output: 1 },
  features: { 'transaction.version': 1 },
} as const

for (const isApplied of [true, false]) {
  const what = isApplied ? 'applied, its answer lost' : 'lost'
  test(`exactly once: an end of a transaction that is ${what}, and asked for again by a zombie`, () =>
    SmallWorld.play(
      async (small) => {
        const { cluster, world } = small
        const unstable: number[] = []
        cluster.on('response', ({ api, body, at }) => {
          const codes = JSON.stringify(body, (_, value: unknown) =>
            typeof value === 'bigint' ? 0 : value,
          )
          if (
            api === 'OffsetFetch' &&
            codes.includes(`"errorCode":${ErrorCode.UNSTABLE_OFFSET_COMMIT}`)
          ) {
            unstable.push(at)
          }
        })
        await write(small, 0, 5)
        const a = new Copier(small, 'a')
        const isOver = a.run().catch((error: unknown) => String(error))
        // In the middle of things the answer is lost, and the process stands still.
        let stoppedAt = -1
        a.onEnding = (value) => {
          if (value !== '1' || stoppedAt >= 0) return
          stoppedAt = world.now
          const fate = isApplied
            ? ({ dropAnswer: true } as const)
            : ({ disconnect: 'before' } as const)
          cluster.faults.add({ api: 'EndTxn', ...fate, times: 1 })
          void world.sleep(20).then(() => small.process('a').pause())
        }
        await world.sleep(20_000)
        assert.ok(stoppedAt > 0)
        const b = new Copier(small, 'b')
        const following = b.run().catch((error: unknown) => String(error))
        await world.sleep(60_000)
        assert.ok(unstable.length > 0, 'the new owner had to wait')
        small.process('a').resume()
        await world.sleep(30_000)
        await write(small, 5, 3)
        await world.sleep(120_000)
        await b.consumer.close()
        await a.consumer.close()
        await Promise.all([isOver, following])
        assert.deepEqual(await outputOf(small), numbers(8))
        if (!isApplied) assert.match(String(await isOver), /fenced/)
      },
      { broker: { ...BROKER, transactionMarkersMs: 15_000 } },
    ))
}

test('exactly once: a latest group that is emptied past offset retention goes on, and says so', () =>
  SmallWorld.play(
    async (small) => {
      const { cluster, world } = small
      const tombstones: number[] = []
      cluster.on('tombstone', ({ offset }) => tombstones.push(offset))
      await write(small, 900, 5)
      const a = new Copier(small, 'a', { startFrom: 'latest' })
      const running = a.run().catch((error: unknown) => String(error))
      await world.sleep(5000)
      await write(small, 0, 10)
      await world.sleep(5000)
      small.process('a').pause()
      await world.sleep(60_000)
      await write(small, 10, 10)
      assert.deepEqual(tombstones, [15], 'the offsets of the empty group have expired')
      small.process('a').resume()
      await world.sleep(30_000)
      await a.consumer.close()
      await running
      assert.deepEqual(await outputOf(small), numbers(20))
      assert.match(a.events.join(), /the committed offset has vanished/)
    },
    { broker: { ...BROKER, offsetsRetentionMs: 20_000, offsetsRetentionCheckIntervalMs: 1000 } },
  ))
