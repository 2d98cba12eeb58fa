import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resumeAt } from './out-of-range.ts'

const range = { start: 100, end: 200 }

test('S11 below the log start the nearest offset is the log start, and what retention took is told', () => {
  const resume = resumeAt(40, range, 'nearest')
  assert.deepEqual([resume?.offset, resume?.lost], [100, { from: 40, to: 100 }])
  assert.equal(resumeAt(40, range, 'latest')?.offset, 200)
})

test('S11 above the end it is where the logs diverged, never beyond the end', () => {
  assert.equal(resumeAt(300, range, 'nearest')?.offset, 200)
  assert.equal(resumeAt(300, { ...range, shared: 150 }, 'nearest')?.offset, 150)
  assert.equal(resumeAt(300, { ...range, shared: 250 }, 'nearest')?.offset, 200)
  assert.equal(resumeAt(300, { ...range, shared: 50 }, 'nearest')?.offset, 100)
  assert.deepEqual(resumeAt(300, { ...range, shared: 150 }, 'nearest')?.lost, {
    from: 150,
    to: 300,
  })
})

test('S11 a position that is in range after all is kept: a lagging replica had answered', () => {
  for (const policy of ['nearest', 'earliest', 'latest', 'fail'] as const) {
    assert.deepEqual(resumeAt(200, range, policy)?.offset, 200)
    assert.equal(resumeAt(200, range, policy)?.lost, undefined)
  }
})

test('S10 "fail" gives no place to go on', () => {
  assert.equal(resumeAt(40, range, 'fail'), undefined)
  assert.equal(resumeAt(300, range, 'fail'), undefined)
})

test('S11 where no epoch tells, it is the smaller of a look-up by timestamp and the end', () => {
  const offsetOf = (asLate: number | undefined): unknown => {
    const resume = resumeAt(100, { start: 10, end: 80, asLate }, 'nearest')
    return [resume?.offset, resume?.lost]
  }
  assert.deepEqual(offsetOf(60), [60, { from: 60, to: 100 }])
  assert.deepEqual(offsetOf(90), [80, { from: 80, to: 100 }])
  assert.deepEqual(offsetOf(5), [10, { from: 10, to: 100 }])
  assert.deepEqual(offsetOf(undefined), [80, { from: 80, to: 100 }])
})
