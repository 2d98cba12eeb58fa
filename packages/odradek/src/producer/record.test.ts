import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../errors/errors.ts'
import { topic } from '../serdes/topic.ts'
import { json } from '../serdes/serdes.ts'
import {
  checkRecord,
  type ProducerRecord,
  checkTopicInput,
  encodeHeaders,
  encodeValue,
  type HeadersInput,
} from './record.ts'

const refused = (given: unknown, message: RegExp): void =>
  assert.throws(
    () => checkRecord(given, 't'),
    (error) => error instanceof UsageError && message.test(error.message),
  )

test('a record without a value is refused with what to write: a tombstone is said', () => {
  checkRecord({ value: null }, 't')
  checkRecord({ key: 'a', value: null, more: 1 }, 't')
  checkRecord({ key: 'a', value: 'x', headers: {}, timestamp: 1, partition: 0 }, 't')
  refused({ key: 'a' }, /must have a value; it has "key".*value: null for a tombstone/)
  refused({ key: 'a', headers: {} }, /it has "key", "headers"/)
  refused({}, /it has nothing/)
  refused({ value: undefined }, /value of a record for t is undefined.*value: null/)
  refused({ key: 'a', value: undefined }, /is undefined/)
  refused({ messages: [{ value: 'x' }] }, /no value, but "messages"/)
  refused('x', /it is string/)
})

test('a misspelt value does not become a tombstone', () => {
  refused({ key: 'a', valeu: 'x' }, /no value, but "valeu".*Did you mean "value".*value: null/)
})

test('a copy of a record that was read is refused with how to pass it on', () => {
  refused({ topic: 't', partition: 0, offset: 5 }, /\{ \.\.\.record \}.*value: record.value/)
})

test('what is no topic is refused with how to call', () => {
  checkTopicInput('t')
  checkTopicInput(topic('t', {}))
  const batch = { topic: 't', messages: [{ value: 'x' }] }
  for (const given of [batch, undefined, null, 5]) {
    assert.throws(() => checkTopicInput(given), /comes first.*send\('orders', { key, value }\)/)
  }
})

test('a value of which a serde makes nothing is told as that', () => {
  const nothing = { value: (): undefined => undefined }
  assert.throws(() => encodeValue(topic('t', { value: json() }), nothing), {
    code: 'ENCODE_FAILED',
    message: /its serde made undefined of a function/,
  })
})

test('headers are taken in every shape that records and people have', () => {
  const pairs = [
    ['a', '1'],
    ['b', null],
  ] as const
  const asObjects = pairs.map(([key, value]) => ({ key, value }))
  for (const given of [pairs, new Map(pairs), Object.fromEntries(pairs), asObjects]) {
    assert.deepEqual(encodeHeaders('t', given as HeadersInput), pairs)
  }
  assert.deepEqual(encodeHeaders('t', null), [])
  assert.throws(() => encodeHeaders('t', 'a=b' as never), UsageError)
  assert.throws(() => encodeHeaders('t', [['a', 5]] as never), /header "a".*it is number/)
})

test('the types ask for a value, which is null for a tombstone', () => {
  const records: readonly ProducerRecord[] = [
    { key: 'a', value: null },
    // @ts-expect-error -- a tombstone is said, never left out.
    { key: 'a' },
    // @ts-expect-error -- the same.
    { key: 'a', value: undefined },
  ]
  assert.throws(() => records.forEach((record) => checkRecord(record, 't')), { code: 'USAGE' })
})
