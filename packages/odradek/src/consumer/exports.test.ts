import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Header, Headers } from '../index.ts'

test('the class of record.headers is exported, and shows what is in it', () => {
  const list: readonly Header[] = [{ key: 'trace', value: Buffer.from('abc') }]
  const headers = new Headers(list)
  assert.equal(headers.get('trace')?.toString(), 'abc')
  assert.deepEqual([...headers], list)
  assert.equal(JSON.stringify({ headers }), '{"headers":[["trace","abc"]]}')
})
