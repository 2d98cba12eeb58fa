import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lineage } from './position-epoch.ts'

test('a committed offset is stamped with the epoch of what lies directly before it', () => {
  const lineage = new Lineage('t', 0, undefined, { offset: 10, leaderEpoch: 3 })
  assert.equal(lineage.epochBefore(10), 3)
  lineage.noteEpoch(10, 3)
  lineage.noteEpoch(20, 5)
  lineage.noteEpoch(30, 6)
  assert.deepEqual(
    [15, 20, 21, 30, 31].map((offset) => lineage.epochBefore(offset)),
    [3, 3, 5, 5, 6],
  )
})

test('epochs that are read again from further back are noted anew', () => {
  const lineage = new Lineage('t', 0, undefined, { offset: 0, leaderEpoch: -1 })
  for (const again of [1, 2]) {
    lineage.noteEpoch(0, 3)
    lineage.noteEpoch(20, again === 1 ? 5 : 4)
  }
  assert.deepEqual(
    [20, 25].map((offset) => lineage.epochBefore(offset)),
    [3, 4],
  )
})

test('an epoch that is noted from a negative offset on ends, and is the first', () => {
  const lineage = new Lineage('t', 0, undefined, { offset: 10, leaderEpoch: 3 })
  lineage.noteEpoch(-4, 5)
  assert.equal(lineage.epochBefore(12), 5)
})

test('the signal says how a lineage ended, also to whoever asks late', () => {
  const early = new Lineage('t', 0, undefined, { offset: 0, leaderEpoch: -1 })
  const { signal } = early
  early.end('revoked')
  early.end('lost')
  const late = new Lineage('t', 0, undefined, { offset: 0, leaderEpoch: -1 })
  late.end('lost')
  assert.deepEqual([signal.reason, late.signal.reason, early.isLive], ['revoked', 'lost', false])
})
