import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeValue, type ProducerRecord } from '../producer/record.ts'
import type { RecordOf } from '../consumer/partition/record-of.ts'
import type { ShareRecordOf } from '../share-consumer/share-consumer.ts'
import { json, type Serde, string } from './serdes.ts'
import type { StandardResult, StandardSchema } from './standard-schema.ts'
import { topic } from './topic.ts'

interface Order {
  readonly total: number
}

/**
 * What a validator looks like by https://standardschema.dev: a total, written as text or number.
 */
const orderSchema: StandardSchema<{ total: number | string }, Order> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value): StandardResult<Order> => {
      const total = Number((value as { total?: unknown } | null)?.total)
      return Number.isNaN(total)
        ? { issues: [{ message: 'is no number', path: ['total'] }] }
        : { value: { total } }
    },
  },
}

test('the types of a topic follow its serdes; without tombstones a value is never null', () => {
  const plain = topic('orders', { key: string, value: json<Order>() })
  const full = topic('orders', { value: json<Order>(), tombstones: false })
  // Compiled, not called: the types are what is tested.
  const read = {
    plain: (record: RecordOf<typeof plain>): Order | null => record.value,
    // @ts-expect-error -- a tombstone may come.
    plainWithout: (record: RecordOf<typeof plain>): Order => record.value,
    full: (record: RecordOf<typeof full>): Order => record.value,
    shared: (record: ShareRecordOf<typeof full>): Order => record.value,
    raw: (record: RecordOf<'orders'>): Buffer | null => record.value,
    // @ts-expect-error -- a tombstone may come.
    rawWithout: (record: RecordOf<'orders'>): Buffer => record.value,
  }
  assert.equal(Object.keys(read).length, 6)
  const record: ProducerRecord<string, Order, false> = { value: { total: 1 } }
  // @ts-expect-error -- there are no tombstones in it.
  const tombstone: ProducerRecord<string, Order, false> = { value: null }
  assert.deepEqual([record, tombstone], [{ value: { total: 1 } }, { value: null }])
})

test('a tombstone cannot be sent to a topic that has none', () => {
  const full = topic('orders', { value: json<Order>(), tombstones: false })
  for (const value of [null, undefined]) {
    assert.throws(() => encodeValue(full, { key: 'k', value }), {
      code: 'ENCODE_FAILED',
      message: /must have a value: topic\('orders', \{ tombstones: false \}\)/,
    })
  }
  assert.equal(encodeValue(topic('orders', { value: json<Order>() }), { value: null }), null)
})

test('a Standard Schema validator is a serde of checked JSON, with its types', () => {
  const orders = topic('orders', { value: orderSchema, tombstones: false })
  const read = (record: RecordOf<typeof orders>): Order => record.value
  assert.equal(typeof read, 'function')
  const serde = orders.value as Serde<{ total: number | string }, Order>
  assert.equal(serde.encode({ total: '3' }), '{"total":"3"}')
  assert.deepEqual(serde.decode(Buffer.from('{"total":"3"}')), { total: 3 })
  assert.throws(() => serde.encode({ total: 'much' }), { message: 'total: is no number' })
  assert.throws(() => serde.decode(Buffer.from('{}')), { message: 'total: is no number' })
  assert.throws(() => serde.decode(Buffer.from('{')), SyntaxError)
})

test('a schema that has encode and decode of its own (as those of zod) is a schema all the same', () => {
  const encode = (value: Order): { readonly wrong: Order } => ({ wrong: value })
  const orders = topic('orders', { value: { ...orderSchema, encode, decode: encode } })
  const read = (record: RecordOf<typeof orders>): Order | null => record.value
  assert.equal(typeof read, 'function')
  assert.equal(orders.value?.encode({ total: 3 }), '{"total":3}')
})

test('a validator that needs a wait is refused with a sentence, not left hanging', () => {
  const validate = async (): Promise<StandardResult<Order>> => Promise.reject(new Error('late'))
  const slow: StandardSchema<Order> = { '~standard': { version: 1, vendor: 'slow', validate } }
  const { value } = topic('orders', { value: slow })
  assert.throws(() => value?.encode({ total: 1 }), /\(slow\) validates asynchronously/)
})

test('what is no serde is refused', () => {
  assert.throws(() => topic('orders', { value: {} as never }), {
    code: 'USAGE',
    message: /^The option "value" of topic\(\.\.\.\) must be a serde .* Standard Schema validator/,
  })
  assert.throws(() => topic('orders', { tombstones: 'no' as never }), /must be true or false/)
})
