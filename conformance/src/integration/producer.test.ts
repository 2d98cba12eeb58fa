/** What is written is in the log, once and in order: read back record by record. */
import assert from 'node:assert/strict'
import { apis, loadCodecs, readRecordBatches } from '@odradek/protocol'
import type { Kafka } from 'odradek'
import { json, string, topic as typed } from 'odradek'
import { ownKafkaScenario, type Scenario, scenario } from './clusters.ts'

interface Read {
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | undefined])[]
  readonly offset: number
}

/** Everything in a partition, by plain fetch requests. */
async function readBack(kafka: Kafka, topic: string, partition = 0): Promise<readonly Read[]> {
  await loadCodecs()
  await using admin = kafka.admin()
  const described = (await admin.describeTopics([topic])).get(topic)
  const leader = described?.partitions[partition]?.leader ?? -1
  const end = (await admin.listOffsets({ [topic]: { [partition]: 'latest' } })).get(topic)
  const records: Read[] = []
  for (let offset = 0; offset < (end?.[0]?.offset ?? 0); ) {
    const response = await kafka.request(
      apis.Fetch,
      (version) => ({
        replicaId: -1,
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 10_000_000,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            ...(version > 12 ? { topicId: described?.topicId } : { topic }),
            partitions: [
              { partition, fetchOffset: offset, logStartOffset: -1, partitionMaxBytes: 10_000_000 },
            ],
          },
        ],
        forgottenTopicsData: [],
        rackId: '',
      }),
      { returnErrors: true, nodeId: leader },
    )
    const [one] = response.responses[0]?.partitions ?? []
    assert.equal(one?.errorCode, 0)
    for (const batch of readRecordBatches(one.records ?? Buffer.alloc(0))) {
      const cursor = batch.records()
      while (cursor.next()) {
        records.push({
          key: cursor.key?.toString() ?? null,
          value: cursor.value?.toString() ?? null,
          headers: [...cursor.headers].map(({ key, value }) => [key, value?.toString()]),
          offset: cursor.offset,
        })
      }
      offset = batch.lastOffset + 1
    }
  }
  return records
}

const range = (to: number) => Array.from({ length: to }, (_, at) => String(at))

scenario('records arrive as they were given, and receipts are true', async (it) => {
  const kafka = it.client()
  const topic = await it.topic(1)
  await using producer = kafka.producer()
  const receipts = await producer.send(topic, [
    { key: 'k', value: 'v', headers: { a: '1', __proto__: null, b: Buffer.from('2') } },
    { value: null },
    {
      key: Buffer.from('ü'),
      value: '',
      headers: [
        ['twice', 'x'],
        ['twice', null],
      ],
    },
    { value: 'x'.repeat(500_000) },
  ])
  assert.deepEqual(
    receipts.map(({ offset }) => offset),
    [0, 1, 2, 3],
  )
  const read = await readBack(kafka, topic)
  assert.deepEqual(
    read.map(({ key, value, headers }) => [key, value?.slice(0, 5) ?? null, headers]),
    [
      [
        'k',
        'v',
        [
          ['a', '1'],
          ['b', '2'],
        ],
      ],
      [null, null, []],
      [
        'ü',
        '',
        [
          ['twice', 'x'],
          ['twice', undefined],
        ],
      ],
      [null, 'xxxxx', []],
    ],
  )
})

scenario('every codec', async (it) => {
  const kafka = it.client()
  for (const compressionType of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const topic = await it.topic(1)
    await using producer = kafka.producer({ compressionType, batchSize: 2000 })
    await producer.send(
      topic,
      range(1000).map((value) => ({ value })),
    )
    const read = await readBack(kafka, topic)
    assert.deepEqual(
      read.map(({ value }) => value),
      range(1000),
      compressionType,
    )
  }
})

