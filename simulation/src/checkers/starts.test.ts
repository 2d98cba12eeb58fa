/** What checkers say of a group that begins at an instant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventOf, HistoryEvent, StartInstant } from '../history/event.ts'
import { acknowledgedIsDelivered } from './acknowledged-is-delivered.ts'
import { committedWasProcessed } from './committed-was-processed.ts'
import { lossIsTold } from './loss-is-told.ts'
import { nothingStalls } from './nothing-stalls.ts'
import {
  acknowledged,
  appended,
  committed,
  delivered,
  later,
  processed,
  recordsGone,
  sending,
  topic,
  verdictOf,
} from './story.test-kit.ts'

const starts = (at: number, actor: string, startsFrom?: StartInstant): HistoryEvent => ({
  ...{ type: 'memberStarted', at, actor, groupId: 'billing' },
  ...(startsFrom === undefined ? {} : { startsFrom }),
})
const from = (timestamp: number): StartInstant => ({ timestamp, isOfGroup: false })
const ofGroup = (timestamp: number): StartInstant => ({ timestamp, isOfGroup: true })

/** Two records, written at 100 and at 200. */
const LOG: readonly HistoryEvent[] = [
  topic(),
  sending(0, 'p:0', 'p:1'),
  {
    ...(appended(1, 0, 'p:0', 'p:1') as EventOf<'appended'>),
    timestamps: [100, 200],
  },
  acknowledged(2, 'p:0', 0),
  acknowledged(2, 'p:1', 1),
]
const SECOND = [delivered(4, 'm', 1), processed(4, 'm', 1), committed(5, 'm', 2)]

test('S10 what is older than the instant may be left out, and nothing else', () => {
  const story = (...start: readonly HistoryEvent[]) => [...LOG, ...start, ...SECOND]
  for (const checker of [acknowledgedIsDelivered, committedWasProcessed]) {
    assert.deepEqual(verdictOf(checker, ...story(starts(3, 'm', from(150)))), [])
    assert.match(verdictOf(checker, ...story(starts(3, 'm', from(100))))[0] ?? '', /p:0|offset 0/)
    assert.match(verdictOf(checker, ...story(starts(3, 'm')))[0] ?? '', /p:0|offset 0/)
  }
  assert.match(
    verdictOf(acknowledgedIsDelivered, ...LOG, starts(3, 'm', from(150)))[0] ?? '',
    /p:1, .* was never processed/,
  )
})

test('S10 what counts from the first start of the group does not begin later with who comes later', () => {
  const first = [...LOG, starts(3, 'm', ofGroup(50)), committed(4, 'm', 0)]
  const late = starts(5, 'n', ofGroup(300))
  const told = verdictOf(acknowledgedIsDelivered, ...first, late)
  assert.match(told[0] ?? '', /p:0, .* was never processed/)
  // Whoever is there before anything is committed may be the one that begins.
  const early = [...LOG, starts(3, 'm', ofGroup(50)), starts(3, 'n', ofGroup(300))]
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...early, committed(4, 'n', 2)), [])
  // A timestamp is each member's own.
  assert.deepEqual(verdictOf(acknowledgedIsDelivered, ...first, starts(5, 'n', from(300))), [])
})

test('S10 nobody waits for what may be left out, and its loss is none', () => {
  const begun = [...LOG, starts(3, 'm', from(300))]
  assert.deepEqual(verdictOf(nothingStalls, ...begun, later(60_000)), [])
  const waiting = [...LOG, starts(3, 'm', from(200))]
  assert.match(verdictOf(nothingStalls, ...waiting, later(60_000))[0] ?? '', /stood still/)
  const gone = [committed(4, 'm', 2), recordsGone(5, 'expired', 0, 2)]
  assert.deepEqual(verdictOf(lossIsTold, ...begun, ...gone), [])
  assert.match(verdictOf(lossIsTold, ...waiting, ...gone)[0] ?? '', /p:1 went from offset 1/)
})
