import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Acknowledgement } from './acquired-record.ts'
import {
  type PendingAcknowledgement,
  PendingAcknowledgements,
  toBatches,
} from './pending-acknowledgements.ts'

const P0 = { topic: 'orders', topicId: 'A', partition: 0 }
const P1 = { topic: 'orders', topicId: 'A', partition: 1 }
const WORDS: readonly Acknowledgement[] = ['gap', 'accept', 'release', 'reject', 'renew']

const say = (offset: number, acknowledgement: Acknowledgement = 'accept') => {
  return { offset, acknowledgement, hold: undefined }
}

test('offsets that follow each other make one batch, with one type when all have the same', () => {
  const items = [say(7), say(5), say(6), say(9, 'reject'), say(10, 'release')]
  assert.deepEqual(toBatches(items), [
    { firstOffset: 5, lastOffset: 7, acknowledgeTypes: [1] },
    { firstOffset: 9, lastOffset: 10, acknowledgeTypes: [3, 2] },
  ])
})

test('batches say of every offset what was said of it, and of no other', () => {
  const words = fc.uniqueArray(
    fc.record(
      { offset: fc.nat(60), acknowledgement: fc.constantFrom(...WORDS) },
      { noNullPrototype: true },
    ),
    { selector: ({ offset }) => offset },
  )
  fc.assert(
    fc.property(words, (items) => {
      const batches = toBatches(items.map((item) => ({ ...item, hold: undefined })))
      const read = batches.flatMap(({ firstOffset, lastOffset, acknowledgeTypes }) => {
        const count = lastOffset - firstOffset + 1
        assert.ok(acknowledgeTypes.length === 1 || acknowledgeTypes.length === count)
        return Array.from({ length: count }, (_, index) => ({
          offset: firstOffset + index,
          acknowledgement: WORDS[acknowledgeTypes[index] ?? acknowledgeTypes[0] ?? -1],
        }))
      })
      assert.deepEqual(
        read,
        [...items].sort((a, b) => a.offset - b.offset),
      )
    }),
  )
})

test('an offset is named once, by its last word; partitions go side by side', () => {
  const pending = new PendingAcknowledgements()
  pending.add(P0, say(1, 'renew'))
  pending.add(P0, say(1, 'accept'))
  pending.add(P1, say(1, 'release'))
  assert.equal(pending.hasRenewals, false)
  assert.deepEqual(pending.take(), [
    { partition: P0, items: [say(1, 'accept')] },
    { partition: P1, items: [say(1, 'release')] },
  ])
  assert.equal(pending.isEmpty, true)
})

test('what was delivered anew is not spoken of as it was before', () => {
  const pending = new PendingAcknowledgements()
  pending.add(P0, say(1))
  pending.forget(P0, 1)
  pending.forget(P1, 1)
  assert.deepEqual([pending.isEmpty, pending.take()], [true, []])
})

/** A broker that takes the acknowledgements of a partition all or not at all. */
function tell(
  pending: PendingAcknowledgements,
  late: ReadonlySet<number>,
): { readonly taken: number[]; readonly refused: number[]; readonly requests: number } {
  const taken: number[] = []
  const refused: number[] = []
  let requests = 0
  while (!pending.isEmpty) {
    requests++
    for (const lot of pending.take()) {
      const offsets = lot.items.map(({ offset }: PendingAcknowledgement) => offset)
      if (!offsets.some((offset) => late.has(offset))) taken.push(...offsets)
      else if (!pending.divide(lot)) refused.push(...offsets)
    }
  }
  return { taken, refused, requests }
}

test('however many are late, all the others arrive', () => {
  const offsets = fc.uniqueArray(fc.nat(400), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(offsets, fc.array(fc.nat(400), { maxLength: 5 }), (all, lateOnes) => {
      const pending = new PendingAcknowledgements()
      for (const offset of all) pending.add(P0, say(offset))
      const late = new Set(lateOnes)
      const { taken, refused, requests } = tell(pending, late)
      const ascending = (a: number, b: number): number => a - b
      const isLate = (offset: number): boolean => late.has(offset)
      assert.deepEqual(
        taken.sort(ascending),
        all.filter((offset) => !isLate(offset)).sort(ascending),
      )
      assert.deepEqual(refused.sort(ascending), all.filter(isLate).sort(ascending))
      assert.ok(requests <= 1 + refused.length * 2 * 9, `${requests} requests`)
    }),
  )
})

test('what is put back goes alone, before what is new', () => {
  const pending = new PendingAcknowledgements()
  pending.add(P0, say(1))
  const [lot] = pending.take()
  assert.ok(lot !== undefined)
  pending.add(P0, say(2))
  pending.putBack(lot)
  assert.deepEqual(pending.take(), [{ partition: P0, items: [say(1)] }])
  assert.deepEqual(pending.take(), [{ partition: P0, items: [say(2)] }])
})

test('what is forgotten is not told again either, and what was refused with it is', () => {
  const pending = new PendingAcknowledgements()
  for (const offset of [1, 2, 3]) pending.add(P0, say(offset))
  const [refused] = pending.take()
  assert.ok(refused !== undefined && pending.divide(refused))
  pending.forget(P0, 2)
  const told: number[] = []
  while (!pending.isEmpty) {
    for (const { items } of pending.take()) told.push(...items.map(({ offset }) => offset))
  }
  assert.deepEqual(told, [1, 3])
})