scenario('writes, single sends and calls of many, over all partitions', async (it) => {
  const kafka = it.client()
  const topic = await it.topic(4)
  await using producer = kafka.producer()
  const sent: Promise<unknown>[] = []
  for (const [at, value] of range(20_000).entries()) {
    if (at % 3 === 0) {
      if (!producer.write(topic, { key: value, value })) await producer.drained()
    } else if (at % 3 === 1) sent.push(producer.send(topic, { key: value, value }))
    else sent.push(producer.send(topic, [{ key: value, value }]))
  }
  await Promise.all(sent)
  await producer.flush()
  const all = (await Promise.all([0, 1, 2, 3].map((at) => readBack(kafka, topic, at)))).flat()
  const values = all.map(({ value }) => Number(value)).sort((a, b) => a - b)
  assert.deepEqual(values, range(20_000).map(Number))
})

scenario('a typed topic is written through its serdes', async (it) => {
  const kafka = it.client()
  const name = await it.topic(1)
  const orders = typed(name, { key: string, value: json<{ total: number }>() })
  await using producer = kafka.producer()
  await producer.send(orders, { key: 'o-1', value: { total: 3 } })
  const [read] = await readBack(kafka, name)
  assert.deepEqual([read?.key, read?.value], ['o-1', '{"total":3}'])
})

scenario('acks 1 and 0', async (it) => {
  const kafka = it.client()
  const topic = await it.topic(1)
  await using one = kafka.producer({ acks: 1 })
  assert.equal((await one.send(topic, { value: 'a' })).offset, 0)
  const none = kafka.producer({ acks: 0 })
  assert.equal((await none.send(topic, { value: 'b' })).offset, null)
  await none.close()
  await eventually(async () => (await readBack(kafka, topic)).length === 2)
})

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await check()); tries++) {
    assert.ok(tries < 100, 'it did not come true')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

scenario('a record that the topic refuses fails alone', async (it) => {
  const kafka = it.client()
  const topic = await it.topic(1, { 'max.message.bytes': 2000 })
  await using producer = kafka.producer()
  const sent = range(100).map((value) =>
    producer.send(topic, { value: value === '50' ? 'x'.repeat(5000) : value }),
  )
  await assert.rejects(sent[50] as Promise<unknown>, {
    code: 'MESSAGE_TOO_LARGE',
    outcome: 'notWritten',
  })
  await Promise.all(sent.filter((_, at) => at !== 50))
  const read = await readBack(kafka, topic)
  assert.deepEqual(
    read.map(({ value }) => value),
    range(100).filter((value) => value !== '50'),
  )
})

scenario('a topic that is deleted and created again takes what follows', async (it) => {
  const kafka = it.client()
  await using admin = kafka.admin()
  const topic = await it.topic(1)
  await using producer = kafka.producer()
  await producer.send(topic, { value: 'old' })
  await admin.deleteTopics([topic])
  await admin.createTopics({ [topic]: { partitions: 1 } })
  await producer.send(topic, { value: 'new' })
  assert.deepEqual(
    (await readBack(kafka, topic)).map(({ value }) => value),
    ['new'],
  )
})

/** Sends numbers without a pause until `during` is over, and expects each once and in order. */
async function onceAndInOrder(it: Scenario, during: () => Promise<void>): Promise<void> {
  const kafka = it.client()
  const topic = await it.topic(2)
  await using producer = kafka.producer({ requestTimeoutMs: 3000, deliveryTimeoutMs: 100_000 })
  const sent: Promise<unknown>[] = []
  const over = new AbortController()
  let count = 0
  const sending = (async () => {
    for (; !over.signal.aborted; count++) {
      sent.push(producer.send(topic, { value: String(count), partition: count % 2 }))
      if (count % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  await during()
  over.abort()
  await sending
  await Promise.all(sent)
  for (const partition of [0, 1]) {
    const read = await readBack(kafka, topic, partition)
    assert.deepEqual(
      read.map(({ value }) => value),
      range(count).filter((value) => Number(value) % 2 === partition),
    )
  }
}

ownKafkaScenario(
  'the only broker is killed and comes back, twice: nothing lost, doubled or out of order',
  {},
  async (it, kafka) =>
    onceAndInOrder(it, async () => {
      const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
      for (let round = 0; round < 2; round++) {
        await pause(500)
        await kafka.kill(1)
        await pause(500)
        await kafka.restart(1)
      }
      kafka.pause(1)
      await pause(4000)
      kafka.resume(1)
      await pause(1000)
    }),
  { timeoutMs: 180_000 },
)
