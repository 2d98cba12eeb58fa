import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import { partitionKey } from '../../events/topic-partition.ts'
import { fetchCommittedOffsets } from './committed-offsets.ts'

interface Answer {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly errorCode?: number
}

function clusterThatAnswers(partitions: readonly Answer[]): Cluster {
  const answers = partitions.map((answer) => ({
    committedLeaderEpoch: -1,
    metadata: null,
    errorCode: 0,
    ...answer,
  }))
  const topics = [{ name: 'orders', partitions: answers }]
  const requestCoordinator = async () => ({ groups: [{ groupId: 'g', errorCode: 0, topics }] })
  return { requestCoordinator } as unknown as Cluster
}

test('any negative offset is none; what is left out is absent; one error is of one partition', async () => {
  const cluster = clusterThatAnswers([
    { partitionIndex: 0, committedOffset: 7 },
    { partitionIndex: 1, committedOffset: -1 },
    { partitionIndex: 2, committedOffset: -5 },
    { partitionIndex: 3, committedOffset: -1, errorCode: 29 },
    { partitionIndex: 99, committedOffset: 3 },
  ])
  const asked = [0, 1, 2, 3, 4].map((partition) => ({ topic: 'orders', partition }))
  const found = await fetchCommittedOffsets(cluster, 'g', asked)
  const of = (partition: number) => found.get(partitionKey('orders', partition))
  assert.deepEqual(of(0), { offset: 7, leaderEpoch: -1, metadata: '' })
  assert.deepEqual([of(1), of(2)], [undefined, undefined])
  assert.ok(of(3) instanceof BrokerError)
  assert.equal(found.has(partitionKey('orders', 4)), false)
  assert.equal(found.has(partitionKey('orders', 1)), true)
})
