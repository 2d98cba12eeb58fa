import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Headers } from './headers.ts'

test('headers are printed and written down as what is in them', () => {
  const headers = new Headers([
    { key: 'trace', value: Buffer.from('abc') },
    { key: 'trace', value: null },
  ])
  assert.equal(inspect(headers), "Headers { 'trace' => 'abc', 'trace' => null }")
  assert.equal(JSON.stringify(headers), '[["trace","abc"],["trace",null]]')
})
