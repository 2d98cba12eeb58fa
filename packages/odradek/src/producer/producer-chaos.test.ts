import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import type { Fault } from '../connection/fake-cluster.test-kit.ts'
import { play, range } from './scene.test-kit.ts'

const SEEDS = Number(process.env['ODRADEK_SEEDS'] ?? 30)
const RECORDS = 400
const PARTITIONS = 3

const FAULTS: readonly Fault[] = [
  { do: 'drop' },
  { do: 'applyThenDrop' },
  { do: 'swallow' },
  { do: 'applyThenSwallow' },
  { delayMs: 50 },
  { delayMs: 1900 },
  { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS },
  { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, isApplied: true },
  { errorCode: ErrorCode.REQUEST_TIMED_OUT, isApplied: true },
  { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
]

test('whatever happens, acknowledged records are in the log once and in order', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    await play(
      async ({ world, cluster, kafka }) => {
        cluster.createTopic('orders', PARTITIONS)
        const { random } = world.process('director').environment
        const producer = kafka.producer({
          batchSize: 200 + random.integer(400),
          requestTimeoutMs: 1000,
          deliveryTimeoutMs: 580_000,
          bufferMemory: 2000 + random.integer(20_000),
          compressionType: random.integer(3) === 0 ? 'gzip' : 'none',
        })
        if (random.integer(3) === 0) cluster.maxBatchBytes = 120 + random.integer(400)
        const oneIn = 3 + random.integer(8)
        let isCalm = false
        cluster.fault = ({ api }) => {
          if (isCalm || random.integer(api === 'Produce' ? oneIn : oneIn * 4) !== 0)
            return undefined
          return FAULTS[random.integer(FAULTS.length)]
        }
        const sent: Promise<unknown>[] = []
        for (const [at, value] of range(0, RECORDS).entries()) {
          const partition = at % PARTITIONS
          sent.push(producer.send('orders', { value, partition }))
          if (random.integer(10) === 0) await world.sleep(random.integer(20))
          if (random.integer(60) === 0) {
            cluster.moveLeader('orders', random.integer(PARTITIONS), 1 + random.integer(2))
          }
          if (random.integer(100) === 0) world.process('client').blockLoop(random.integer(3000))
          if (random.integer(100) === 0) world.network.reset('client', 'broker-1')
        }
        await world.sleep(2000)
        isCalm = true
        await Promise.all(sent)
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const expected = range(0, RECORDS).filter((_, at) => at % PARTITIONS === partition)
          assert.deepEqual(cluster.values('orders', partition), expected, `seed ${seed}`)
        }
        assert.equal(producer.bufferedBytes, 0)
      },
      {},
      seed,
    ).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
  }
})

test('records that run out of time end, and what is acknowledged is there once, in order', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    await play(
      async ({ world, cluster, kafka }) => {
        cluster.createTopic('orders', 1)
        const { random } = world.process('director').environment
        const producer = kafka.producer({
          batchSize: 200,
          requestTimeoutMs: 1000,
          deliveryTimeoutMs: 1500,
        })
        const oneIn = 2 + random.integer(3)
        cluster.fault = ({ api }) =>
          api === 'Produce' && random.integer(oneIn) === 0
            ? FAULTS[random.integer(FAULTS.length)]
            : undefined
        const results: Promise<string>[] = []
        for (const value of range(0, RECORDS)) {
          results.push(
            producer.send('orders', { value }).then(
              () => 'acknowledged',
              (error: { outcome?: string }) => error.outcome ?? 'none',
            ),
          )
          if (random.integer(5) === 0) await world.sleep(random.integer(100))
        }
        const outcomes = await Promise.all(results)
        cluster.fault = () => undefined
        await world.sleep(10_000)
        const values = cluster.values('orders')
        assert.equal(new Set(values).size, values.length, `seed ${seed}: doubled`)
        const numbers = values.map(Number)
        const acknowledged = numbers.filter((at) => outcomes[at] === 'acknowledged')
        assert.deepEqual(
          acknowledged,
          [...acknowledged].sort((a, b) => a - b),
          `seed ${seed}: out of order`,
        )
        for (const [at, outcome] of outcomes.entries()) {
          const isThere = values.includes(String(at))
          if (outcome === 'acknowledged') assert.ok(isThere, `seed ${seed}: ${at} is lost`)
          if (outcome === 'notWritten') assert.ok(!isThere, `seed ${seed}: ${at} is written`)
          assert.notEqual(outcome, 'none')
        }
      },
      {},
      seed,
    ).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
  }
})
