import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OffsetTracker } from './offset-tracker.ts'

test('in order, the committable offset follows the last finished record', () => {
  const tracker = new OffsetTracker(10)
  for (let offset = 10; offset < 300; offset++) {
    const ticket = tracker.deliver(offset)
    assert.equal(tracker.committable, offset)
    tracker.finish(ticket)
    assert.equal(tracker.committable, offset + 1)
  }
})

test('a later record never commits an earlier one that is unfinished', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 200 }),
      fc.infiniteStream(fc.nat()),
      (gaps, choices) => {
        const tracker = new OffsetTracker(0)
        let offset = 0
        const open = new Map<number, number>()
        for (const gap of gaps) {
          offset += gap
          open.set(offset, tracker.deliver(offset))
        }
        const last = offset
        const first = gaps[0] as number
        while (open.size > 0) {
          const entries = [...open]
          const [done, ticket] = entries[choices.next().value % entries.length] as [number, number]
          tracker.finish(ticket)
          tracker.finish(ticket)
          open.delete(done)
          const oldest = Math.min(...open.keys(), Number.POSITIVE_INFINITY)
          // Until the first one is finished nothing is committable but the start.
          if (open.size > 0) assert.equal(tracker.committable, open.has(first) ? 0 : oldest)
          assert.equal(tracker.unfinishedCount > 0, open.size > 0)
        }
        assert.equal(tracker.committable, last + 1)
      },
    ),
  )
})

test('offsets without records are passed over once everything before is finished', () => {
  const tracker = new OffsetTracker(0)
  const ticket = tracker.deliver(4)
  tracker.passTo(9)
  assert.equal(tracker.committable, 0)
  tracker.finish(ticket)
  assert.equal(tracker.committable, 9)
  tracker.passTo(12)
  assert.equal(tracker.committable, 12)
})

test('marking up to an offset finishes everything up to it and nothing behind', () => {
  const tracker = new OffsetTracker(0)
  for (let offset = 0; offset < 5; offset++) tracker.deliver(offset)
  tracker.finishUpTo(2)
  assert.equal(tracker.committable, 3)
  assert.equal(tracker.unfinishedCount, 2)
  tracker.finishUpTo(1)
  assert.equal(tracker.committable, 3)
})
