/** Habits of other clients, and small mistakes: each is refused with what to write in its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { ADMIN_CALL_OPTIONS, LIST_GROUPS_OPTIONS } from '../admin/admin-call-options.ts'
import { LIST_OFFSETS_OPTIONS, LIST_TOPICS_OPTIONS } from '../admin/admin-call-options.ts'
import { NEW_TOPIC_OPTIONS } from '../admin/admin-call-options.ts'
import * as consumerCalls from '../consumer/options/consumer-call-options.ts'
import { CONSUMER_OPTIONS } from '../consumer/options/consumer-options.ts'
import { ERROR_POLICY_OPTIONS, RUN_OPTIONS } from '../consumer/options/run-options.ts'
import { SHARE_CONSUMER_OPTIONS } from '../share-consumer/share-consumer-options.ts'
import * as shareRuns from '../share-consumer/share-run-options.ts'
import { warnUnheard } from '../events/warn-unheard.ts'
import { Headers } from '../index.ts'
import { Kafka } from '../kafka.ts'
import {
  PRODUCER_OPTIONS,
  SEND_OPTIONS,
  TRANSACTION_OPTIONS,
} from '../producer/producer-options.ts'
import { TOPIC_OPTIONS } from '../serdes/topic-options.ts'
import { Transaction } from '../producer/transactions/transaction.ts'
import { CLOSE_ON_SIGNAL_OPTIONS, CLOSE_OPTIONS, REQUEST_OPTIONS } from './call-options.ts'
import { CLIENT_OPTIONS } from './client-options.ts'
import * as foreign from './foreign-names.ts'
import { type OptionRow, parseOptions } from './option-table.ts'

const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const GROUP = { groupId: 'g', topics: ['t'], startFrom: 'earliest' } as const

// oxlint-disable-next-line typescript/no-explicit-any -- what TypeScript would refuse is tried.
const untyped = (value: unknown): any => value

test('null is refused for every option of every table, with how to leave it out', () => {
  const tables: Readonly<Record<string, readonly OptionRow[]>> = {
    CLIENT_OPTIONS,
    PRODUCER_OPTIONS,
    SEND_OPTIONS,
    TRANSACTION_OPTIONS,
    CONSUMER_OPTIONS,
    RUN_OPTIONS,
    ERROR_POLICY_OPTIONS,
    SHARE_CONSUMER_OPTIONS,
    TOPIC_OPTIONS,
    ADMIN_CALL_OPTIONS,
    LIST_GROUPS_OPTIONS,
    LIST_OFFSETS_OPTIONS,
    LIST_TOPICS_OPTIONS,
    NEW_TOPIC_OPTIONS,
    CLOSE_OPTIONS,
    CLOSE_ON_SIGNAL_OPTIONS,
    REQUEST_OPTIONS,
    ...tablesOf(consumerCalls),
    ...tablesOf(shareRuns),
  }
  let count = 0
  for (const [name, table] of Object.entries(tables)) {
    for (const row of table) {
      count++
      assert.throws(
        () => parseOptions(table, { [row.name]: null }, name),
        {
          message:
            `The option "${row.name}" of ${name} is null. ` +
            (row.isRequired === true
              ? `It must be given: ${row.text}`
              : 'Leave it out (or give undefined) for its default.'),
        },
        `${name} ${row.name}`,
      )
    }
  }
  assert.ok(count > 100, `${count} options`)
})

function tablesOf(module: object): Record<string, readonly OptionRow[]> {
  const all: Readonly<Record<string, unknown>> = { ...module }
  const isTable = (value: unknown): boolean => Array.isArray(value)
  return Object.fromEntries(Object.entries(all).filter(([, value]) => isTable(value))) as Record<
    string,
    readonly OptionRow[]
  >
}

test('methods of other clients say what to call instead', () => {
  const parts: readonly (readonly [unknown, foreign.ForeignNames])[] = [
    [kafka, foreign.KAFKA_NAMES],
    [kafka.producer(), foreign.PRODUCER_NAMES],
    [kafka.consumer(GROUP), foreign.CONSUMER_NAMES],
    [Transaction.prototype, foreign.TRANSACTION_NAMES],
    [kafka.admin(), foreign.ADMIN_NAMES],
    [kafka.shareConsumer({ groupId: 'g', topics: ['t'] }), foreign.SHARE_CONSUMER_NAMES],
  ]
  for (const [part, names] of parts) {
    for (const [name, instead] of Object.entries(names)) {
      assert.throws(
        () => untyped(part)[name](),
        (error: Error & { code: string }) => {
          return error.code === 'USAGE' && error.message.endsWith(`does not exist: ${instead}`)
        },
      )
      assert.equal(Object.keys(part as object).includes(name), false)
    }
  }
  assert.throws(() => untyped(kafka).connect(), {
    message:
      'kafka.connect(...) does not exist: there is nothing to connect; the first use connects.',
  })
})

test('common mistakes are refused with what to write', async () => {
  assert.throws(() => kafka.producer(untyped({ compressionType: 'GZIP' })), {
    message: /it is "GZIP"\. Write "gzip"\.$/,
  })
  assert.throws(() => kafka.consumer(untyped({ ...GROUP, topics: 't' })), {
    message: /it is "t"\. Write topics: \["t"\]\.$/,
  })
  assert.throws(() => kafka.consumer(GROUP).subscribe(untyped('t')), {
    message: /Write subscribe\(\["t"\]\)\.$/,
  })
  assert.throws(() => kafka.on(untyped('error'), () => undefined), {
    message: /There is no event "error"\. Errors reject the call that they are of/,
  })
  await assert.rejects(
    kafka.admin().createTopics(untyped({ topics: [{ topic: 'orders' }] })),
    /write createTopics\(\{ orders: \{ partitions: 6 \} \}\), not \{ topics: \[\.\.\.\] \}/,
  )
})

test('a short session has a heartbeat of a third of it, unless one is given', () => {
  const heartbeatOf = (options: object): number =>
    kafka.consumer({ ...GROUP, ...options }).effectiveOptions.heartbeatIntervalMs
  assert.equal(heartbeatOf({}), 3000)
  assert.equal(heartbeatOf({ sessionTimeoutMs: 6000 }), 2000)
  assert.equal(heartbeatOf({ sessionTimeoutMs: 60_000 }), 3000)
  assert.equal(heartbeatOf({ sessionTimeoutMs: 6000, heartbeatIntervalMs: 500 }), 500)
  assert.throws(
    () => heartbeatOf({ sessionTimeoutMs: 6000, heartbeatIntervalMs: 3000 }),
    /"heartbeatIntervalMs" \(3000\) of kafka\.consumer\(\.\.\.\) must be at most a third/,
  )
})

test('nothing can be made from a closed Kafka', async () => {
  const closed = new Kafka({ bootstrapServers: 'localhost:1' })
  await closed.close()
  for (const make of [
    () => closed.producer(),
    () => closed.consumer(GROUP),
    () => closed.shareConsumer({ groupId: 'g', topics: ['t'] }),
    () => closed.admin(),
  ]) {
    assert.throws(make, { code: 'CLOSED', message: /^This Kafka is closed: make a new one/ })
  }
})

test('headers are exported, and printed as what they are', () => {
  const headers = new Headers([
    { key: 'trace', value: Buffer.from('abc') },
    { key: 'none', value: null },
  ])
  assert.equal(inspect(headers), "Headers { 'trace' => 'abc', 'none' => null }")
  assert.equal(JSON.stringify(headers), '[["trace","abc"],["none",null]]')
})

test('a warning of the process is one line', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  warnUnheard('stalled', {
    operation: 'joining',
    message: 'joining',
    error: new Error('first\n  second'),
  })
  const { name, message } = await warned
  assert.equal(name, 'OdradekWarning')
  assert.equal(message, 'Joining: first second (event: stalled)')
})
