/** Options of other clients are refused with what to write in this one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONSUMER_OPTIONS } from '../consumer/options/consumer-options.ts'
import { RUN_OPTIONS } from '../consumer/options/run-options.ts'
import { SHARE_CONSUMER_OPTIONS } from '../share-consumer/share-consumer-options.ts'
import { Kafka } from '../kafka.ts'
import { PRODUCER_OPTIONS, SEND_OPTIONS } from '../producer/producer-options.ts'
import { CLIENT_OPTIONS } from './client-options.ts'
import { FOREIGN_OPTIONS } from './foreign-options.ts'
import { type OptionRow, parseOptions } from './option-table.ts'

const TABLES: Readonly<Record<string, readonly OptionRow[]>> = {
  'new Kafka(...)': CLIENT_OPTIONS,
  'kafka.consumer(...)': CONSUMER_OPTIONS,
  'kafka.shareConsumer(...)': SHARE_CONSUMER_OPTIONS,
  'kafka.producer(...)': PRODUCER_OPTIONS,
  'consumer.run(...)': RUN_OPTIONS,
  'producer.send(...)': SEND_OPTIONS,
  'tx.send(...)': SEND_OPTIONS,
}

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const GROUP = { groupId: 'g', topics: ['t'], startFrom: 'earliest' } as const

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const untyped = (value: unknown): any => value

test('an option of another client is refused with what to do instead', () => {
  assert.deepEqual(Object.keys(FOREIGN_OPTIONS), Object.keys(TABLES))
  for (const [where, foreign] of Object.entries(FOREIGN_OPTIONS)) {
    const table = TABLES[where] ?? []
    for (const [name, instead] of Object.entries(foreign)) {
      assert.throws(() => parseOptions(table, { [name]: 1 }, where), {
        code: 'USAGE',
        message: `${where} has no option "${name}". ${instead}`,
      })
      const isTwice = table.some((row) => row.name === name || row.alsoCalled?.includes(name))
      assert.equal(isTwice, false, `${where} has "${name}", or calls another option so`)
    }
  }
})

test('an option by the name of Kafka, or of another client, is refused with its name here', () => {
  let count = 0
  for (const [where, table] of Object.entries(TABLES)) {
    for (const { name, kafkaName, alsoCalled = [] } of table) {
      for (const other of [...(kafkaName?.split(', ') ?? []), ...alsoCalled]) {
        if (other === name) continue
        count++
        assert.throws(() => parseOptions(table, { [other]: 1 }, where), {
          message: `${where} has no option "${other}". Did you mean "${name}"?`,
        })
      }
    }
  }
  assert.ok(count > 60, `${count} names`)
})

test('a name that every object has is no option of another client', () => {
  assert.throws(() => kafka.producer(untyped({ toString: 1 })), {
    message: 'kafka.producer(...) has no option "toString".',
  })
})

test('run and subscribe in the way of KafkaJS are refused with what to write', () => {
  const consumer = kafka.consumer(GROUP)
  const handle = async (): Promise<void> => undefined
  assert.throws(() => consumer.run(untyped({ eachMessage: handle })), {
    message: /called with each record\. Write run\(async \(record\) => \{ \.\.\. \}\)\.$/,
  })
  assert.throws(() => consumer.run(untyped({ eachBatch: handle })), {
    message: /Write for await \(const batch of consumer\.batches\(\)\)\.$/,
  })
  assert.throws(() => consumer.run(untyped(undefined)), { message: /called with each record\.$/ })
  assert.throws(() => consumer.subscribe(untyped({ topic: 't', fromBeginning: true })), {
    message: /Write subscribe\(\["t"\]\)\.$/,
  })
  assert.throws(() => consumer.subscribe(untyped({ topics: ['t'] })), {
    message: /Write subscribe\(\[\.\.\.\]\), without "topics"\.$/,
  })
  for (const given of [null, undefined, 5]) {
    assert.throws(() => consumer.subscribe(untyped(given)), { code: 'USAGE' })
  }
})

test('effectiveOptions shows no tokens, and secrets that it does not show are not options', () => {
  const token = () => ({ value: 'secret' })
  const sasl = { mechanism: 'oauthbearer', token } as const
  const { effectiveOptions } = new Kafka({ bootstrapServers: 'localhost:1', sasl })
  const shown = untyped(effectiveOptions.sasl)
  assert.throws(() => shown.token(), { code: 'USAGE', message: /does not show tokens/ })
  assert.throws(() => new Kafka(effectiveOptions), {
    message: /must be what was given to the first client \(kafka\.effectiveOptions shows/,
  })
})
