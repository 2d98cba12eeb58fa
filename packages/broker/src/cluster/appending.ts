/** Appends to logs and reports each append in the same way. */
import { ErrorCode } from '@odradek/protocol'
import type { MarkerInput, StoredBatch } from '../log/partition-log.ts'
import type { ClusterState } from './cluster-state.ts'
import type { Partition } from './partition.ts'
import type { Topic } from './topics.ts'

/** Wakes the requests that wait for records, and emits `append`. */
export function announceAppend(
  cluster: ClusterState,
  topic: Topic,
  partition: Partition,
  batch: StoredBatch,
): void {
  partition.appended(batch.bytes.length)
  if (!cluster.events.hasListeners('append')) return
  const { baseOffset, lastOffset, leaderEpoch, header, bytes } = batch
  const { producerId, producerEpoch, baseSequence } = header
  cluster.events.emit('append', {
    at: cluster.now(),
    nodeId: partition.leaderId,
    topic: topic.name,
    partition: partition.index,
    baseOffset,
    lastOffset,
    leaderEpoch,
    producerId,
    producerEpoch,
    baseSequence,
    bytes,
  })
}

/**
 * Ends a producer's transaction in one partition; returns the error that refuses the marker, or 0.
 */
export function applyTransactionMarker(
  cluster: ClusterState,
  topic: Topic,
  partition: Partition,
  marker: Omit<MarkerInput, 'leaderEpoch' | 'timestamp'>,
): number {
  const result = partition.log.appendMarker({
    ...marker,
    leaderEpoch: partition.leaderEpoch,
    timestamp: cluster.environment.clock.now(),
  })
  if ('errorCode' in result) return result.errorCode
  announceAppend(cluster, topic, partition, result)
  return ErrorCode.NONE
}
