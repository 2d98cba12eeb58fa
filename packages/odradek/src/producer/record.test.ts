import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../errors/errors.ts'
import { checkRecord, encodeHeaders, type HeadersInput } from './record.ts'

const refused = (given: unknown, message: RegExp): void =>
  assert.throws(
    () => checkRecord(given, 't'),
    (error) => error instanceof UsageError && message.test(error.message),
  )

test('a record without key and value is refused, with what it has: null is said, not left out', () => {
  checkRecord({ value: null }, 't')
  checkRecord({ key: 'a' }, 't')
  refused({ messages: [{ value: 'x' }] }, /must have a key or a value.*"messages"/)
  refused({}, /it has nothing/)
  refused('x', /it is string/)
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
