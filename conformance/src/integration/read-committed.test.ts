/**
 * Our consumer behind somebody's transactions, on the embedded broker and on Apache Kafka: it reads
 * what is committed, waits at what is undecided, and says why it waits (S18).
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { apis } from '@odradek/protocol'
import { RawTransactionalProducer } from '@odradek/simulation'
import type { ClientEvents } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'

function rawProducer(it: Scenario, version: 1 | 2): RawTransactionalProducer {
  return new RawTransactionalProducer(it.client(), {
    transactionalId: it.uniqueName('transaction'),
    version,
    timeoutMs: 600_000,
    now: Date.now,
    sleep,
  })
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (isTrue()) return
    await sleep(50)
  }
  throw new Error(`It never came: ${what}.`)
}

/** Its first write may come before the partition is led. */
async function written(producer: RawTransactionalProducer, topic: string, value: string) {
  for (let tries = 0; tries < 100; tries++) {
    const { errorCode } = await producer.produce(topic, 0, [value])
    if (errorCode === 0) return
    await sleep(50)
  }
  throw new Error(`"${value}" could not be written.`)
}

scenario(
  'interleaved transactions: what is committed comes out, in order, and nothing else',
  async (it) => {
    const topic = await it.topic()
    const producers = [rawProducer(it, 1), rawProducer(it, 2), rawProducer(it, 2)]
    for (const producer of producers) await producer.init()
    const [first, ...others] = producers
    assert.ok(first !== undefined)
    const expected: string[] = []
    for (let round = 0; round < 6; round++) {
      await first.addPartitions(topic, [0])
      for (let n = 0; n < 3; n++) {
        for (const [index, producer] of producers.entries()) {
          const isCommit = (round + index) % 3 !== 0
          await written(producer, topic, `${round}.${index}.${n}`)
          if (isCommit) expected.push(`${round}.${index}.${n}`)
        }
      }
      for (const [index, producer] of producers.entries()) {
        assert.equal((await producer.end((round + index) % 3 !== 0)).errorCode, 0)
      }
      // The next transaction begins once this one has its marker.
      await sleep(300)
    }
    assert.equal(others.length, 2)
    const consumer = it.client().consumer({
      groupId: it.uniqueName('group'),
      topics: [topic],
      startFrom: 'earliest',
      isolationLevel: 'read_committed',
    })
    const seen: string[] = []
    const running = consumer.run(({ value }) => void seen.push(String(value)))
    await until('everything is read', () => seen.length >= expected.length)
    await sleep(300)
    await consumer.close()
    await running
    assert.deepEqual(seen, expected)
  },
)

scenario(
  'S18 a partition behind an open transaction is told as that, and goes on when it is ended',
  async (it) => {
    const topic = await it.topic()
    const producer = rawProducer(it, 2)
    await producer.init()
    await written(producer, topic, 'hanging')
    const kafka = it.client()
    const plain = kafka.producer()
    await plain.send(topic, { value: 'behind', partition: 0 })
    const consumer = kafka.consumer({
      groupId: it.uniqueName('group'),
      topics: [topic],
      startFrom: 'earliest',
      isolationLevel: 'read_committed',
      progressTimeoutMs: 2000,
    })
    const told: ClientEvents['partitionProgress'][] = []
    consumer.on('partitionProgress', (event) => void told.push(event))
    const seen: string[] = []
    const running = consumer.run(({ value }) => void seen.push(String(value)))
    await until('the watchdog speaks', () => told.length > 0)
    assert.deepEqual(
      told.map(({ status, action }) => [status, action]),
      [['hangingTransaction', null]],
    )
    assert.deepEqual(seen, [])
    // What an administrator does: who is it, and away with it.
    const { topics } = await kafka.request(
      apis.DescribeProducers,
      { topics: [{ name: topic, partitionIndexes: [0] }] },
      { returnErrors: true, nodeId: 1 },
    )
    const active = topics[0]?.partitions[0]?.activeProducers ?? []
    const [hanging] = active.filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0)
    assert.equal(hanging?.producerId, producer.producerId)
    await kafka.request(
      apis.WriteTxnMarkers,
      {
        markers: [
          {
            producerId: hanging?.producerId ?? -1n,
            producerEpoch: hanging?.producerEpoch ?? -1,
            transactionResult: false,
            coordinatorEpoch: 0,
            topics: [{ name: topic, partitionIndexes: [0] }],
          },
        ],
      },
      { returnErrors: true, nodeId: 1, maxVersion: 1 },
    )
    await until('it goes on', () => seen.length > 0)
    assert.deepEqual(seen, ['behind'])
    await consumer.close()
    await running
  },
)
