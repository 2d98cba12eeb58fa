import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutsOf } from './cut-logs.ts'

const BEFORE = new Map([
  ...[0, 1, 2, 3].map((offset) => [`0 ${offset}`, `a${offset}`] as const),
  ...[0, 1].map((offset) => [`1 ${offset}`, `b${offset}`] as const),
])

test('what was appended meanwhile is no loss', () => {
  assert.deepEqual(cutsOf(BEFORE, new Map([...BEFORE, ['0 4', 'a4']])), [])
})

test('from the first offset that holds another record, or none, everything is gone', () => {
  const after = new Map([
    ['0 0', 'a0'],
    ['0 1', 'other'],
    ['1 0', 'b0'],
  ])
  assert.deepEqual(cutsOf(BEFORE, after), [
    { partition: 0, from: 1, to: 4 },
    { partition: 1, from: 1, to: 2 },
  ])
})
