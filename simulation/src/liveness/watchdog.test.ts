// Partitions that do not move, each for a reason of its own: the watchdog tells them apart, looks
// after the one that is stuck, and never disturbs the group (S18).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawTransactionalProducer } from '../scenarios/raw-transactions.test-kit.ts'
import { LivenessWorld, type Reader, TOPIC } from './liveness-world.test-kit.ts'

const progressTimeoutMs = 10_000

/** What was told of a partition, in order: `status` or `stuck action`. */
function toldOf(reader: Reader, partition: number): readonly string[] {
  return reader
    .events('partitionProgress')
    .filter((event) => event.partition === partition)
    .map(({ status, action }) => (action === null ? status : `${status} ${action}`))
}

const HANGING = 4
const TRANSACTIONAL_ID = 'writer'

/** Opens a transaction in a partition, and writes behind it. */
async function hang(world: LivenessWorld): Promise<RawTransactionalProducer> {
  const { small } = world
  const { clock } = small.process('hanging').environment
  const producer = new RawTransactionalProducer(small.kafka('hanging'), {
    transactionalId: TRANSACTIONAL_ID,
    version: 2,
    timeoutMs: 900_000,
    now: () => clock.now(),
    sleep: (ms) => world.sleep(ms),
  })
  await producer.init()
  assert.equal((await producer.produce(TOPIC, HANGING, ['open'])).errorCode, 0)
  const behind = small.producer('behind')
  await behind.send(TOPIC, { value: 'behind', partition: HANGING })
  await behind.close()
  return producer
}

test('leaderless, paused, a busy handler, a hanging transaction: distinct statuses, the rest flows, nobody rejoins', () =>
  LivenessWorld.play(
    async (world) => {
      const { cluster } = world.small
      let letGo: () => void = () => undefined
      const held = new Promise<void>((resolve) => {
        letGo = resolve
      })
      const a = world.reader('a', { progressTimeoutMs, isolationLevel: 'read_committed' })
      a.consumer
        .run(
          (record) => {
            a.values.push(String(record.value))
            return record.partition === 2 && record.offset > 10 ? held : undefined
          },
          { concurrency: 4 },
        )
        .catch(() => undefined)
      const stop = world.write(50)
      await world.sleep(4000)
      const leaderless = cluster.partition(TOPIC, 0).leaderId
      // Whoever leads it coordinates nothing and leads nothing else.
      for (const partition of [1, 2, 3, HANGING]) {
        const { leaderId } = cluster.partition(TOPIC, partition)
        assert.notEqual(leaderId, leaderless)
      }
      a.consumer.pause([{ topic: TOPIC, partition: 1 }])
      const hanging = await hang(world)
      assert.notEqual(cluster.transactionCoordinatorOf(TRANSACTIONAL_ID), leaderless)
      await world.sleep(2000)
      await stop()
      const flow = world.write(50, 4)
      void flow
      const before = world.generations.length
      await world.sleep(1000)
      await cluster.stop(leaderless, { abruptly: true })
      await world.sleep(40_000)
      assert.deepEqual(toldOf(a, 0), ['leaderNotAvailable'])
      assert.deepEqual(toldOf(a, 1), ['paused'])
      assert.deepEqual(toldOf(a, 2), ['processing'])
      assert.deepEqual(toldOf(a, HANGING), ['hangingTransaction'])
      const [named] = a.events('partitionProgress').filter(({ partition }) => partition === HANGING)
      assert.match(named?.advice ?? '', /transaction/)
      assert.equal(world.generations.length, before)
      await hanging.end(false)
      await cluster.start(leaderless)
      a.consumer.resume([{ topic: TOPIC, partition: 1 }])
      letGo()
      await world.sleep(20_000)
      for (const partition of [0, 1, 2, HANGING])
        assert.equal(toldOf(a, partition).at(-1), 'resumed')
      assert.deepEqual(toldOf(a, 3), [])
      assert.equal(world.generations.length, before, 'no rejoin')
    },
    { broker: { brokers: 5, topics: { [TOPIC]: { partitions: 5, replicationFactor: 1 } } } },
  ))

