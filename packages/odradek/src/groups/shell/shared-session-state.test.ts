import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClassicSnapshot } from '../classic/heartbeat-request.ts'
import { Seat } from './heartbeat-handle.ts'
import { SessionBoard } from './shared-session-state.ts'

const linesOf = (generationId: number): ClassicSnapshot => ({
  ...{ protocol: 'classic', groupId: 'g', groupInstanceId: null },
  life: { memberId: 'm', generationId },
  ...{ sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 },
})
const times = (at: number) => ({ aliveAt: at, aliveAtByWall: 1_700_000_000_000 + at })

test('the right to heartbeat changes hands one at a time, under a number that only grows', () => {
  const main = new SessionBoard()
  const heartbeatThread = new SessionBoard(main.memory)
  assert.equal(main.reclaim(), undefined)
  assert.equal(heartbeatThread.takeOver(), 1)
  assert.equal(heartbeatThread.takeOver(), 1, 'it has it already')
  assert.ok(main.isHeldByThread)
  assert.equal(main.reclaim(), 1)
  assert.equal(main.reclaim(), undefined)
  assert.equal(heartbeatThread.term, 2)
  assert.equal(heartbeatThread.takeOver(), 3)
})

test('a refusal is believed until a heartbeat of a later term says otherwise', () => {
  const seat = new Seat()
  const heartbeatThread = new SessionBoard(seat.board.memory)
  seat.begin(linesOf(3), times(0))
  const before = seat.term
  heartbeatThread.refusedIn = heartbeatThread.takeOver() ?? 0
  seat.reclaim()
  assert.ok(seat.isInDoubt)
  seat.confirm(before, times(10))
  assert.ok(seat.isInDoubt, 'it was sent before the block')
  seat.confirm(seat.term, times(20))
  assert.ok(!seat.isInDoubt)
})

test('times survive the way through memory, and the newer one counts', () => {
  const seat = new Seat()
  seat.begin(linesOf(3), times(1234.5))
  assert.equal(seat.board.aliveAt, 1234.5)
  seat.confirm(seat.term, times(1000))
  assert.equal(seat.board.aliveAt, 1234.5)
  seat.confirm(seat.term, times(2000.25))
  assert.equal(seat.board.aliveAtByWall, 1_700_000_002_000.25)
})

test('the heartbeat thread hears the lines once it listens, and all that follow; old ones do not hold', () => {
  let firsts = 0
  const seat = new Seat(() => firsts++)
  seat.begin(linesOf(3), times(0))
  const heard: number[] = []
  seat.open((number) => heard.push(number))
  assert.deepEqual(heard, [seat.board.lines])
  seat.end()
  assert.equal(seat.board.lines, -1)
  assert.equal(seat.sessionTimeoutMs, undefined)
  seat.begin(linesOf(4), times(5))
  seat.change(linesOf(5))
  assert.deepEqual(heard, [1, 2, 3])
  assert.equal(seat.board.lines, 3)
  assert.equal(firsts, 1)
})

test('the epoch that the heartbeat thread was told is handed over with its term, and a late one is not', () => {
  const seat = new Seat()
  const heartbeatThread = new SessionBoard(seat.board.memory)
  const told: (number | undefined)[] = []
  seat.onTakenBack((memberEpoch) => told.push(memberEpoch))
  seat.begin(linesOf(3), times(0))
  const first = heartbeatThread.takeOver() ?? 0
  heartbeatThread.tell(first, 7)
  heartbeatThread.tell(first, 2 ** 31 - 1)
  seat.reclaim()
  seat.reclaim()
  const second = heartbeatThread.takeOver() ?? 0
  heartbeatThread.tell(first, 8)
  seat.reclaim()
  assert.ok(second > first)
  assert.deepEqual(told, [2 ** 31 - 1, undefined])
})

test('what the member stands for may change while it is in doubt, and it stays in doubt', () => {
  const seat = new Seat()
  const heartbeatThread = new SessionBoard(seat.board.memory)
  seat.begin(linesOf(3), times(0))
  heartbeatThread.refusedIn = heartbeatThread.takeOver() ?? 0
  seat.reclaim()
  seat.change(linesOf(3))
  assert.ok(seat.isInDoubt)
})
