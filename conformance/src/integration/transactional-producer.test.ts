/** Transactions: all of it or nothing, with the offsets of what was consumed. */
import assert from 'node:assert/strict'
import { type Consumer, UsageError } from 'odradek'
import { ownKafkaScenario, type Scenario, type ScenarioBody, scenario } from './clusters.ts'
import { take } from './numbered.test-kit.ts'

/** After that a coordinator has aborted what outlived its timeout: it looks once a second. */
const TIMED_OUT_BY_NOW_MS = 2500

/** Blocks the loop of this process, and with it the client; a real broker continues. */
function blockLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const inBothProtocols = new Map<string, ScenarioBody>()

/** In the newest protocol, and at the end in the one before, on a Kafka of its own. */
function bothScenarios(name: string, body: ScenarioBody): void {
  scenario(name, body)
  inBothProtocols.set(name, body)
}

/** What readers with read_committed see of a topic from its beginning, up to `count` records. */
async function committed(it: Scenario, topic: string, count: number): Promise<readonly string[]> {
  await using consumer = it.client().consumer({
    partitions: [{ topic, partition: 0 }],
    startFrom: 'earliest',
    isolationLevel: 'read_committed',
  })
  return await take(consumer, count)
}

async function offsetsOf(it: Scenario, groupId: string, topic: string): Promise<number | null> {
  await using consumer = it.client().consumer({
    groupId,
    topics: [topic],
    startFrom: 'earliest',
  })
  const [offset] = await consumer.committed([{ topic, partition: 0 }])
  return offset ?? null
}

bothScenarios('transactions are seen whole, aborted ones not at all', async (it) => {
  const topic = await it.topic()
  const producer = it.client().producer({ transactionalId: it.uniqueName('t') })
  const result = await producer.transaction(async (tx) => {
    const { offset } = await tx.send(topic, { value: 'a' })
    assert.equal(offset, 0)
    tx.write(topic, { value: 'b' })
    // Not awaited: the commit waits for it.
    void tx.send(topic, [{ value: 'c' }, { value: 'd' }])
    return 'done'
  })
  assert.equal(result, 'done')
  const mine = new Error('no')
  await assert.rejects(
    producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'never' })
      throw mine
    }),
    mine,
  )
  // Nothing was written: nothing is to be ended.
  assert.equal(await producer.transaction(() => 7), 7)
  for (let at = 0; at < 20; at++) {
    await producer.transaction((tx) => void tx.write(topic, { value: String(at) }))
  }
  await producer.close()
  const expected = ['a', 'b', 'c', 'd', ...Array.from({ length: 20 }, (_, at) => String(at))]
  assert.deepEqual(await committed(it, topic, expected.length), expected)
})

bothScenarios('S36 what is consumed is committed with what is produced, or not', async (it) => {
  const from = await it.topic()
  const to = await it.topic()
  const groupId = it.uniqueName('g')
  const kafka = it.client()
  await using source = kafka.producer()
  await source.send(
    from,
    Array.from({ length: 10 }, (_, at) => ({ value: String(at) })),
  )
  const producer = kafka.producer({ transactionalId: it.uniqueName('t') })
  const options = { groupId, topics: [from], startFrom: 'earliest', transactional: true } as const
  {
    await using consumer = kafka.consumer(options)
    let failures = 0
    const seen: string[] = []
    for await (const record of consumer) {
      const value = String(record.value)
      seen.push(value)
      try {
        await producer.transaction(async (tx) => {
          tx.consume(record)
          await tx.send(to, { value })
          if (value === '3' && failures++ < 2) throw new Error('not yet')
        })
      } catch {
        // It is delivered again.
        continue
      }
      if (value === '4') break
    }
    assert.deepEqual(seen, ['0', '1', '2', '3', '3', '3', '4'])
  }
  assert.equal(await offsetsOf(it, groupId, from), 5)
  {
    await using consumer = kafka.consumer(options)
    let count = 0
    for await (const batch of consumer.batches()) {
      const sent = producer.transaction(async (tx) => {
        for (const record of batch) {
          tx.write(to, { value: record.value })
          count++
        }
        tx.consume(batch)
        if (count <= 5) throw new Error('not yet')
      })
      await sent.catch(() => undefined)
      if (count === 10) break
    }
  }
  await producer.close()
  assert.equal(await offsetsOf(it, groupId, from), 10)
  const expected = Array.from({ length: 10 }, (_, at) => String(at))
  assert.deepEqual(await committed(it, to, 10), expected)
})

bothScenarios('a producer whose id another one took is fenced, and says so', async (it) => {
  const topic = await it.topic()
  const transactionalId = it.uniqueName('t')
  const first = it.client().producer({ transactionalId })
  await first.transaction((tx) => tx.send(topic, { value: '1' }))
  const second = it.client().producer({ transactionalId })
  const fenced = first.transaction(async (tx) => {
    await tx.send(topic, { value: 'lost' })
    await second.transaction((own) => own.send(topic, { value: '2' }))
    await tx.send(topic, { value: 'lost, too' })
  })
  await assert.rejects(fenced, (error: Error & { code: string }) =>
    ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'].includes(error.code),
  )
  await assert.rejects(
    first.transaction((tx) => tx.send(topic, { value: 'again' })),
    /fenced|epoch|over/i,
  )
  await second.transaction((tx) => tx.send(topic, { value: '3' }))
  assert.deepEqual(await committed(it, topic, 3), ['1', '2', '3'])
  await first.close()
  await second.close()
})

