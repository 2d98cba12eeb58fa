import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { ErrorCode, loadCodecs } from '@odradek/protocol'
import { FakeCluster, type Fault } from '../../connection/fake-cluster.test-kit.ts'
import { Kafka } from '../../kafka.ts'
import { FakeShareGroup } from './fake-share-group.test-kit.ts'
import type { ShareConsumer } from '../../share-consumer/share-consumer.ts'

const SEEDS = Number(process.env['ODRADEK_SEEDS'] ?? 30)
const PARTITIONS = 3
const RECORDS = 60

const FAULTS: readonly Fault[] = [
  { do: 'drop' },
  { do: 'applyThenDrop' },
  { do: 'swallow' },
  { do: 'applyThenSwallow' },
  { delayMs: 50 },
  { delayMs: 1500 },
  { errorCode: ErrorCode.SHARE_SESSION_NOT_FOUND },
  { errorCode: ErrorCode.INVALID_SHARE_SESSION_EPOCH },
  { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
]
const SHARE_APIS = ['ShareFetch', 'ShareAcknowledge', 'ShareGroupHeartbeat']

interface Member {
  readonly kafka: Kafka
  readonly consumer: ShareConsumer
  readonly name: string
  run: Promise<void>
}

async function playSeed(seed: number): Promise<void> {
  const world = new VirtualWorld({ seed, link: { latencyMs: [1, 3] } })
  const { random } = world.process('director').environment
  const cluster = new FakeCluster(world)
  await cluster.start(1)
  await cluster.start(2)
  const group = new FakeShareGroup(cluster, 'mails', PARTITIONS)
  const said = new Map<string, Set<'accept' | 'reject'>>()
  const exhausted = new Set<string>()
  /** Of these a handler has seen the last delivery; an answer on its way may be lost unseen. */
  const lastDeliveries = new Set<string>()
  let isCalm = false

  const member = (name: string): Member => {
    const { environment } = world.process(name)
    const { bootstrapServers } = cluster
    const kafka = new Kafka({ bootstrapServers, requestTimeoutMs: 1000 }, { environment })
    const consumer = kafka.shareConsumer({
      groupId: 'g',
      topics: ['mails'],
      fetchMaxWaitMs: 200,
      maxPollIntervalMs: 6000,
      shareAcquireMode: random.integer(2) === 0 ? 'record_limit' : 'batch_optimized',
      maxPollRecords: 1 + random.integer(40),
    })
    consumer.on('deliveryExhausted', ({ partition, offset }) => {
      exhausted.add(`${partition}:${offset}`)
    })
    const run = consumer.run(
      async ({ partition, offset, value }, { signal, renew, deliveryCount }) => {
        assert.equal(String(value), String(offset))
        const key = `${partition}:${offset}`
        if (deliveryCount === group.deliveryCountLimit) lastDeliveries.add(key)
        const words = said.get(key) ?? new Set()
        said.set(key, words)
        const chance = isCalm ? 9 : random.integer(20)
        if (chance === 0) throw new Error('cannot')
        if (chance === 1) return 'release'
        if (chance === 2) {
          words.add('reject')
          return 'reject'
        }
        if (chance === 3) await renew().catch(() => undefined)
        if (chance < 8) await world.sleep(chance === 4 ? 5000 : random.integer(200))
        if (chance === 5) signal.throwIfAborted()
        words.add('accept')
        return undefined
      },
      { concurrency: 1 + random.integer(6), onError: { backoffMs: 50, backoffMaxMs: 500 } },
    )
    return { kafka, consumer, name, run }
  }

  await world.run(
    (async () => {
      const members = [member('a'), member('b')]
      const oneIn = 5 + random.integer(20)
      cluster.fault = ({ api }) => {
        if (isCalm || !SHARE_APIS.includes(api) || random.integer(oneIn) !== 0) return undefined
        return FAULTS[random.integer(FAULTS.length)]
      }
      for (let appended = 0; appended < RECORDS; appended += 7) {
        group.append(random.integer(PARTITIONS), 7)
        await world.sleep(random.integer(600))
        const chance = random.integer(12)
        if (chance === 0) group.moveLeader(random.integer(PARTITIONS), 1 + random.integer(2))
        if (chance === 1) world.process('a').blockLoop(random.integer(4000))
        if (chance === 2) world.network.reset('b', 'broker-1')
        if (chance === 3) group.heartbeatError = ErrorCode.UNKNOWN_MEMBER_ID
        if (chance === 4) group.heartbeatError = 0
        if (chance === 5) {
          const [one] = members.splice(0, 1)
          await one?.consumer.close({ timeoutMs: 8000 })
          await one?.run
          await one?.kafka.close()
          members.push(member(`c${appended}`))
        }
      }
      await world.sleep(3000)
      isCalm = true
      group.heartbeatError = 0
      const isOver = (): boolean =>
        group.records.every(({ state }) => !['available', 'acquired'].includes(state))
      for (let waited = 0; waited < 600 && !isOver(); waited++) {
        await world.sleep(100)
        group.expire()
      }
      assert.ok(isOver(), 'records are neither through nor given up')
      for (const { partition, records } of group.partitions.values()) {
        for (const [offset, { state }] of records.entries()) {
          const key = `${partition}:${offset}`
          // Nothing counts as processed, or as poison, unless a handler said so ...
          if (state === 'accepted')
            assert.ok(said.get(key)?.has('accept'), `${key} was not accepted`)
          if (state === 'rejected')
            assert.ok(said.get(key)?.has('reject'), `${key} was not rejected`)
          // ... and nothing is given up in silence.
          if (state === 'archived' && lastDeliveries.has(key)) {
            assert.ok(exhausted.has(key), `${key} was given up in silence`)
          }
        }
      }
      for (const { consumer, run, kafka } of members) {
        await consumer.close()
        await run
        await kafka.close()
      }
    })(),
    { timeoutMs: 600_000 },
  )
  await world.advance(2000)
  for (const name of ['a', 'b']) {
    const left = Object.entries(world.process(name).leaks()).filter(([, count]) => count > 0)
    assert.deepEqual(left, [], name)
  }
}

test('whatever happens, every record is processed or given up, and nothing in silence', async () => {
  // Loading them takes real time, which a virtual world does not wait for.
  await loadCodecs()
  for (let seed = 1; seed <= SEEDS; seed++) {
    await playSeed(seed).catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
    })
  }
})
