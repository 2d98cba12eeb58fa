import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import type { ClientEvents } from '../events/client-events.ts'
import { TypedEmitter } from '../events/emitter.ts'
import { BrokerLocks, type LotAnswer } from './broker-locks.ts'
import { Hold, type HoldKeeper } from './acquired-record.ts'
import type { Acknowledgement } from './acquired-record.ts'
import { ShareLedger } from './acknowledgement-tracker.ts'

const P0 = { topic: 'orders', topicId: 'A', partition: 0 }
const OK: LotAnswer = { errorCode: ErrorCode.NONE, errorMessage: null }
const LATE: LotAnswer = { errorCode: ErrorCode.INVALID_RECORD_STATE, errorMessage: null }
const LOCK_MS = 1000

class Scene {
  now = 0
  mayRenew = true
  isWanted = true
  readonly late: ClientEvents['acknowledgementLate'][] = []
  readonly exhausted: ClientEvents['deliveryExhausted'][] = []
  readonly ledger: ShareLedger
  readonly locks: BrokerLocks
  readonly #keeper: HoldKeeper

  constructor() {
    const emitter = new TypedEmitter<ClientEvents>()
    emitter.on('acknowledgementLate', (event) => this.late.push(event))
    emitter.on('deliveryExhausted', (event) => this.exhausted.push(event))
    this.ledger = new ShareLedger('g', emitter)
    this.ledger.deliveryCountLimit = 3
    this.locks = new BrokerLocks(this.ledger, {
      mayRenew: () => this.mayRenew,
      isWanted: () => this.isWanted,
    })
    this.#keeper = {
      tell: (hold, word) => this.locks.tell(hold, word, this.now),
      handedOut: (hold) => void this.locks.handedOut(hold, this.now),
      giveUp: (hold) => this.locks.giveUp(hold, this.now),
    }
  }

  get times() {
    return { sentAt: this.now, answeredAt: this.now, lockMs: LOCK_MS }
  }

  acquire(offset: number, deliveryCount = 1): Hold {
    const hold = new Hold(this.#keeper, { partition: P0, offset, deliveryCount }, this.times)
    this.locks.acquire(hold)
    return hold
  }

  handOut(hold: Hold): Hold {
    hold.stage = 'handedOut'
    hold.handedOutAt = this.now
    this.ledger.handOut(hold)
    return hold
  }

  /** One request: what it told, and what becomes of it. */
  tell(answer = OK): readonly (readonly [number, Acknowledgement])[] {
    return this.locks.take(this.now).flatMap((lot) => {
      const told = lot.items.map((item) => [item.offset, item.acknowledgement] as const)
      this.locks.settle(lot, answer, this.times)
      return told
    })
  }
}

test('an accepted record is told after a moment, and settled when that is confirmed', () => {
  const scene = new Scene()
  const hold = scene.handOut(scene.acquire(5))
  assert.equal(scene.ledger.settle(hold, 'accept'), true)
  assert.equal(scene.ledger.settle(hold, 'release'), false)
  assert.deepEqual([hold.stage, scene.locks.tellAt], ['acknowledging', 50])
  assert.deepEqual(scene.tell(), [[5, 'accept']])
  assert.deepEqual([hold.stage, scene.locks.isEmpty, scene.late], ['settled', true, []])
})

test('locks are renewed when half of their time is left, of what is wanted', async () => {
  const scene = new Scene()
  const kept = scene.handOut(scene.acquire(1))
  scene.locks.lookAfter(499)
  assert.equal(scene.locks.hasPending, false)
  scene.now = 500
  scene.locks.lookAfter(500)
  const renewal = kept.renewal()
  assert.deepEqual(scene.tell(), [[1, 'renew']])
  await renewal
  assert.deepEqual([kept.safeUntil, scene.locks.nextCheckAt], [1500, 1000])
  scene.mayRenew = false
  scene.locks.lookAfter(1000)
  assert.equal(scene.locks.hasPending, false)
  scene.locks.lookAfter(1500)
  assert.deepEqual([kept.stage, kept.signal.reason], ['lost', 'timeout'])
  assert.deepEqual(
    scene.late.map(({ offset, acknowledgement }) => [offset, acknowledgement]),
    [[1, null]],
  )
})

test('a lock that may be gone is not renewed: a broker may be through with the record', () => {
  const scene = new Scene()
  const hold = scene.handOut(scene.acquire(1))
  hold.lock({ sentAt: 0, answeredAt: 100, lockMs: LOCK_MS })
  scene.locks.lookAfter(1050)
  assert.deepEqual([scene.locks.hasPending, hold.stage], [false, 'handedOut'])
  scene.locks.lookAfter(1100)
  assert.equal(hold.stage, 'lost')
})

test('a renewal that is answered when the lock may be gone keeps nothing', async () => {
  const scene = new Scene()
  const hold = scene.acquire(1)
  scene.now = 500
  scene.locks.lookAfter(500)
  const [lot] = scene.locks.take(scene.now)
  assert.ok(lot !== undefined)
  const renewal = hold.renewal()
  // The request lay somewhere. What is behind a group's start is renewed for anybody.
  scene.locks.settle(lot, OK, { sentAt: 500, answeredAt: 1000, lockMs: LOCK_MS })
  await assert.rejects(renewal, /may have run out/)
  assert.deepEqual([hold.safeUntil, hold.lostAt], [1000, 1000])
})

