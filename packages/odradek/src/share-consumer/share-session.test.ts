import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ShareSession } from './share-session.ts'

const at = (partition: number, topicId = 'A') => ({ topic: 'orders', topicId, partition })

test('a session begins with everything, then says what changed', () => {
  const session = new ShareSession()
  assert.equal(session.isOpen, false)
  const first = session.next([at(0), at(1)])
  assert.deepEqual([first.shareSessionEpoch, first.added, first.forgotten], [0, [at(0), at(1)], []])
  session.fetched(first)
  assert.equal(session.isOpen, true)
  const second = session.next([at(1), at(2)])
  assert.deepEqual(
    [second.shareSessionEpoch, second.added, second.forgotten],
    [1, [at(2)], [at(0)]],
  )
})

test('what was not answered did not happen; acknowledgements count, too', () => {
  const session = new ShareSession()
  session.fetched(session.next([at(0)]))
  session.next([at(0), at(1)])
  assert.deepEqual(session.next([at(0), at(1)]).added, [at(1)])
  session.acknowledged()
  assert.equal(session.epoch, 2)
  assert.deepEqual(session.next([at(0)]).added, [])
})

test('a topic made anew is another one, and a reset begins from the start', () => {
  const session = new ShareSession()
  session.fetched(session.next([at(0)]))
  const plan = session.next([at(0, 'B')])
  assert.deepEqual([plan.added, plan.forgotten], [[at(0, 'B')], [at(0)]])
  session.reset()
  assert.deepEqual([session.isOpen, session.next([at(0)]).added], [false, [at(0)]])
})
