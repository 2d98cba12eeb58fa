import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { ConsumerGroupUnderTest } from './consumer-group.test-kit.ts'
import { stateNameOf } from './consumer-group.ts'

const keys = (topic: string, ...partitions: readonly number[]) =>
  new Set(partitions.map((partition) => `id-${topic}:${partition}`))

/** The partitions of `orders` that a member has, or is told to have. */
const indexes = (set: Iterable<string> | null | undefined) =>
  set === null || set === undefined
    ? null
    : [...set].map((key) => Number(key.split(':')[1])).sort((a, b) => a - b)

/** Two members of one topic with four partitions, both settled. */
function pair(): ConsumerGroupUnderTest {
  const group = new ConsumerGroupUnderTest({ orders: 4 })
  group.join('a', ['orders'])
  group.heartbeat('a', { owned: keys('orders', 0, 1, 2, 3) })
  group.join('b', ['orders'])
  group.heartbeat('a', { owned: keys('orders', 0, 1, 2, 3) })
  group.heartbeat('a', { owned: keys('orders', 0, 1) })
  group.heartbeat('b', { owned: new Set() })
  group.heartbeat('b', { owned: keys('orders', 2, 3) })
  return group
}

describe('a consumer group', () => {
  test('the first member gets everything in its first response', () => {
    const group = new ConsumerGroupUnderTest({ orders: 3 })
    const answer = group.join('a', ['orders'])
    assert.equal(answer.errorCode, 0)
    assert.equal(answer.memberEpoch, 2, 'the group is made, and changed')
    assert.equal(answer.heartbeatIntervalMs, 5000)
    assert.deepEqual(indexes(answer.assignment), [0, 1, 2])
    assert.equal(stateNameOf(group.state), 'Stable')
    assert.equal(group.timers.get('session a')?.afterMs, 45_000)
  })

  test('a client of version 0 is given a name', () => {
    const group = new ConsumerGroupUnderTest({ orders: 1 })
    assert.equal(group.join('', ['orders']).memberId, 'made-up')
  })

  test('a heartbeat that changes nothing carries no assignment, a full one always does', () => {
    const group = pair()
    assert.equal(group.heartbeat('a').assignment, null)
    assert.equal(group.heartbeat('a', { owned: keys('orders', 0, 1) }).assignment, null)
    const full = group.heartbeat('a', {
      owned: keys('orders', 0, 1),
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ['orders'],
    })
    assert.deepEqual(indexes(full.assignment), [0, 1])
  })

  test('a partition gets its new owner only after the old one has released it', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('a', ['orders'])
    const joined = group.join('b', ['orders'])
    assert.deepEqual(indexes(joined.assignment), [])
    assert.equal(joined.memberEpoch, 3)
    assert.equal(group.member('b')?.state, 'UnreleasedPartitions')
    assert.equal(stateNameOf(group.state), 'Reconciling')
    const told = group.heartbeat('a', { owned: keys('orders', 0, 1, 2, 3) })
    assert.deepEqual(indexes(told.assignment), [0, 1])
    assert.equal(told.memberEpoch, 2, 'it stays in its epoch while it revokes')
    assert.equal(group.member('a')?.state, 'UnrevokedPartitions')
    assert.deepEqual(indexes(group.member('a')?.pendingRevocation.keys()), [2, 3])
    assert.equal(group.heartbeat('b', { owned: new Set() }).assignment, null)
    assert.equal(group.heartbeat('a').memberEpoch, 2, 'silence is no acknowledgement')
    assert.equal(group.heartbeat('a', { owned: keys('orders', 0, 1) }).memberEpoch, 3)
    const given = group.heartbeat('b')
    assert.deepEqual(indexes(given.assignment), [2, 3])
    assert.equal(stateNameOf(group.state), 'Stable')
  })

  test('a member that does not release partitions in its rebalance timeout is fenced', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    group.join('a', ['orders'])
    group.join('b', ['orders'])
    group.heartbeat('a', { owned: keys('orders', 0, 1) })
    assert.equal(group.timers.get('rebalance a')?.afterMs, 60_000)
    group.expire('rebalance a')
    assert.equal(group.member('a'), undefined)
    const late = group.heartbeat('a', { memberEpoch: 1, owned: keys('orders', 0) })
    assert.equal(late.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.deepEqual(indexes(group.heartbeat('b').assignment), [0, 1])
  })

  test('the timer of a revocation ends with it', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    group.join('a', ['orders'])
    group.join('b', ['orders'])
    group.heartbeat('a', { owned: keys('orders', 0, 1) })
    group.heartbeat('a', { owned: keys('orders', 0) })
    assert.ok(!group.timers.has('rebalance a'))
  })

  test('a silent member is missed after its session, and the others share', () => {
    const group = pair()
    group.expire('session a')
    assert.equal(stateNameOf(group.state), 'Assigning')
    const answer = group.heartbeat('b')
    assert.deepEqual(indexes(answer.assignment), [0, 1, 2, 3])
    assert.equal(answer.memberEpoch, 4)
  })

  test('a leave removes the member immediately; an empty group keeps its epoch', () => {
    const group = pair()
    const answer = group.heartbeat('a', { memberEpoch: -1 })
    assert.deepEqual([answer.errorCode, answer.memberEpoch, answer.memberId], [0, -1, 'a'])
    group.heartbeat('b', { memberEpoch: -1 })
    assert.equal(stateNameOf(group.state), 'Empty')
    assert.equal(group.timers.size, 0)
    assert.equal(group.state.assignmentEpoch, 5)
    assert.equal(group.join('c', ['orders']).memberEpoch, 6)
  })

  test('an unknown member is refused unless it joins', () => {
    const group = pair()
    const unknown = group.heartbeat('x', { memberEpoch: 3 })
    assert.equal(unknown.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(group.heartbeat('x', { memberEpoch: -1 }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('a full group takes no new members, and keeps those it has', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 }, { maxSize: 1 })
    group.join('a', ['orders'])
    assert.equal(group.join('b', ['orders']).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(group.heartbeat('a').errorCode, 0)
  })

  test('topics that change make a new epoch at the next heartbeat', () => {
    const group = new ConsumerGroupUnderTest({ orders: 1 })
    group.join('a', ['orders', 'returns'])
    group.topic('unrelated', 3)
    assert.equal(group.heartbeat('a').memberEpoch, 2)
    group.topic('orders', 2)
    assert.deepEqual(indexes(group.heartbeat('a').assignment), [0, 1])
    group.topic('returns', 1)
    assert.equal(group.heartbeat('a').assignment?.size, 3)
    group.topic('orders', 0)
    const told = group.heartbeat('a', { owned: new Set(group.member('a')?.assigned.keys()) })
    assert.deepEqual([...(told.assignment ?? [])], ['id-returns:0'])
    assert.equal(told.memberEpoch, 4)
    assert.equal(group.heartbeat('a', { owned: keys('returns', 0) }).memberEpoch, 5)
  })

  test('partitions of unsubscribed topics are revoked immediately', () => {
    const group = new ConsumerGroupUnderTest(
      { orders: 2, returns: 2 },
      { assignmentIntervalMs: 1000 },
    )
    group.join('a', ['orders', 'returns'])
    group.now = 10
    const told = group.heartbeat('a', {
      subscribedTopicNames: ['returns'],
      owned: new Set([...keys('orders', 0, 1), ...keys('returns', 0, 1)]),
    })
    assert.deepEqual(told.assignment, keys('returns', 0, 1))
    assert.equal(group.member('a')?.state, 'UnrevokedPartitions')
  })

  test('targets are computed no more often than the interval allows', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 }, { assignmentIntervalMs: 1000 })
    group.join('a', ['orders'])
    group.now = 400
    const early = group.join('b', ['orders'])
    assert.equal(early.memberEpoch, 2)
    assert.equal(stateNameOf(group.state), 'Assigning')
    assert.equal(group.heartbeat('a', { owned: keys('orders', 0, 1) }).assignment, null)
    group.now = 1000
    assert.deepEqual(indexes(group.heartbeat('a').assignment), [0])
  })

  test('most votes choose the assignor', () => {
    const group = new ConsumerGroupUnderTest({ orders: 3, returns: 3 })
    group.join('b', ['orders', 'returns'], { serverAssignor: 'range' })
    group.join('a', ['orders', 'returns'], { serverAssignor: 'range' })
    assert.deepEqual([...(group.state.target.get('a') ?? [])].sort(), [
      ...['id-orders:0', 'id-orders:1', 'id-returns:0', 'id-returns:1'],
    ])
  })
})

