import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { Seat } from './heartbeat-handle.ts'
import { SessionClock } from './session-clock.ts'

const TIMEOUT_MS = 9000

function fixture() {
  const world = new VirtualWorld({ seed: 5 })
  const process = world.process('member')
  const seat = new Seat()
  const expired: number[] = []
  const { clock } = process.environment
  const session = new SessionClock(process.environment, {
    timeoutMs: TIMEOUT_MS,
    seat,
    onExpired: () => expired.push(clock.monotonic()),
  })
  session.confirm(session.now())
  return { world, process, seat, session, expired }
}

test('a session counts from when the last acknowledged heartbeat was sent', async () => {
  const { world, session, expired } = fixture()
  await world.advance(3000)
  const sent = session.now()
  await world.advance(2000)
  assert.equal(session.confirm(sent), true)
  await world.advance(6900)
  assert.equal(session.isFresh(), true)
  await world.advance(200)
  assert.equal(session.isFresh(), false)
  assert.deepEqual(expired, [3000 + TIMEOUT_MS])
})

test('an answer to an older heartbeat does not shorten a session', async () => {
  const { world, session } = fixture()
  const older = session.now()
  await world.advance(3000)
  session.confirm(session.now())
  assert.equal(session.confirm(older), false)
  assert.equal(session.alive?.at, 3000)
})

test('a wall clock that ran ahead makes a session doubtful, and does not end it', async () => {
  const { world, process, session, expired } = fixture()
  process.skewWallClock(20_000)
  assert.equal(session.isFresh(), false)
  session.confirm(session.now())
  assert.equal(session.isFresh(), true)
  await world.advance(1000)
  assert.deepEqual(expired, [])
})

test('what the heartbeat thread heard is looked at before a session is called over', async () => {
  const { world, session, seat, expired } = fixture()
  await world.advance(8000)
  seat.board.confirm(7000, 7000)
  await world.advance(2000)
  assert.deepEqual(expired, [])
  assert.equal(session.alive?.at, 7000)
  await world.advance(7000)
  assert.deepEqual(expired, [7000 + TIMEOUT_MS])
})

test('another timeout holds from now on, and a session that is stopped does not end', async () => {
  const { world, session, expired } = fixture()
  session.timeoutMs = 2000
  await world.advance(1000)
  session.stop()
  assert.equal(session.isFresh(), false)
  await world.advance(20_000)
  assert.deepEqual(expired, [])
})
