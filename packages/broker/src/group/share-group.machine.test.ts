import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import fc from 'fast-check'
import { imageOf } from '../cluster/topics-image.ts'
import { simple } from './assignors/simple.ts'
import { transition } from './share-group.machine.ts'
import { EMPTY_SHARE_GROUP, type Event, type HeartbeatEvent, stateNameOf } from './share-group.ts'

class ShareGroupUnderTest {
  state = EMPTY_SHARE_GROUP
  readonly sizes = new Map([['orders', 4]])
  version = 0
  maxSize = 10
  effects: readonly string[] = []

  dispatch(event: Event) {
    const topics = [...this.sizes].map(([name, partitions]) => ({ name, id: name, partitions }))
    const step = transition(this.state, event, {
      limits: { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5000, maxSize: this.maxSize },
      topics: imageOf(topics, this.version),
    })
    this.state = step.state
    this.effects = step.effects.map((effect) => effect.do)
    return step.effects.find((effect) => effect.do === 'answer')?.answer
  }

  beat(memberId: string, more: Partial<HeartbeatEvent> = {}) {
    const answer = this.dispatch({
      type: 'heartbeat',
      memberId,
      memberEpoch: this.state.members.get(memberId)?.memberEpoch ?? 0,
      rackId: null,
      clientId: 'client',
      clientHost: '/host',
      subscribedTopicNames: null,
      ...more,
    })
    if (answer === undefined) throw new Error('no answer')
    return answer
  }

  /** Joins, and comes again once what is new can be assigned. */
  join(memberId: string) {
    const topics = { subscribedTopicNames: ['orders'] }
    const answer = this.beat(memberId, { memberEpoch: 0, ...topics })
    if (!this.effects.includes('initialize')) return answer
    this.dispatch({ type: 'initialized' })
    return this.beat(memberId, topics)
  }
}

test('members of a share group share partitions without waiting for each other', () => {
  const group = new ShareGroupUnderTest()
  assert.equal(group.join('a').assignment?.size, 4)
  const second = group.join('b')
  assert.deepEqual([second.memberEpoch, second.assignment?.size], [4, 2])
  const told = group.beat('a')
  assert.deepEqual([told.memberEpoch, told.assignment?.size], [4, 2])
  assert.equal(group.beat('a').assignment, null)
  assert.deepEqual(group.effects, ['setSession', 'answer'])
  assert.equal(stateNameOf(group.state), 'Stable')
})

test('what is new to the group is assigned at a later heartbeat', () => {
  const group = new ShareGroupUnderTest()
  const joined = group.beat('a', { memberEpoch: 0, subscribedTopicNames: ['orders'] })
  assert.deepEqual([joined.memberEpoch, joined.assignment?.size], [2, 0])
  assert.ok(group.effects.includes('initialize'))
  assert.equal(group.beat('a').assignment, null)
  group.dispatch({ type: 'initialized' })
  const told = group.beat('a')
  assert.deepEqual([told.memberEpoch, told.assignment?.size], [3, 4])
  assert.ok(!group.effects.includes('initialize'))
})

test('more members than partitions read the same ones', () => {
  const group = new ShareGroupUnderTest()
  group.sizes.set('orders', 1)
  for (const memberId of ['a', 'b', 'c']) assert.equal(group.join(memberId).assignment?.size, 1)
})

test('topics that grow make a new epoch', () => {
  const group = new ShareGroupUnderTest()
  group.join('a')
  group.sizes.set('orders', 6)
  group.version++
  assert.equal(group.beat('a').assignment, null)
  group.dispatch({ type: 'initialized' })
  const told = group.beat('a')
  assert.deepEqual([told.memberEpoch, told.assignment?.size], [5, 6])
})

test('epochs are checked, and strangers refused', () => {
  const group = new ShareGroupUnderTest()
  group.join('a')
  group.join('b')
  group.beat('a')
  assert.equal(group.beat('a', { memberEpoch: 9 }).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
  assert.equal(group.beat('a', { memberEpoch: 3 }).errorCode, 0, 'its last answer was lost')
  assert.equal(group.join('a').errorCode, 0)
  assert.equal(group.beat('x', { memberEpoch: 3 }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  assert.equal(group.beat('x', { memberEpoch: -1 }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  group.maxSize = 2
  assert.equal(group.join('c').errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
})

test('a member that leaves or stops its heartbeats releases its records', () => {
  const group = new ShareGroupUnderTest()
  group.join('a')
  group.join('b')
  assert.equal(group.beat('a', { memberEpoch: -1 }).memberEpoch, -1)
  assert.ok(group.effects.includes('release'))
  assert.equal(group.beat('b').assignment?.size, 4)
  group.dispatch({ type: 'sessionExpired', memberId: 'b' })
  assert.ok(group.effects.includes('release'))
  assert.equal(stateNameOf(group.state), 'Empty')
})

test('the simple assignor leaves no partition without a reader and no member without work', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), (size, count) => {
      const topics = [{ name: 'orders', id: 'orders', partitions: size }]
      const targets = simple(
        Array.from({ length: count }, (_, index) => ({
          memberId: `m${index}`,
          instanceId: null,
          topics,
          previous: new Set<string>(),
        })),
      )
      const sizes = [...targets.values()].map((keys) => keys.size)
      assert.ok(Math.min(...sizes) >= 1 && Math.max(...sizes) - Math.min(...sizes) <= 1)
      assert.equal(new Set([...targets.values()].flatMap((keys) => [...keys])).size, size)
    }),
  )
})
