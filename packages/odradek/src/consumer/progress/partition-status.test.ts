import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adviceFor, type PartitionFacts, stepAfter, verdictOf } from './partition-status.ts'

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

test('each reason not to move has its own verdict; without any the partition is stuck', () => {
  assert.equal(verdictOf(STUCK), 'stuck')
  assert.equal(verdictOf({ ...STUCK, end: 10 }), 'idle')
  assert.equal(verdictOf({ ...STUCK, isPaused: true }), 'paused')
  assert.equal(verdictOf({ ...STUCK, isPaused: true, end: 10 }), 'idle')
  assert.equal(verdictOf({ ...STUCK, isWithUser: true }), 'handlerBusy')
  assert.equal(verdictOf({ ...STUCK, isWithUser: true, isPaused: true }), 'paused')
  assert.equal(verdictOf({ ...STUCK, isWithUser: true, hasReader: false }), 'noReader')
  assert.equal(verdictOf({ ...STUCK, hasReader: false }), 'stuck', 'nothing was fetched')
  assert.equal(verdictOf({ ...STUCK, hasLeader: false, end: null }), 'leaderless')
  assert.equal(verdictOf({ ...STUCK, isThrottled: true }), 'throttled')
  assert.equal(verdictOf({ ...STUCK, lastStableOffset: 10 }), 'openTransaction')
  assert.equal(verdictOf({ ...STUCK, lastStableOffset: 15 }), 'stuck')
  assert.equal(verdictOf({ ...STUCK, hasRoom: false }), 'noRoom')
  assert.equal(verdictOf({ ...STUCK, end: null }), 'stuck', 'a leader that does not answer')
})

test('steps go from mild to strong, and from the start again', () => {
  assert.deepEqual(
    [null, 'metadata', 'session', 'connection'].map((step) =>
      stepAfter(step as Parameters<typeof stepAfter>[0]),
    ),
    ['metadata', 'session', 'connection', 'metadata'],
  )
  assert.match(adviceFor('stuck', 'session'), /its fetch session is replaced/)
})
