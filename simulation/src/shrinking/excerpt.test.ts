import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  appended,
  delivered,
  fault,
  group,
  later,
  member,
  owns,
  processed,
  topic,
} from '../checkers/story.test-kit.ts'
import { excerptOf } from './excerpt.ts'

const ELSEWHERE = { topic: 'payments', partition: 3 }

test('what a violation names is told, with the group and what went wrong; the rest is not', () => {
  const told = excerptOf(
    [
      topic(),
      member('memberStarted', 0, 'm'),
      group(10, 'PreparingRebalance', 0, { m: [] }, 'join'),
      group(20, 'PreparingRebalance', 0, { m: [], n: [] }, 'join'),
      group(30, 'Stable', 1, { m: [] }),
      owns('assigned', 40, 'm'),
      appended(50, 0, 'p:0', 'p:1', 'p:2'),
      { ...appended(50, 0, 'q:0'), ...ELSEWHERE },
      delivered(60, 'm', 0),
      processed(61, 'm', 0),
      delivered(62, 'm', 1),
      processed(63, 'm', 1),
      { ...delivered(64, 'n', 7), ...ELSEWHERE },
      fault(70),
      delivered(80, 'm', 2),
      later(9000),
    ],
    { at: 80, text: 'm got offset 2 of orders-0: it skipped 1.' },
  )
  const kinds = told.map((line) => line.trim().split(/\s+/).slice(1, 3).join(' '))
  assert.deepEqual(kinds, [
    ...['m starts', 'broker-1 group', 'broker-1 group', 'm assigned'],
    ...['broker-1 appends', 'm delivered', 'FAULT something', 'm delivered'],
  ])
  assert.match(told[1] ?? '', /PreparingRebalance 0 .* n:/)
  assert.match(told.find((line) => line.includes('delivered')) ?? '', /@0 p:0 \.\. @1$/)
})

test('a long story is told from its beginning and its end', () => {
  const events = Array.from({ length: 500 }, (_, at) => fault(at))
  const told = excerptOf(events, { at: 500, text: 'It took too long.' })
  assert.equal(told.length, 121)
  assert.match(told[40] ?? '', /380 lines/)
  assert.match(told.at(-1) ?? '', /0\.499/)
})
