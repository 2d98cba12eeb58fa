import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  blockNoticedAfterMs,
  ClockOffset,
  type Sight,
  takeOver,
  tickIntervalMs,
} from './take-over.ts'

const LIMITS = { noticedAfterMs: 1000, maxPollIntervalMs: 60_000 }
const BLOCKED: Sight = {
  isMember: true,
  isRefused: false,
  isPending: false,
  sinceTickMs: 1000,
  inHandMs: 0,
  dueInMs: 0,
}

test('while the loop ticks the heartbeat thread rests; when it stops it heartbeats', () => {
  assert.equal(takeOver({ ...BLOCKED, sinceTickMs: 999 }, LIMITS), 'rest')
  assert.equal(takeOver(BLOCKED, LIMITS), 'beat')
})

test('one heartbeat at a time, and not before it is due', () => {
  assert.equal(takeOver({ ...BLOCKED, isPending: true }, LIMITS), 'wait')
  assert.equal(takeOver({ ...BLOCKED, dueInMs: 1 }, LIMITS), 'wait')
})

test('who is no member, or refused, or held up for too long, is not kept alive', () => {
  assert.equal(takeOver({ ...BLOCKED, isMember: false }, LIMITS), 'rest')
  assert.equal(takeOver({ ...BLOCKED, isRefused: true }, LIMITS), 'rest')
  assert.equal(takeOver({ ...BLOCKED, sinceTickMs: 60_000 }, LIMITS), 'rest')
  assert.equal(takeOver({ ...BLOCKED, inHandMs: 60_000 }, LIMITS), 'rest')
})

test('half of a session is left when the heartbeat thread steps in, whatever the session', () => {
  for (const sessionTimeoutMs of [1000, 6000, 10_000, 45_000, 300_000]) {
    const latestMs = sessionTimeoutMs / 3 + blockNoticedAfterMs(sessionTimeoutMs)
    const intervalMs = tickIntervalMs(sessionTimeoutMs)
    assert.ok(latestMs <= sessionTimeoutMs / 2)
    assert.ok(latestMs + 2 * intervalMs < 0.6 * sessionTimeoutMs)
    assert.ok(intervalMs * 2 <= blockNoticedAfterMs(sessionTimeoutMs))
  }
})

test('clocks of two threads: late readings make a heartbeat look older, never younger', () => {
  const offset = new ClockOffset()
  // Their clock is 1000 ahead of ours; readings reach us 50, 3 and 20 ms later.
  for (const [theirs, delayMs] of [
    [5000, 50],
    [6000, 3],
    [7000, 20],
  ] as const) {
    offset.note(theirs, theirs - 1000 + delayMs)
  }
  assert.equal(offset.toTheirs(7000), 7997)
  assert.equal(offset.toOurs(7997), 7000)
})