test('a lock that runs out at the last delivery is the end of the record, and that is said', () => {
  const scene = new Scene()
  scene.mayRenew = false
  scene.handOut(scene.acquire(1, 3))
  scene.acquire(2, 2)
  scene.locks.lookAfter(500)
  scene.locks.lookAfter(1000)
  assert.deepEqual(
    scene.exhausted.map(({ offset, deliveryCount, limit }) => [offset, deliveryCount, limit]),
    [[1, 3, 3]],
  )
})

test('a release at the last delivery is said when it counts, with what the handler threw', () => {
  const scene = new Scene()
  const hold = scene.handOut(scene.acquire(1, 3))
  hold.failure = new Error('cannot')
  scene.ledger.settle(hold, 'release')
  assert.equal(scene.exhausted.length, 0)
  scene.tell()
  assert.match(String(scene.exhausted[0]?.error), /cannot/)
})

test('one late acknowledgement is found, and the others count', () => {
  const scene = new Scene()
  const holds = [0, 1, 2, 3].map((offset) => scene.handOut(scene.acquire(offset)))
  for (const hold of holds) scene.ledger.settle(hold, 'accept')
  for (let requests = 0; scene.locks.hasPending; requests++) {
    assert.ok(requests < 10)
    for (const lot of scene.locks.take(0)) {
      const isLate = lot.items.some(({ offset }) => offset === 2)
      scene.locks.settle(lot, isLate ? LATE : OK, scene.times)
    }
  }
  assert.deepEqual(
    holds.map(({ stage }) => stage),
    ['settled', 'settled', 'lost', 'settled'],
  )
  assert.deepEqual(
    scene.late.map(({ offset, acknowledgement }) => [offset, acknowledgement]),
    [[2, 'accept']],
  )
})

test('a leader that moved takes its locks along, and no delivery with them', () => {
  const scene = new Scene()
  const [told, held] = [scene.acquire(1, 3), scene.acquire(2, 3)].map((hold) => scene.handOut(hold))
  scene.ledger.settle(told as Hold, 'accept')
  scene.tell({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage: null })
  assert.deepEqual([told?.stage, held?.stage, held?.signal.reason], ['lost', 'lost', 'revoked'])
  assert.deepEqual([scene.late.length, scene.exhausted.length, scene.locks.isEmpty], [2, 0, true])
})

test('a session that ends takes everything', () => {
  const scene = new Scene()
  const told = scene.handOut(scene.acquire(1))
  const buffered = scene.acquire(2)
  scene.ledger.settle(told, 'reject')
  scene.locks.loseEverything(scene.locks.take(0), new Error('gone'))
  assert.deepEqual([told.stage, buffered.stage], ['lost', 'lost'])
  // What nobody has seen is nobody's loss.
  assert.deepEqual(
    scene.late.map(({ offset, acknowledgement }) => [offset, acknowledgement]),
    [[1, 'reject']],
  )
  assert.deepEqual([scene.locks.isEmpty, scene.locks.hasPending], [true, false])
})

test('a record that is delivered anew ends what was known of it', () => {
  const scene = new Scene()
  const before = scene.handOut(scene.acquire(1))
  scene.ledger.settle(before, 'accept')
  const after = scene.acquire(1, 2)
  assert.deepEqual([before.stage, after.stage], ['lost', 'buffered'])
  assert.deepEqual(scene.tell(), [])
})

test('a refused renewal alone does not mean that the lock is gone', async () => {
  const scene = new Scene()
  const hold = scene.handOut(scene.acquire(1))
  scene.now = 500
  scene.locks.lookAfter(500)
  const renewal = hold.renewal()
  scene.tell(LATE)
  await assert.rejects(renewal, { code: 'INVALID_RECORD_STATE' })
  assert.deepEqual([hold.stage, hold.isRenewable], ['handedOut', false])
  scene.ledger.settle(hold, 'accept')
  scene.tell()
  assert.equal(hold.stage, 'settled')
})

test('what nobody is going to read is given back, once half of its time is over', () => {
  const scene = new Scene()
  scene.acquire(1)
  scene.isWanted = false
  scene.mayRenew = false
  assert.deepEqual([scene.locks.areUnwanted(499), scene.locks.areUnwanted(500)], [false, true])
  scene.locks.giveBack(new Error('nobody reads'))
  assert.deepEqual([scene.locks.isEmpty, scene.late], [true, []])
})

test('a record that waited beyond its lock is released, not handed out', () => {
  const scene = new Scene()
  const hold = scene.acquire(1)
  scene.locks.giveUp(hold, 1200)
  assert.deepEqual([hold.stage, scene.locks.isEmpty], ['lost', true])
  assert.deepEqual(scene.tell(LATE), [[1, 'release']])
  assert.equal(scene.locks.hasPending, false)
})

test('a flush waits for what was told before it, and says what was lost', async () => {
  const scene = new Scene()
  const [a, b] = [1, 2].map((offset) => scene.handOut(scene.acquire(offset)))
  scene.ledger.settle(a as Hold, 'accept')
  const flushed = scene.ledger.flush()
  scene.ledger.settle(b as Hold, 'accept')
  const [lot] = scene.locks.take(0)
  assert.ok(lot !== undefined)
  scene.locks.settle({ ...lot, items: lot.items.slice(0, 1) }, LATE, scene.times)
  assert.deepEqual([...(await flushed).keys()], [a])
  assert.deepEqual(
    scene.ledger.abandon(new Error('closed')).map(({ offset }) => offset),
    [2],
  )
})
