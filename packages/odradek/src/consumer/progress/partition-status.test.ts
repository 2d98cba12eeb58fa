import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adviceFor, type PartitionFacts, actionAfter, statusOf } from './partition-status.ts'

const STUCK: PartitionFacts = {
  isPaused: false,
  isWithUser: false,
  hasReader: true,
  hasLeader: true,
  hasRoom: true,
  isThrottled: false,
  position: 10,
  end: 20,
  lastStableOffset: null,
}

test('each reason not to move has its own status; without any the partition is stuck', () => {
  assert.equal(statusOf(STUCK), 'stuck')
  assert.equal(statusOf({ ...STUCK, end: 10 }), 'idle')
  assert.equal(statusOf({ ...STUCK, isPaused: true }), 'paused')
  assert.equal(statusOf({ ...STUCK, isPaused: true, end: 10 }), 'idle')
  assert.equal(statusOf({ ...STUCK, isWithUser: true }), 'processing')
  assert.equal(statusOf({ ...STUCK, isWithUser: true, isPaused: true }), 'paused')
  assert.equal(statusOf({ ...STUCK, isWithUser: true, hasReader: false }), 'noReader')
  assert.equal(statusOf({ ...STUCK, hasReader: false }), 'stuck', 'nothing was fetched')
  assert.equal(statusOf({ ...STUCK, hasLeader: false, end: null }), 'leaderNotAvailable')
  assert.equal(statusOf({ ...STUCK, isThrottled: true }), 'throttled')
  assert.equal(statusOf({ ...STUCK, lastStableOffset: 10 }), 'hangingTransaction')
  assert.equal(statusOf({ ...STUCK, lastStableOffset: 15 }), 'stuck')
  assert.equal(statusOf({ ...STUCK, hasRoom: false }), 'bufferFull')
  assert.equal(statusOf({ ...STUCK, end: null }), 'stuck', 'a leader that does not answer')
})

test('steps go from mild to strong, and from the start again', () => {
  assert.deepEqual(
    [null, 'metadata', 'session', 'connection'].map((action) =>
      actionAfter(action as Parameters<typeof actionAfter>[0]),
    ),
    ['metadata', 'session', 'connection', 'metadata'],
  )
  assert.match(adviceFor('stuck', 'session'), /its fetch session is replaced/)
})
