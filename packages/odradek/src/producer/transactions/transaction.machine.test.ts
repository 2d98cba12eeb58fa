import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError, ErrorCode } from '@odradek/protocol'
import { type Effect, type Event, INITIAL, type State, transition } from './transaction.machine.ts'

const ids = { producerId: 7n, producerEpoch: 0 }
const next = { producerId: 7n, producerEpoch: 1 }
const trouble = new BrokerError(ErrorCode.INVALID_RECORD, { action: 'write' })
const fenced = new BrokerError(ErrorCode.PRODUCER_FENCED, { action: 'write' })

const BEGIN: Event = { type: 'beginAsked', hasProtocolChanged: false }
const COMMIT: Event = { type: 'endAsked', isCommit: true }

function play(events: readonly Event[], start: State = INITIAL) {
  let state = start
  let effects: readonly Effect[] = []
  for (const event of events) ({ state, effects } = transition(state, event))
  return { state, done: effects.map((effect) => effect.do), effects }
}

const OPEN: readonly Event[] = [BEGIN, { type: 'initialised', ids }]
const TOUCHED: readonly Event[] = [...OPEN, { type: 'touched' }]

test('the first transaction gets ids, the next one goes on with them', () => {
  assert.deepEqual(play([BEGIN]).effects, [{ do: 'initialise', ids: undefined }])
  assert.deepEqual(play(OPEN).done, ['open'])
  const ended = play([...TOUCHED, COMMIT, { type: 'endAnswered', next: undefined }])
  assert.deepEqual(ended.done, ['settleCommitted'])
  assert.deepEqual(play([BEGIN], ended.state).done, ['open'])
})

test('ids that nobody waits for any more are for the next transaction; one request is enough', () => {
  const abandoned = play([BEGIN, { type: 'openingAbandoned' }])
  const kept = play([{ type: 'initialised', ids }], abandoned.state)
  assert.deepEqual(kept.effects, [])
  assert.deepEqual(play([BEGIN], kept.state).done, ['open'])
  const again = play([BEGIN], abandoned.state)
  assert.deepEqual(again.effects, [])
  assert.deepEqual(play([{ type: 'initialised', ids }], again.state).done, ['open'])
  const failed = { type: 'initialisingFailed', error: trouble, isFatal: false } as const
  assert.deepEqual(play([failed], abandoned.state).effects, [])
  assert.deepEqual(play([failed], again.state).done, ['settleAborted'])
})

test('what was never written to is not ended', () => {
  assert.deepEqual(play([...OPEN, COMMIT]).done, ['settleCommitted'])
  const reason = new Error('mine')
  const aborted = play([...OPEN, { type: 'endAsked', isCommit: false, reason }])
  assert.deepEqual(aborted.effects, [{ do: 'settleAborted', reason }])
})

test('a transaction that has failed is never committed', () => {
  const failed = play([...TOUCHED, { type: 'failed', error: trouble }])
  assert.deepEqual(failed.effects, [{ do: 'dropUnsent', error: trouble }])
  const ending = play([COMMIT], failed.state)
  assert.deepEqual(ending.effects, [{ do: 'end', ids, isCommit: false }])
  const ended = play([{ type: 'endAnswered', next: undefined }], ending.state)
  assert.deepEqual(ended.effects, [{ do: 'settleAborted', reason: trouble }])
})

test('S35 after an unclear fate the older protocol begins with a new epoch', () => {
  const unclear = play([...TOUCHED, COMMIT, { type: 'endUnclear' }])
  const ended = play([{ type: 'endAnswered', next: undefined }], unclear.state)
  assert.deepEqual(play([BEGIN], ended.state).effects, [{ do: 'initialise', ids }])
  const v2 = play([{ type: 'endAnswered', next }], unclear.state)
  const opened = play([BEGIN], v2.state)
  assert.deepEqual(opened.done, ['open'])
  assert.deepEqual('ids' in opened.state && opened.state.ids, next)
})

test('after an upgrade of the cluster the ids get another epoch once', () => {
  const ended = play([...TOUCHED, COMMIT, { type: 'endAnswered', next: undefined }])
  const upgraded = play([{ type: 'beginAsked', hasProtocolChanged: true }], ended.state)
  assert.deepEqual(upgraded.effects, [{ do: 'initialise', ids }])
})