test('a hung fetch: metadata, session and connection of that partition, one after the other', () =>
  LivenessWorld.play(
    async (world) => {
      const { cluster } = world.small
      const a = world.reader('a', { progressTimeoutMs, topics: [TOPIC, 'others'] })
      a.run()
      const stop = world.write(50, 1)
      await world.sleep(4000)
      const before = world.generations.length
      const fault = cluster.faults.add({ api: 'Fetch', topic: TOPIC, dropAnswer: true })
      await world.sleep(26_000)
      assert.deepEqual(toldOf(a, 0), ['stuck metadata', 'stuck session', 'stuck connection'])
      const [event] = a.events('partitionProgress')
      assert.ok((event?.lag ?? 0) > 100)
      assert.ok((event?.since ?? 0) > 0)
      fault.remove()
      await world.sleep(20_000)
      await stop()
      await world.sleep(2000)
      assert.equal(toldOf(a, 0).at(-1), 'resumed')
      assert.equal(world.generations.length, before, 'no rejoin')
      assert.deepEqual(world.missing, [])
    },
    { broker: { topics: { [TOPIC]: 1, others: 1 } } },
  ))

test('what was told of is taken back when there is nothing to read any more', () =>
  LivenessWorld.play(
    async (world) => {
      const { cluster } = world.small
      const a = world.reader('a', { progressTimeoutMs })
      a.run()
      const stop = world.write(50, 2)
      await world.sleep(4000)
      await stop()
      const leaderless = cluster.partition(TOPIC, 0).leaderId
      await cluster.stop(leaderless, { abruptly: true })
      await world.sleep(30_000)
      assert.deepEqual(toldOf(a, 0), ['leaderNotAvailable'])
      await cluster.start(leaderless)
      await world.sleep(30_000)
      assert.deepEqual(toldOf(a, 0), ['leaderNotAvailable', 'idle'])
      assert.deepEqual(toldOf(a, 1), [])
    },
    { broker: { brokers: 3, topics: { [TOPIC]: { partitions: 2, replicationFactor: 1 } } } },
  ))

test('what waits behind a stuck handler, let go of and fetched again, is no movement', () =>
  LivenessWorld.play(
    async (world) => {
      const limits = { maxPartitionFetchBytes: 2000, maxBufferedBytes: 3000 }
      const a = world.reader('a', { progressTimeoutMs, ...limits })
      const held = new Promise<void>(() => undefined)
      a.consumer
        .run(({ partition }) => (partition === 0 ? held : undefined), { concurrency: 2 })
        .catch(() => undefined)
      const producer = world.small.producer('bursts')
      const write = async (partition: number, count: number): Promise<void> => {
        for (let at = 0; at < count; at++) {
          await producer.send(TOPIC, { value: 'x'.repeat(100), partition })
        }
      }
      await write(0, 1)
      await world.sleep(2000)
      await write(0, 100)
      await world.sleep(20_000)
      assert.deepEqual(toldOf(a, 0), ['processing'])
      for (let round = 0; round < 3; round++) {
        await Promise.all([1, 2, 3].map((partition) => write(partition, 50)))
        await world.sleep(20_000)
      }
      assert.deepEqual(toldOf(a, 0), ['processing'])
    },
    { partitions: 4 },
  ))

test('a throttled client is not stuck', () =>
  LivenessWorld.play(
    async (world) => {
      const a = world.reader('a', { progressTimeoutMs })
      a.run()
      const stop = world.write(50, 1)
      await world.sleep(4000)
      world.small.cluster.faults.add({ api: 'Fetch', throttleTimeMs: 30_000, times: 1 })
      await world.sleep(25_000)
      await stop()
      await world.sleep(15_000)
      assert.deepEqual(toldOf(a, 0), ['throttled', 'resumed'])
    },
    { partitions: 1 },
  ))

test('idle partitions are not told, nor is a blocked loop taken for a stuck partition', () =>
  LivenessWorld.play(async (world) => {
    const a = world.reader('a', { progressTimeoutMs })
    a.run()
    const stop = world.write(50, 1)
    await world.sleep(10_000)
    a.host.blockLoop(40_000)
    await world.sleep(60_000)
    await stop()
    await world.sleep(100_000)
    assert.deepEqual(a.events('partitionProgress'), [])
  }))
