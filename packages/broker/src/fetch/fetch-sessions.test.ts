import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { ErrorCode, fetch } from '@odradek/protocol'
import { fetchBody } from '../virtual-cluster.test-kit.ts'
import { type FetchContext, FetchSessions } from './fetch-sessions.ts'

function sessions(maxSessions = 10): FetchSessions {
  return new FetchSessions(
    maxSessions,
    new VirtualWorld({ seed: 1 }).process('p').environment.random,
  )
}

/** A fetch as the broker sees it after decoding. */
function body(sessionId: number, sessionEpoch: number, offsets: Readonly<Record<number, number>>) {
  const codec = fetch.request.at(11)
  const partitions = Object.entries(offsets).map(([partition, fetchOffset]) => ({
    partition: Number(partition),
    fetchOffset,
    partitionMaxBytes: 1,
  }))
  const topics = partitions.length === 0 ? [] : [{ topic: 'orders', partitions }]
  return codec.decode(codec.encode(fetchBody(0, { sessionId, sessionEpoch, topics })))
}

function opened(made: ReturnType<FetchSessions['open']>): FetchContext {
  assert.equal(made.errorCode, 0)
  return made as FetchContext
}

const offsetsOf = ({ partitions }: FetchContext): readonly number[] =>
  [...partitions.values()].map(({ requested }) => requested.fetchOffset)

test('a session remembers its partitions; requests name what changed', () => {
  const made = sessions()
  const first = opened(made.open(body(0, 0, { 0: 10, 1: 20 }), false))
  assert.ok(first.sessionId > 0)
  assert.equal(first.isIncremental, false)
  const second = opened(made.open(body(first.sessionId, 1, { 1: 25, 2: 0 }), false))
  assert.equal(second.isIncremental, true)
  assert.deepEqual(offsetsOf(second), [10, 25, 0])
  const forgetting = {
    ...body(first.sessionId, 2, {}),
    forgottenTopicsData: [{ topic: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [0] }],
  }
  assert.deepEqual(offsetsOf(opened(made.open(forgetting, false))), [25, 0])
})

test('epochs must follow each other', () => {
  const made = sessions()
  const { sessionId } = opened(made.open(body(0, 0, { 0: 0 }), false))
  const wrong = made.open(body(sessionId, 2, {}), false)
  assert.equal(wrong.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH)
  assert.equal(opened(made.open(body(sessionId, 1, {}), false)).sessionId, sessionId)
})

test('an unknown session and a change between names and ids get different errors', () => {
  const made = sessions()
  const unknown = made.open(body(99, 1, {}), false)
  assert.equal(unknown.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  const { sessionId } = opened(made.open(body(0, 0, { 0: 0 }), false))
  const changed = made.open(body(sessionId, 1, {}), true)
  assert.equal(changed.errorCode, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
})

test('requests without a session leave none; a final one closes it', () => {
  const made = sessions()
  assert.equal(opened(made.open(body(0, -1, { 0: 0 }), false)).sessionId, 0)
  assert.equal(made.size, 0)
  const { sessionId } = opened(made.open(body(0, 0, { 0: 0 }), false))
  made.open(body(sessionId, -1, {}), false)
  assert.equal(made.size, 0)
})

test('a session without partitions ends', () => {
  const made = sessions()
  const { sessionId } = opened(made.open(body(0, 0, { 0: 0 }), false))
  const last = {
    ...body(sessionId, 1, {}),
    forgottenTopicsData: [{ topic: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [0] }],
  }
  assert.equal(opened(made.open(last, false)).sessionId, 0)
  assert.equal(made.size, 0)
})

test('the session that was used longest ago makes room', () => {
  const made = sessions(2)
  const ids = [0, 1].map(() => opened(made.open(body(0, 0, { 0: 0 }), false)).sessionId)
  made.open(body(ids[0] ?? 0, 1, {}), false)
  opened(made.open(body(0, 0, { 0: 0 }), false))
  const evicted = made.open(body(ids[1] ?? 0, 1, {}), false)
  assert.equal(evicted.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  assert.equal(opened(made.open(body(ids[0] ?? 0, 2, {}), false)).sessionId, ids[0])
})

test('without places there are no sessions', () => {
  assert.equal(opened(sessions(0).open(body(0, 0, { 0: 0 }), false)).sessionId, 0)
})

test('a partition with records is read last the next time', () => {
  const made = sessions()
  const context = opened(made.open(body(0, 0, { 0: 10, 1: 20 }), false))
  const [first = ''] = context.partitions.keys()
  context.rotate(first)
  assert.deepEqual(offsetsOf(opened(made.open(body(context.sessionId, 1, {}), false))), [20, 10])
})