test('a commit that the coordinator refuses becomes an abort', () => {
  const refused = play([...TOUCHED, COMMIT, { type: 'commitRefused', error: trouble }])
  assert.deepEqual(refused.effects, [{ do: 'end', ids, isCommit: false }])
  const ended = play([{ type: 'endAnswered', next }], refused.state)
  assert.deepEqual(ended.effects, [{ do: 'settleAborted', reason: trouble }])
})

test('who is fenced is over, and user code hears of it when it returns', () => {
  const died = play([...TOUCHED, { type: 'died', error: fenced }])
  assert.deepEqual(died.done, ['dropUnsent'])
  assert.deepEqual(play([COMMIT], died.state).effects, [{ do: 'settleAborted', reason: fenced }])
  assert.deepEqual(play([BEGIN], died.state).done, [])
})

test('ids that cannot be had fail the transaction, and the next one asks again', () => {
  const failed = play([BEGIN, { type: 'initialisingFailed', error: trouble, isFatal: false }])
  assert.deepEqual(failed.effects, [{ do: 'settleAborted', reason: trouble }])
  assert.deepEqual(play([BEGIN], failed.state).done, ['initialise'])
  const lost = play([BEGIN, { type: 'initialisingFailed', error: fenced, isFatal: true }])
  assert.equal(lost.state.name, 'dead')
})

test('whatever comes in whatever order: one word about each transaction, no commit of a failed one', () => {
  const events: readonly Event[] = [
    BEGIN,
    { type: 'initialised', ids },
    { type: 'initialisingFailed', error: trouble, isFatal: false },
    { type: 'touched' },
    { type: 'failed', error: trouble },
    COMMIT,
    { type: 'endAsked', isCommit: false, reason: trouble },
    { type: 'endUnclear' },
    { type: 'endAnswered', next: undefined },
    { type: 'endAnswered', next },
    { type: 'commitRefused', error: trouble },
  ]
  let seed = 1
  const draw = (below: number): number => {
    seed = (seed * 48_271) % 0x7fff_ffff
    return seed % below
  }
  for (let round = 0; round < 500; round++) {
    let state: State = INITIAL
    let hasFailed = false
    let open = 0
    for (let step = 0; step < 40; step++) {
      const event = events[draw(events.length)] as Event
      const wasOpen = state.name === 'open'
      const wasIdle = state.name === 'idle'
      const moved = transition(state, event)
      if (wasIdle && event.type === 'beginAsked') {
        open++
        hasFailed = false
      }
      if (wasOpen && event.type === 'failed') hasFailed = true
      for (const effect of moved.effects) {
        if (effect.do.startsWith('settle')) open--
        if (effect.do === 'end' && effect.isCommit) assert.equal(hasFailed, false)
        if (effect.do === 'settleCommitted') assert.equal(hasFailed, false)
      }
      assert.ok(open === 0 || open === 1)
      state = moved.state
    }
  }
})

test('S35 an end that is refused for its epoch requests a new one, and only a successor is fatal', () => {
  const refused = play([...TOUCHED, COMMIT, { type: 'endFenced', error: fenced }])
  assert.deepEqual(refused.effects, [{ do: 'initialise', ids }])
  const timedOut = play([{ type: 'initialised', ids: next }], refused.state)
  assert.deepEqual(timedOut.effects, [{ do: 'settleAborted', reason: fenced }])
  assert.deepEqual(timedOut.state, { name: 'idle', ids: next, isStale: false })
  const failed = { type: 'initialisingFailed', error: fenced } as const
  const succeeded = play([{ ...failed, isFatal: true }], refused.state)
  assert.equal(succeeded.state.name, 'dead')
  assert.deepEqual(succeeded.done, ['dropUnsent', 'settleAborted'])
  const unknown = play([{ ...failed, isFatal: false }], refused.state)
  assert.deepEqual(unknown.state, { name: 'idle', ids, isStale: true })
  assert.deepEqual(unknown.done, ['settleAborted'])
})
