import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FetchSession, type FetchTarget } from './fetch-session.ts'

const target = (partition: number, fetchOffset = 0): FetchTarget => ({
  topic: 't',
  topicId: 'id',
  partition,
  fetchOffset,
  currentLeaderEpoch: 1,
  lastFetchedEpoch: 1,
  partitionMaxBytes: 100,
})

const named = (targets: readonly FetchTarget[]): number[] => targets.map((one) => one.partition)

test('the first request names everything, the next ones only what changed', () => {
  const session = new FetchSession()
  const first = session.next([target(0), target(1)])
  assert.deepEqual([first.sessionId, first.sessionEpoch, named(first.named)], [0, 0, [0, 1]])
  session.accepted(first, 7)
  const second = session.next([target(0, 5), target(1)])
  assert.deepEqual([second.sessionId, second.sessionEpoch, named(second.named)], [7, 1, [0]])
  session.accepted(second, 7)
  const third = session.next([target(1), target(2)])
  assert.deepEqual([third.sessionEpoch, named(third.named), named(third.forgotten)], [2, [2], [0]])
})

test('a request that got no answer changes nothing, and the next one replaces the session', () => {
  const session = new FetchSession()
  session.accepted(session.next([target(0)]), 7)
  session.next([target(0, 9)])
  session.restart()
  const plan = session.next([target(0, 9)])
  assert.deepEqual([plan.sessionId, plan.sessionEpoch, named(plan.named)], [7, 0, [0]])
})

test('a broker that keeps no session is told everything each time', () => {
  const session = new FetchSession()
  session.accepted(session.next([target(0)]), 0)
  const plan = session.next([target(0)])
  assert.deepEqual([plan.sessionId, plan.sessionEpoch, named(plan.named)], [0, 0, [0]])
  assert.equal(session.openId, 0)
})

test('the epoch wraps to 1, never to 0 or -1', () => {
  const session = new FetchSession()
  session.accepted({ ...session.next([target(0)]), sessionEpoch: 0x7fff_ffff }, 7)
  assert.equal(session.next([target(0)]).sessionEpoch, 1)
})

test('another incarnation of a topic is another partition: the old one is forgotten', () => {
  const session = new FetchSession()
  session.accepted(session.next([target(0)]), 7)
  const plan = session.next([{ ...target(0), topicId: 'new' }])
  assert.deepEqual([plan.named[0]?.topicId, plan.forgotten[0]?.topicId], ['new', 'id'])
})
