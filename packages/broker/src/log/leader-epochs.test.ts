import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaderEpochs } from './leader-epochs.ts'

function epochs(...starts: readonly (readonly [epoch: number, startOffset: number])[]) {
  const made = new LeaderEpochs()
  for (const [epoch, startOffset] of starts) made.begin(epoch, startOffset)
  return made
}

test('an epoch ends where the next begins, the last one at the end of the log', () => {
  const made = epochs([0, 0], [2, 10], [5, 30])
  assert.deepEqual(made.endOf(0, 40), { epoch: 0, endOffset: 10 })
  assert.deepEqual(made.endOf(1, 40), { epoch: 0, endOffset: 10 })
  assert.deepEqual(made.endOf(2, 40), { epoch: 2, endOffset: 30 })
  assert.deepEqual(made.endOf(5, 40), { epoch: 5, endOffset: 40 })
})

test('what is in the future, or not an epoch, is unknown', () => {
  const made = epochs([1, 0])
  assert.deepEqual(made.endOf(2, 40), { epoch: -1, endOffset: -1 })
  assert.deepEqual(made.endOf(-1, 40), { epoch: -1, endOffset: -1 })
})

test('an epoch older than all that is kept ends where the first of them begins', () => {
  const made = epochs([3, 0], [4, 20])
  made.expireBefore(25)
  assert.deepEqual(made.endOf(3, 40), { epoch: 3, endOffset: 25 })
})

test('epochs without records are forgotten', () => {
  const made = epochs([0, 0], [1, 10], [2, 10], [3, 10])
  assert.deepEqual(made.endOf(1, 40), { epoch: 0, endOffset: 10 })
  assert.equal(made.epochAt(10), 3)
  assert.equal(made.epochAt(9), 0)
})

test('a truncated log has forgotten the epochs that it lost', () => {
  const made = epochs([0, 0], [1, 10], [2, 20])
  made.truncateTo(15)
  made.begin(3, 15)
  assert.deepEqual(made.endOf(2, 30), { epoch: 1, endOffset: 15 })
})
