import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '@odradek/protocol'
import { type ClusterMetadata, NO_METADATA } from '../../cluster/metadata.ts'
import { TopicCounts } from './topic-counts.ts'

function metadata(
  counts: Readonly<Record<string, number>>,
  errors: Readonly<Record<string, number>> = {},
): ClusterMetadata {
  const topics = Object.entries(counts).map(([name, count]) => {
    const partitions = Array.from({ length: count }, (_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      replicas: [],
      isr: [],
    }))
    return [name, { name, topicId: 'x', isInternal: false, partitions }] as const
  })
  return { ...NO_METADATA, topics: new Map(topics), topicErrors: new Map(Object.entries(errors)) }
}

function watching(...topics: readonly string[]): TopicCounts {
  const counts = new TopicCounts()
  counts.limitTo(new Set(topics))
  return counts
}

test('more partitions are believed at once, and are growth', () => {
  const counts = watching('a')
  assert.deepEqual(counts.observe(metadata({ a: 2 })), [{ topic: 'a', from: undefined, to: 2 }])
  assert.deepEqual(counts.observe(metadata({ a: 2 })), [])
  assert.deepEqual(counts.observe(metadata({ a: 5 })), [{ topic: 'a', from: 2, to: 5 }])
})

test('fewer are believed when three refreshes in a row said so', () => {
  const counts = watching('a')
  counts.observe(metadata({ a: 4 }))
  counts.observe(metadata({ a: 2 }))
  counts.observe(metadata({ a: 2 }))
  counts.observe(metadata({ a: 4 }))
  counts.observe(metadata({ a: 2 }))
  counts.observe(metadata({ a: 2 }))
  assert.equal(counts.counts.get('a'), 4)
  assert.deepEqual(counts.unsettled, ['a'])
  counts.observe(metadata({ a: 2 }))
  assert.equal(counts.counts.get('a'), 2)
  assert.deepEqual(counts.unsettled, [])
})

test('one refresh, looked at often, is one refresh', () => {
  const counts = watching('a')
  counts.observe(metadata({ a: 4 }))
  const stale = metadata({ a: 2 })
  for (let look = 0; look < 5; look++) counts.observe(stale)
  assert.equal(counts.counts.get('a'), 4)
})

test('a topic that does not exist is absent after three refreshes, and grows when it comes', () => {
  const counts = watching('a')
  const without = (): ClusterMetadata => metadata({}, { a: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION })
  counts.observe(without())
  counts.observe(without())
  assert.ok(counts.unknown.has('a'))
  counts.observe(without())
  assert.ok(!counts.unknown.has('a'))
  assert.deepEqual(counts.absent, ['a'])
  assert.deepEqual(counts.observe(metadata({ a: 1 })), [{ topic: 'a', from: 0, to: 1 }])
})

test('a topic that we may not see stays unknown, but is not waited for', () => {
  const counts = watching('a')
  assert.ok(counts.isWorthWaiting)
  for (let refresh = 0; refresh < 3; refresh++) {
    counts.observe(metadata({}, { a: ErrorCode.TOPIC_AUTHORIZATION_FAILED }))
  }
  assert.ok(!counts.isWorthWaiting)
  assert.ok(counts.unknown.has('a'))
})
