import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseByChanceMs } from './backoff.ts'

const OPTIONS = { retryBackoffMs: 100, retryBackoffMaxMs: 1000 }

test('pauses double up to the longest, with a fifth of jitter either way', () => {
  const pauses = [0, 1, 2, 3, 4, 50].map((failures) => pauseByChanceMs(OPTIONS, failures, 0.5))
  assert.deepEqual(pauses, [100, 200, 400, 800, 1000, 1000])
  assert.equal(pauseByChanceMs(OPTIONS, 1, 0), 160)
  assert.equal(pauseByChanceMs(OPTIONS, 1, 0.999), 240)
})

test('the longest pause jitters too, downwards: who failed together does not come together', () => {
  assert.equal(pauseByChanceMs(OPTIONS, 50, 0), 800)
  assert.equal(pauseByChanceMs(OPTIONS, 50, 0.999), 1000)
})
