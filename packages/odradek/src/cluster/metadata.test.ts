import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, ZERO_UUID } from '@odradek/protocol'
import { applyLeaderHint, applyMetadata, hasTopicId, NO_METADATA } from './metadata.ts'

type Response = Parameters<typeof applyMetadata>[1]

/** An answer about one partition of the topic `orders`. */
function answer(
  leader: number,
  leaderEpoch: number,
  more: { readonly topicId?: string; readonly errorCode?: number } = {},
): Response {
  return {
    throttleTimeMs: 0,
    brokers: [1, 2].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9092, rack: null })),
    clusterId: 'c',
    controllerId: 1,
    topics: [
      {
        errorCode: more.errorCode ?? 0,
        name: 'orders',
        topicId: more.topicId ?? 'id-1',
        isInternal: false,
        partitions: [
          {
            errorCode: 0,
            partitionIndex: 0,
            leaderId: leader,
            leaderEpoch,
            replicaNodes: [1, 2],
            isrNodes: [1, 2],
            offlineReplicas: [],
          },
        ],
        topicAuthorizedOperations: 0,
      },
    ],
    clusterAuthorizedOperations: 0,
    errorCode: 0,
  }
}

const leaderOf = (metadata: typeof NO_METADATA) =>
  metadata.topics.get('orders')?.partitions[0]?.leader

test('an older leader epoch is not believed, an equal or newer one is', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  assert.equal(leaderOf(applyMetadata(first, answer(2, 4))), 1)
  assert.equal(leaderOf(applyMetadata(first, answer(2, 5))), 2)
  assert.equal(leaderOf(applyMetadata(first, answer(2, 6))), 2)
})

test('another topic id is another topic: its epochs begin anew', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  const recreated = applyMetadata(first, answer(2, 0, { topicId: 'id-2' }))
  assert.equal(leaderOf(recreated), 2)
  assert.equal(recreated.namesById.get('id-2'), 'orders')
  assert.equal(recreated.namesById.has('id-1'), false)
})

test('a topic error is kept beside what was known, until the topic is told again', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  const code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  const gone = applyMetadata(first, answer(-1, -1, { errorCode: code }))
  assert.equal(gone.topicErrors.get('orders'), code)
  assert.equal(leaderOf(gone), 1)
  assert.equal(applyMetadata(gone, answer(2, 6)).topicErrors.size, 0)
})

test('topics that nobody wants any more are forgotten', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  const other = { ...answer(1, 5), topics: [] }
  assert.equal(applyMetadata(first, other).topics.size, 1)
  assert.equal(applyMetadata(first, other, new Set(['orders'])).topics.size, 1)
  assert.equal(applyMetadata(first, other, new Set()).topics.size, 0)
})

test('a hint moves a leader only forward, and only to a broker that is known', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  const hint = (leaderId: number, leaderEpoch: number) =>
    leaderOf(applyLeaderHint(first, 'orders', 0, { leaderId, leaderEpoch }))
  assert.equal(hint(2, 6), 2)
  assert.equal(hint(2, 5), 1)
  assert.equal(hint(7, 6), 1)
  assert.equal(hint(-1, 6), 1)
  assert.equal(applyLeaderHint(first, 'other', 0, { leaderId: 2, leaderEpoch: 6 }), first)
})

test('an answer without brokers, from one that has just started, forgets nobody', () => {
  const first = applyMetadata(NO_METADATA, answer(1, 5))
  assert.equal(applyMetadata(first, { ...answer(1, 5), brokers: [] }).brokers.size, 2)
})

test('old brokers give no topic ids', () => {
  const { topics } = applyMetadata(NO_METADATA, answer(1, 5, { topicId: ZERO_UUID }))
  assert.equal(hasTopicId(topics.get('orders')), false)
})

test('a topic whose partitions are not numbered from 0 on is not believed', () => {
  const numbered = (...numbers: readonly number[]): Response => {
    const response = answer(1, 5)
    const [topic] = response.topics
    const [partition] = topic?.partitions ?? []
    const partitions = numbers.map((partitionIndex) => ({ ...partition, partitionIndex }))
    return { ...response, topics: [{ ...topic, partitions }] } as Response
  }
  for (const numbers of [[-1], [1], [0, 0], [0, 2 ** 31 - 1]]) {
    const first = applyMetadata(NO_METADATA, numbered(...numbers))
    assert.equal(first.topics.has('orders'), false)
    assert.equal(first.topicErrors.get('orders'), ErrorCode.UNKNOWN_SERVER_ERROR)
    const known = applyMetadata(NO_METADATA, answer(2, 4))
    assert.equal(leaderOf(applyMetadata(known, numbered(...numbers))), 2)
  }
  const both = applyMetadata(NO_METADATA, numbered(1, 0))
  assert.equal(both.topics.get('orders')?.partitions.length, 2)
})
