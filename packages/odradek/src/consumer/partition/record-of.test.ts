/** What TypeScript knows of a record: its topic's name says which of the topics it is of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka } from '../../kafka.ts'
import { json, string } from '../../serdes/serdes.ts'
import { topic } from '../../serdes/topic.ts'
import type { ConsumerRecord } from './consumer-record.ts'
import type { RecordOf } from './record-of.ts'
import type { ShareRecordOf } from '../../share-consumer/share-consumer.ts'
import type { ShareRecord } from '../../share-consumer/share-record.ts'

interface Order {
  readonly total: number
}
interface Payment {
  readonly paid: boolean
}

const orders = topic('orders', { key: string, value: json<Order>(), tombstones: false })
const payments = topic('payments', { value: json<Payment>() })
const kafka = new Kafka({ bootstrapServers: 'localhost:1' })
const GROUP = { groupId: 'g', startFrom: 'earliest' } as const

test('types: record.topic narrows the record of a consumer of several typed topics', () => {
  type One = RecordOf<typeof orders | typeof payments>
  // Compiled, not called: the types are what is tested.
  const read = (record: One): number | boolean | undefined => {
    // @ts-expect-error -- it may be a payment.
    const early: number = record.value?.total
    if (record.topic === 'orders') return record.value.total
    // @ts-expect-error -- it is a payment.
    const wrong: number = record.value?.total
    // @ts-expect-error -- the consumer reads no such topic.
    if (record.topic === 'refunds') return undefined
    return record.value?.paid ?? early === wrong
  }
  const share = (record: ShareRecordOf<typeof orders | typeof payments>): number | undefined =>
    record.topic === 'orders' ? record.value.total : Number(record.value?.paid)
  const detached = (record: One): number | undefined => {
    const copy = record.detach()
    return copy.topic === 'orders' ? copy.value.total : Number(copy.value?.paid)
  }
  assert.equal([read, share, detached].length, 3)
})

test('types: iteration, batches, run and stream of such a consumer give narrowed records', () => {
  const consumer = kafka.consumer({ ...GROUP, topics: [orders, payments] })
  const total = async (): Promise<number> => {
    for await (const record of consumer) if (record.topic === 'orders') return record.value.total
    for await (const batch of consumer.batches()) {
      for (const record of batch) if (record.topic === 'orders') return record.value.total
    }
    await consumer.run((record) => (record.topic === 'orders' ? record.value.total : undefined))
    for await (const record of consumer.stream()) {
      if (record.topic === 'orders') return record.value.total
    }
    return 0
  }
  assert.equal(typeof total, 'function')
})

test('types: a topic by name beside typed ones narrows, too', () => {
  const read = (record: RecordOf<typeof orders | 'raw'>): number =>
    record.topic === 'raw' ? (record.value?.length ?? 0) : record.value.total
  assert.equal(typeof read, 'function')
})

test('types: a consumer of names alone may subscribe to any, and its records are of any', () => {
  const consumer = kafka.consumer({ ...GROUP, topics: ['t'] })
  consumer.subscribe(['t', 'other'])
  const isOther = (record: RecordOf<'t'>): boolean => record.topic === 'other'
  assert.equal(typeof isOther, 'function')
})

test('types: a consumer of typed topics subscribes to those that it was made with', () => {
  const consumer = kafka.consumer({ ...GROUP, topics: [orders, payments] })
  consumer.subscribe([payments])
  // @ts-expect-error -- record.topic would not be what the consumer's types say.
  consumer.subscribe([topic('orders-eu', { key: string, value: json<Order>(), tombstones: false })])
})

test('types: a function for records of a shape may mark, commit and accept them', () => {
  const consumer = kafka.consumer({ ...GROUP, topics: [orders, payments] })
  const share = kafka.shareConsumer({ groupId: 'g', topics: [orders] })
  const calls = [
    (record: ConsumerRecord<string, Order, never>) => consumer.mark(record),
    (record: ConsumerRecord<string, Order, never>) => consumer.commit(record),
    (record: RecordOf<typeof payments>) => consumer.mark(record),
    (record: ShareRecord<string, Order, never>) => share.accept(record),
    // @ts-expect-error -- the consumer delivers no such values.
    (record: ConsumerRecord<string, Date, never>) => consumer.mark(record),
  ]
  assert.equal(calls.length, 5)
})

test('types: topics whose names are known at run time alone are not narrowed', () => {
  const named = (name: string) => topic(name, { value: json<Order>() })
  const consumer = kafka.consumer({ ...GROUP, topics: [named('a'), named('b')] })
  consumer.subscribe([named('c')])
  const read = (record: RecordOf<ReturnType<typeof named>>): string => record.topic
  assert.equal(typeof read, 'function')
})
