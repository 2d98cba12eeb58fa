import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Seat } from './seat.ts'
import { SessionBoard } from './session-board.ts'

const LIFE = { memberId: 'm', generationId: 3 }
const times = (at: number) => ({ aliveAt: at, aliveAtByWall: 1_700_000_000_000 + at })

test('the right to heartbeat changes hands one at a time, under a number that only grows', () => {
  const main = new SessionBoard()
  const understudy = new SessionBoard(main.memory)
  assert.equal(main.reclaim(), false)
  assert.equal(understudy.takeOver(), 1)
  assert.equal(understudy.takeOver(), 1, 'it has it already')
  assert.ok(main.isUnderstudys)
  assert.equal(main.reclaim(), true)
  assert.equal(main.reclaim(), false)
  assert.equal(understudy.term, 2)
  assert.equal(understudy.takeOver(), 3)
})

test('a refusal is believed until a heartbeat of a later term says otherwise', () => {
  const seat = new Seat()
  const understudy = new SessionBoard(seat.board.memory)
  seat.begin(LIFE, times(0))
  const before = seat.term
  understudy.refusedIn = understudy.takeOver() ?? 0
  seat.reclaim()
  assert.ok(seat.isInDoubt)
  seat.confirm(before, times(10))
  assert.ok(seat.isInDoubt, 'it was sent before the block')
  seat.confirm(seat.term, times(20))
  assert.ok(!seat.isInDoubt)
})

test('times survive the way through memory, and the newer one counts', () => {
  const seat = new Seat()
  seat.begin(LIFE, times(1234.5))
  assert.equal(seat.board.aliveAt, 1234.5)
  seat.confirm(seat.term, times(1000))
  assert.equal(seat.board.aliveAt, 1234.5)
  seat.confirm(seat.term, times(2000.25))
  assert.equal(seat.board.aliveAtByWall, 1_700_000_002_000.25)
})

test('the understudy hears of the member once it listens, and of every generation after', () => {
  let firsts = 0
  const seat = new Seat(() => firsts++)
  seat.begin(LIFE, times(0))
  const heard: number[] = []
  seat.open(({ generationId }) => heard.push(generationId))
  seat.end()
  assert.equal(seat.board.generationId, -1)
  seat.begin({ ...LIFE, generationId: 4 }, times(5))
  assert.deepEqual(heard, [3, 4])
  assert.equal(firsts, 1)
})