describe('epochs of a consumer group', () => {
  test('ahead is fenced', () => {
    const group = pair()
    const answer = group.heartbeat('a', { memberEpoch: 9 })
    assert.equal(answer.errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
    assert.match(answer.errorMessage ?? '', /greater member epoch \(9\)/)
    assert.equal(group.member('a')?.memberEpoch, 3, 'a refused request leaves no trace')
  })

  test('the previous epoch is accepted from a member that owns no more than it was assigned', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    group.join('a', ['orders'])
    group.topic('orders', 4)
    group.heartbeat('a', { owned: keys('orders', 0, 1) })
    const retry = { memberEpoch: 2, owned: keys('orders', 0, 1) }
    const full = { ...retry, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['orders'] }
    const again = group.heartbeat('a', full)
    assert.equal(again.memberEpoch, 3)
    assert.deepEqual(indexes(again.assignment), [0, 1, 2, 3])
    const fenced = { ...full, owned: keys('orders', 0, 9) }
    assert.equal(group.heartbeat('a', fenced).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
    const silent = { memberEpoch: 2 }
    assert.equal(group.heartbeat('a', silent).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
    group.topic('orders', 5)
    group.heartbeat('a', { owned: keys('orders', 0, 1, 2, 3) })
    assert.equal(group.heartbeat('a', full).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
  })

  test('to join again with the same name is always fine', () => {
    const group = pair()
    const answer = group.join('a', ['orders'])
    assert.deepEqual(indexes(answer.assignment), [0, 1])
    assert.equal(answer.memberEpoch, 3)
    assert.equal(group.state.groupEpoch, 3)
  })

  test('a repeated join gets the lost response again', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    const [first, second] = [group.join('a', ['orders']), group.join('a', ['orders'])]
    assert.deepEqual(first, second)
  })
})

describe('static members of a consumer group', () => {
  const pod = { instanceId: 'pod' }

  test('the name of a living member is not given to another', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    group.join('a', ['orders'], pod)
    const second = group.join('b', ['orders'], pod)
    assert.equal(second.errorCode, ErrorCode.UNRELEASED_INSTANCE_ID)
    assert.equal(group.heartbeat('a', pod).errorCode, 0)
  })

  test('a member that leaves temporarily keeps its partitions for its successor', () => {
    const group = new ConsumerGroupUnderTest({ orders: 4 })
    group.join('a', ['orders'], pod)
    group.join('b', ['orders'])
    group.heartbeat('a', { ...pod, owned: keys('orders', 0, 1, 2, 3) })
    group.heartbeat('a', { ...pod, owned: keys('orders', 0, 1) })
    group.heartbeat('b')
    const left = group.heartbeat('a', { ...pod, memberEpoch: -2 })
    assert.deepEqual([left.errorCode, left.memberEpoch], [0, -2])
    assert.equal(group.heartbeat('b').assignment, null)
    const { groupEpoch } = group.state
    const back = group.join('a2', ['orders'], pod)
    assert.deepEqual(indexes(back.assignment), [0, 1])
    assert.equal(back.memberEpoch, groupEpoch)
    assert.equal(group.state.groupEpoch, groupEpoch, 'nobody was disturbed')
    const old = group.heartbeat('a', { ...pod, memberEpoch: 2 })
    assert.equal(old.errorCode, ErrorCode.FENCED_INSTANCE_ID)
  })

  test('a member that does not rejoin in its session is removed', () => {
    const group = new ConsumerGroupUnderTest({ orders: 2 })
    group.join('a', ['orders'], pod)
    group.heartbeat('a', { ...pod, memberEpoch: -2 })
    assert.ok(group.expire('session a'))
    assert.equal(stateNameOf(group.state), 'Empty')
    const unknown = group.heartbeat('a', { ...pod, memberEpoch: 1 })
    assert.equal(unknown.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })
})

describe('patterns of a consumer group', () => {
  const pattern = { subscribedTopicNames: null, subscribedTopicRegex: 'or.*' }

  test('are resolved beside the request, and again when topics come and go', () => {
    const group = new ConsumerGroupUnderTest({ orders: 1, returns: 1 })
    const joined = group.join('a', [], pattern)
    assert.deepEqual(indexes(joined.assignment), [])
    assert.ok(group.expire('resolution'))
    const told = group.heartbeat('a', { owned: new Set() })
    assert.deepEqual(told.assignment, keys('orders', 0))
    assert.equal(told.memberEpoch, 2)
    group.topic('oranges', 1)
    group.heartbeat('a')
    assert.ok(group.expire('resolution'))
    assert.equal(group.heartbeat('a').assignment?.size, 2)
    group.topic('orders', 0)
    const last = group.heartbeat('a', { owned: new Set(group.member('a')?.assigned.keys()) })
    assert.deepEqual(last.assignment, keys('oranges', 0))
  })

  test('go beside names, and an empty one takes the pattern away', () => {
    const group = new ConsumerGroupUnderTest({ orders: 1, returns: 1 })
    group.join('a', ['returns'], { ...pattern, subscribedTopicNames: ['returns'] })
    group.expire('resolution')
    assert.equal(group.heartbeat('a').assignment?.size, 2)
    const told = group.heartbeat('a', {
      subscribedTopicRegex: '',
      owned: new Set(group.member('a')?.assigned.keys()),
    })
    assert.deepEqual(told.assignment, keys('returns', 0))
  })

  test('that are invalid leave the member as it was', () => {
    const group = new ConsumerGroupUnderTest({ orders: 1 })
    const refused = group.join('a', [], { ...pattern, subscribedTopicRegex: '(?=x)' })
    assert.equal(refused.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION)
    assert.equal(group.state.members.size, 0)
  })
})
