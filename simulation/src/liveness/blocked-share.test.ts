// A share consumer whose loop is blocked for longer than its session: the heartbeat thread keeps it
// in the group (S13). What it holds is locked for as long as it is; nobody but the main thread
// renews.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis, type ClientEvents, type ShareConsumer, type ShareConsumerOptions } from 'odradek'
import { blockInTrouble } from './blocked-in-trouble.test-kit.ts'
import { SmallWorld, type SmallWorldOptions } from '../regressions/small-world.test-kit.ts'

const GROUP = 'mail'
const GROUP_RESOURCE = 32
const BLOCK_MS = 60_000
const BROKER = {
  topics: { orders: 4 },
  groupShareSessionTimeoutMs: 6000,
  groupShareHeartbeatIntervalMs: 1000,
  groupShareRecordLockDurationMs: 4000,
}

class Sharers {
  readonly small: SmallWorld
  readonly seen = new Map<string, number>()
  readonly fenced: string[] = []
  readonly blocked: ClientEvents['eventLoopBlocked'][] = []
  readonly off: string[] = []
  readonly #running: Promise<void>[] = []
  readonly #consumers: ShareConsumer[] = []

  constructor(small: SmallWorld) {
    this.small = small
  }

  static play(
    scenario: (sharers: Sharers) => Promise<void>,
    options: SmallWorldOptions = { broker: BROKER },
  ): Promise<void> {
    return SmallWorld.play(async (small) => {
      const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }]
      const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP, configs }]
      const kafka = small.kafka('admin')
      await kafka.request(
        apis.IncrementalAlterConfigs,
        { resources, validateOnly: false },
        { returnErrors: true },
      )
      await kafka.close()
      const sharers = new Sharers(small)
      await scenario(sharers)
      for (const consumer of sharers.#consumers) await consumer.close()
      await Promise.all(sharers.#running)
    }, options)
  }

  async send(count: number): Promise<void> {
    const producer = this.small.producer()
    const base = this.seen.size
    const records = Array.from({ length: count }, (_, at) => ({
      value: `${base + at}`,
      partition: at % 4,
    }))
    await producer.send('orders', records)
    await producer.close()
  }

  run(name: string, options: Partial<ShareConsumerOptions<string>> = {}): ShareConsumer {
    const consumer = this.small
      .kafka(name)
      .shareConsumer({ groupId: GROUP, topics: ['orders'], ...options })
    consumer.on('fenced', () => this.fenced.push(name))
    consumer.on('eventLoopBlocked', (event) => this.blocked.push(event))
    consumer.on('heartbeatThreadUnavailable', ({ reason }) => this.off.push(reason))
    this.#consumers.push(consumer)
    this.#running.push(
      consumer.run(({ value }) => {
        const key = String(value)
        this.seen.set(key, (this.seen.get(key) ?? 0) + 1)
      }),
    )
    return consumer
  }

  get epoch(): number | undefined {
    return this.small.cluster.group(GROUP)?.generationId
  }
}

test('S13 share: blocked for 60 s with a session of 6 s, the member stays in the group', () =>
  Sharers.play(async (sharers) => {
    const { small } = sharers
    sharers.run('a')
    sharers.run('b')
    await sharers.send(20)
    await small.world.sleep(8000)
    const before = sharers.epoch
    small.process('a').blockLoop(BLOCK_MS)
    await small.world.sleep(70_000)
    assert.equal(sharers.epoch, before, 'nobody left or joined')
    assert.deepEqual(sharers.fenced, [])
    const [blocked, ...more] = sharers.blocked
    assert.equal(more.length, 0)
    assert.ok((blocked?.heartbeats ?? 0) >= 50, `${blocked?.heartbeats} heartbeats`)
    assert.equal(blocked?.isSessionAlive, true)
    assert.deepEqual(sharers.off, [])
    await sharers.send(20)
    await small.world.sleep(10_000)
    assert.equal(sharers.seen.size, 40)
  }))

test('S13 share: without the heartbeat thread the same block costs the membership', () =>
  Sharers.play(async (sharers) => {
    const { small } = sharers
    sharers.run('a', { heartbeatThread: false })
    sharers.run('b')
    await sharers.send(20)
    await small.world.sleep(8000)
    const before = sharers.epoch ?? 0
    small.process('a').blockLoop(BLOCK_MS)
    await small.world.sleep(70_000)
    assert.ok((sharers.epoch ?? 0) > before)
    assert.deepEqual(sharers.fenced, ['a'])
    assert.deepEqual(
      sharers.blocked.map((one) => [one.heartbeats, one.isSessionAlive]),
      [[0, false]],
    )
    await sharers.send(20)
    await small.world.sleep(10_000)
    assert.equal(sharers.seen.size, 40)
  }))

test('S13 share: what the group is assigned while the loop is blocked is taken up afterwards', () =>
  Sharers.play(async (sharers) => {
    const { small } = sharers
    const a = sharers.run('a')
    const b = sharers.run('b')
    await small.world.sleep(8000)
    assert.ok(a.assigned.length < 4, 'they share')
    const before = sharers.epoch ?? 0
    small.process('a').blockLoop(BLOCK_MS)
    await small.world.sleep(20_000)
    await b.close()
    await small.world.sleep(5000)
    assert.ok((sharers.epoch ?? 0) > before)
    await small.world.sleep(45_000)
    assert.equal(a.assigned.length, 4)
    assert.deepEqual(sharers.fenced, [])
    await sharers.send(20)
    await small.world.sleep(5000)
    assert.equal(sharers.seen.size, 20)
  }))

test('S13 share: answers are cut and the coordinator moves while the loop is blocked', () =>
  Sharers.play(
    async (sharers) => {
      const { small } = sharers
      const { world } = small
      sharers.run('a')
      await sharers.send(20)
      await world.sleep(8000)
      await blockInTrouble({
        ...{ small, process: small.process('a'), groupId: GROUP },
        ...{ api: 'ShareGroupHeartbeat', blockMs: BLOCK_MS },
      })
      assert.deepEqual(sharers.fenced, [])
      await sharers.send(20)
      await world.sleep(10_000)
      assert.equal(sharers.seen.size, 40)
    },
    { broker: { ...BROKER, brokers: 3 } },
  ))
