/**
 * What is committed, and when, under manual commits and in transactions (S41, S42, S44): on both
 * brokers, and in groups of both protocols.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { RawTransactionalProducer } from '@odradek/simulation'
import type { Consumer, ConsumerOptions, ConsumerRecord, Kafka } from 'odradek'
import { type Scenario, scenario } from './clusters.ts'

const RECORDS = 40
const TIMEOUT_MS = 30_000

interface Setup {
  readonly kafka: Kafka
  readonly topic: string
  readonly groupId: string
  /** A member of the group that commits by itself. */
  readonly consumer: (
    options?: Pick<ConsumerOptions, 'enableAutoCommit' | 'transactional'>,
  ) => Consumer
  readonly committed: (partition?: number) => Promise<number | undefined>
}

for (const groupProtocol of ['classic', 'consumer'] as const) {
  async function setUp(it: Scenario, partitions = 1): Promise<Setup> {
    const kafka = it.client()
    const [topic, groupId] = [await it.topic(partitions), it.uniqueName('group')]
    const admin = kafka.admin()
    await using producer = it.client().producer()
    for (let partition = 0; partition < partitions; partition++) {
      const records = Array.from({ length: RECORDS }, (_, at) => ({ value: `${at}`, partition }))
      await producer.send(topic, records)
    }
    return {
      ...{ kafka, topic, groupId },
      consumer: (options = {}) =>
        it.client().consumer({
          ...{ groupId, topics: [topic], startFrom: 'earliest', groupProtocol },
          ...{ enableAutoCommit: false, fetchMaxWaitMs: 200, ...options },
        }),
      committed: async (partition = 0) => {
        const found = (await admin.committedOffsets(groupId)).get(topic) ?? []
        return found.find((one) => one.partition === partition)?.offset ?? undefined
      },
    }
  }

  scenario(
    `S41 records that a program did not commit are delivered again after a revocation and a close (${groupProtocol})`,
    async (it) => {
      const { consumer, committed } = await setUp(it, 2)
      const first = consumer()
      const seen = new Set<string>()
      const reading = collect(first, seen)
      await until('all is read', () => seen.size === 2 * RECORDS)
      const second = consumer()
      const again = new Set<string>()
      const readingToo = collect(second, again)
      await until('half is read again', () => again.size === RECORDS)
      assert.deepEqual([await committed(0), await committed(1)], [undefined, undefined])
      await Promise.all([first.close(), second.close(), reading, readingToo])
      assert.deepEqual([await committed(0), await committed(1)], [undefined, undefined])
      const third = consumer()
      assert.equal((await take(third, 2 * RECORDS)).length, 2 * RECORDS)
      await third.close()
    },
  )

  scenario(`S41 a seek is committed when the program commits (${groupProtocol})`, async (it) => {
    const { consumer, committed, topic } = await setUp(it)
    const member = consumer()
    await take(member, 10)
    await member.commitOffsets([{ topic, partition: 0, offset: 4 }])
    assert.equal(await committed(), 4)
    member.seek({ topic, partition: 0, offset: 30 })
    assert.equal((await take(member, 2))[0]?.offset, 30)
    assert.equal(await committed(), 4)
    await member.commit()
    assert.equal(await committed(), 31)
    member.seek({ topic, partition: 0, offset: 5 })
    await member.close()
    assert.equal(await committed(), 31)
  })

  for (const enableAutoCommit of [true, false]) {
    const mode = `${groupProtocol}, ${enableAutoCommit ? 'automatic' : 'manual'} commits`
    scenario(`S42 close does not take back what another tool committed (${mode})`, async (it) => {
      const { kafka, consumer, committed, topic, groupId } = await setUp(it)
      const member = consumer({ enableAutoCommit })
      const reading = take(member, 1)
      await reading
      await commitFromOutside(kafka, it.uniqueName('tool'), { groupId, topic, offset: 38 })
      await until('the tool has committed', async () => (await committed()) === 38)
      await member.close()
      assert.equal(await committed(), 38)
      const next = consumer()
      assert.equal((await take(next, 1))[0]?.offset, 38)
      await next.close()
    })
  }

  scenario(`S44 a transaction that consumes half a batch aborts (${groupProtocol})`, async (it) => {
    const { kafka, consumer, committed } = await setUp(it)
    const copies = await it.topic()
    const member = consumer({ transactional: true })
    const producer = kafka.producer({ transactionalId: it.uniqueName('copier') })
    let refused: unknown
    let end = 0
    for await (const batch of member.batches()) {
      const transaction = producer.transaction(async (tx) => {
        for (const { value, offset } of batch) {
          await tx.send(copies, { value })
          if (offset === 3 && refused === undefined) break
          end = offset + 1
        }
        tx.consume(batch)
      })
      await transaction.catch((error: unknown) => {
        refused ??= error
      })
      if (end === RECORDS) break
    }
    // Offsets show when the markers of the transaction are written.
    await until('all is committed', async () => (await committed()) === RECORDS)
    assert.match(String(refused), /a batch of \S+-0 that was not iterated to its end/)
    await member.close()
    const reader = it.client().consumer({
      ...{ partitions: [{ topic: copies, partition: 0 }], startFrom: 'earliest' },
      isolationLevel: 'read_committed',
    })
    const values = (await take(reader, RECORDS)).map(({ value }) => String(value))
    assert.deepEqual(
      values,
      Array.from({ length: RECORDS }, (_, at) => `${at}`),
    )
    await reader.close()
  })
}

async function collect(consumer: Consumer, seen: Set<string>): Promise<void> {
  for await (const { partition, offset } of consumer) seen.add(`${partition}:${offset}`)
}

/** Reads this many records in a loop and leaves it: all but the last are processed. */
async function take(consumer: Consumer, count: number): Promise<readonly ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of consumer) {
    if (records.push(record) === count) break
  }
  return records
}

/** A client that is no member commits for the group, in a transaction. */
async function commitFromOutside(
  kafka: Kafka,
  transactionalId: string,
  { groupId, topic, offset }: Readonly<Record<'groupId' | 'topic', string>> & { offset: number },
): Promise<void> {
  const producer = new RawTransactionalProducer(kafka, {
    ...{ transactionalId, version: 2, now: Date.now, sleep },
  })
  await producer.init()
  await producer.addOffsets(groupId)
  await producer.commitOffset(groupId, { topic, partition: 0, offset })
  await producer.end(true)
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + TIMEOUT_MS; !(await isSo()); await sleep(50)) {
    assert.ok(Date.now() < end, `it did not come about: ${what}`)
  }
}