scenario('a transaction that takes too long is aborted, and the next one works', async (it) => {
  const topic = await it.topic()
  const options = { transactionalId: it.uniqueName('t'), transactionTimeoutMs: 500 }
  await using producer = it.client().producer(options)
  const late = producer.transaction(async (tx) => {
    await tx.send(topic, { value: 'late' })
    await new Promise((resolve) => tx.signal.addEventListener('abort', resolve))
    await tx.send(topic, { value: 'later' })
  })
  await assert.rejects(late, { code: 'TIMED_OUT', outcome: 'notWritten' })
  await producer.transaction((tx) => tx.send(topic, { value: 'in time' }))
  assert.deepEqual(await committed(it, topic, 1), ['in time'])
})

bothScenarios(
  'a transaction that its coordinator timed out does not end its producer',
  async (it) => {
    const topic = await it.topic()
    const other = await it.topic()
    const options = { transactionalId: it.uniqueName('t'), transactionTimeoutMs: 300 }
    await using producer = it.client().producer(options)
    await producer.transaction((tx) => tx.send(topic, { value: '1' }))
    // A blocked loop: the timer of the client cannot fire before the coordinator's.
    const late = { code: 'TIMED_OUT', outcome: 'notWritten' }
    const committing = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'late' })
      blockLoop(TIMED_OUT_BY_NOW_MS)
    })
    await assert.rejects(committing, late)
    await producer.transaction((tx) => tx.send(topic, { value: '2' }))
    for (const to of [topic, other]) {
      const writing = producer.transaction(async (tx) => {
        await tx.send(topic, { value: 'late' })
        blockLoop(TIMED_OUT_BY_NOW_MS)
        await tx.send(to, { value: 'later' })
      })
      await assert.rejects(writing, late)
      await producer.transaction((tx) => tx.send(topic, { value: `after ${to}` }))
    }
    // The next one that fails is aborted as ever, and a successor still fences.
    const mine = new Error('no')
    const failing = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'never' })
      throw mine
    })
    await assert.rejects(failing, mine)
    await using successor = it.client().producer(options)
    await successor.transaction((tx) => tx.send(topic, { value: '3' }))
    await assert.rejects(producer.transaction((tx) => tx.send(topic, { value: 'fenced' })))
    await assert.rejects(
      producer.transaction((tx) => tx.send(topic, { value: 'fenced' })),
      /is over/,
    )
    await successor.transaction((tx) => tx.send(topic, { value: '4' }))
    const expected = ['1', '2', `after ${topic}`, `after ${other}`, '3', '4']
    assert.deepEqual(await committed(it, topic, expected.length), expected)
  },
)

bothScenarios(
  'a transaction that timed out before anything was sent does not end its producer',
  async (it) => {
    const topic = await it.topic()
    const options = { transactionalId: it.uniqueName('t'), transactionTimeoutMs: 400 }
    await using producer = it.client().producer(options)
    for (const value of ['1', '2']) {
      // The topic does not exist: nothing is sent.
      const late = producer.transaction((tx) =>
        tx.send(it.uniqueName('missing'), { value: 'late' }),
      )
      await assert.rejects(late, { outcome: 'notWritten' })
      await producer.transaction((tx) => tx.send(topic, { value }))
    }
    assert.deepEqual(await committed(it, topic, 2), ['1', '2'])
  },
)

scenario('wrong use of transactions is refused with a sentence', async (it) => {
  const topic = await it.topic()
  const kafka = it.client()
  await using plain = kafka.producer()
  await assert.rejects(
    plain.transaction(() => undefined),
    /needs? a name|transactionalId/,
  )
  await using producer = kafka.producer({ transactionalId: it.uniqueName('t') })
  await assert.rejects(producer.send(topic, { value: 'x' }), { code: 'NO_TRANSACTION' })
  assert.throws(() => producer.write(topic, { value: 'x' }), { code: 'NO_TRANSACTION' })
  await producer.transaction(async (tx) => {
    await assert.rejects(
      producer.transaction(() => undefined),
      {
        code: 'TRANSACTION_UNDER_WAY',
      },
    )
    assert.throws(() => tx.consume({} as never), UsageError)
    await tx.send(topic, { value: 'fine' })
  })
  let kept: { send(topic: string, record: object): Promise<unknown> } | undefined
  await producer.transaction((tx) => {
    kept = tx as never
  })
  await assert.rejects(kept?.send(topic, { value: 'x' }) ?? Promise.resolve(), {
    code: 'TRANSACTION_OVER',
  })
  const group = { groupId: it.uniqueName('g'), topics: [topic], startFrom: 'earliest' } as const
  await using consumer: Consumer = kafka.consumer(group)
  for await (const record of consumer) {
    await assert.rejects(
      producer.transaction((tx) => tx.consume(record)),
      /transactional: true/,
    )
    break
  }
  assert.throws(() => kafka.producer({ transactionalId: 'x', acks: 1 }), UsageError)
  assert.throws(() => kafka.consumer({ ...group, transactional: true, enableAutoCommit: true }))
  await using own = kafka.consumer({ ...group, transactional: true })
  await assert.rejects(own.commit(), /transactional/)
})

const OLDER = { features: ['transaction.version=1'] }
for (const cluster of [{ version: '3.9.2' }, OLDER]) {
  ownKafkaScenario('transactions in the older protocol', cluster, async (it) => {
    for (const [name, body] of inBothProtocols) {
      await body(it).catch((cause: unknown) => {
        throw new Error(name, { cause })
      })
    }
  })
}
