import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnyRecord } from './fetch-buffer.ts'
import { Lineage } from '../partition/position-epoch.ts'
import { Hand, Hands } from './in-flight-records.ts'

function recordAt(offset: number): { readonly record: AnyRecord; readonly lineage: Lineage } {
  const lineage = new Lineage('orders', 0, undefined, { offset: 0, leaderEpoch: -1 })
  const record = { topic: 'orders', partition: 0, offset, lineage } as unknown as AnyRecord
  return { record, lineage }
}

test('calls leave the list in any order; the oldest is always first', () => {
  const hands = new Hands()
  const list = [1, 2, 3, 4].map((at) => new Hand(recordAt(at).record, at))
  for (const hand of list) hands.add(hand)
  const [one, two, three, four] = list as [Hand, Hand, Hand, Hand]
  hands.remove(two)
  assert.deepEqual(
    [...hands].map(({ offset }) => offset),
    [1, 3, 4],
  )
  hands.remove(one)
  assert.equal(hands.oldest, three)
  hands.remove(four)
  hands.remove(three)
  assert.equal(hands.oldest, undefined)
  hands.add(one)
  assert.deepEqual([...hands], [one])
})

test('a signal follows its lineage until the call is over, and aborts alone on a timeout', () => {
  const { record, lineage } = recordAt(7)
  const [slow, quick, late] = [new Hand(record, 0), new Hand(record, 0), new Hand(record, 0)]
  const signals = [slow.signal, quick.signal]
  slow.timeOut()
  quick.close()
  lineage.end('revoked')
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  )
  assert.equal(slow.signal.reason, 'timeout')
  assert.equal(late.signal.reason, 'revoked', 'also for whoever asks late')
})
