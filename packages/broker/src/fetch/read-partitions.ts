/**
 * One pass over the partitions of a fetch: the result of each, under the byte limits of the request
 * and of each partition. The first batch of the first partition that has one is returned regardless
 * of its size (KIP-74), so that no reader gets stuck on a large record; batches are whole.
 */
import { ErrorCode } from '@odradek/protocol'
import type { BrokerContext } from '../cluster/broker-context.ts'
import { findLed, type Led } from '../cluster/leader-lookup.ts'
import type { Partition } from '../cluster/partition.ts'
import type { EpochEnd } from '../log/leader-epochs.ts'
import type { FetchContext, FetchPartition, WantedPartition } from './fetch-sessions.ts'
import { preferredReplicaOf } from './preferred-replica.ts'

export interface PartitionRead {
  readonly key: string
  readonly wanted: WantedPartition
  readonly found: Led
  readonly errorCode: number
  readonly diverging: EpochEnd | undefined
  readonly chunks: readonly Buffer[]
  readonly byteLength: number
  /** The offset after what was read. */
  readonly nextOffset: number
  /** Of this replica. */
  readonly highWatermark: number
  /** The replica that the client should read from; -1 for this one. */
  readonly preferredReadReplica: number
}

export interface FetchLimits {
  readonly maxBytes: number
  /** The rack of the client; empty if unknown. */
  readonly rackId: string
  /** Followers serve this client, and it is sent to the one in its rack. */
  readonly usesFollowers: boolean
  /** Read up to the last stable offset (isolation level READ_COMMITTED). */
  readonly isCommittedOnly: boolean
}

export interface Read {
  readonly partitions: readonly PartitionRead[]
  readonly byteLength: number
  /** A result that the client should get immediately, whatever its maximum wait. */
  readonly isUrgent: boolean
}

type Broker = Pick<BrokerContext, 'cluster' | 'nodeId'>

const NO_CHUNKS: readonly Buffer[] = []

export function readPartitions(
  { partitions }: FetchContext,
  { maxBytes, ...common }: FetchLimits,
  broker: Broker,
): Read {
  const results: PartitionRead[] = []
  let rest = maxBytes
  let byteLength = 0
  let isUrgent = false
  for (const [key, wanted] of partitions) {
    const limit = { rest, isFirst: byteLength === 0, ...common }
    const result = readOne(key, wanted, broker, limit)
    results.push(result)
    byteLength += result.byteLength
    rest = Math.max(0, rest - result.byteLength)
    isUrgent ||=
      result.errorCode !== ErrorCode.NONE ||
      result.diverging !== undefined ||
      result.preferredReadReplica >= 0
  }
  return { partitions: results, byteLength, isUrgent }
}

interface Limit extends Omit<FetchLimits, 'maxBytes'> {
  readonly rest: number
  /** Nothing was read yet, so one batch may exceed every limit. */
  readonly isFirst: boolean
}

function readOne(
  key: string,
  wanted: WantedPartition,
  broker: Broker,
  { rest, isFirst, rackId, usesFollowers, isCommittedOnly }: Limit,
): PartitionRead {
  const { topic, topicId, requested } = wanted
  const found = findLed(
    {
      topic,
      topicId,
      partition: requested.partition,
      currentLeaderEpoch: requested.currentLeaderEpoch,
    },
    broker,
    usesFollowers,
  )
  const { partition } = found
  const { nodeId } = broker
  const endOffset = partition?.endOffsetAt(nodeId) ?? -1
  const nothing = {
    key,
    wanted,
    found,
    errorCode: found.errorCode,
    diverging: undefined,
    chunks: NO_CHUNKS,
    byteLength: 0,
    nextOffset: requested.fetchOffset,
    highWatermark: endOffset,
    preferredReadReplica: -1,
  }
  if (found.errorCode !== ErrorCode.NONE || partition === undefined) return nothing
  const position = checkPosition(partition, requested, nodeId)
  if (typeof position !== 'number') return { ...nothing, diverging: position }
  if (position !== ErrorCode.NONE) return { ...nothing, errorCode: position }
  const preferredReadReplica = usesFollowers
    ? preferredReplicaOf(partition, requested.fetchOffset, rackId, broker)
    : -1
  // A client that is sent elsewhere gets no records here.
  if (preferredReadReplica >= 0) return { ...nothing, preferredReadReplica }
  const read = partition.log.read(requested.fetchOffset, {
    maxBytes: Math.min(requested.partitionMaxBytes, rest),
    atLeastOne: isFirst,
    endOffset: isCommittedOnly ? Math.min(endOffset, partition.log.lastStableOffset) : endOffset,
  })
  return { ...nothing, ...read }
}

/** An error code, or where the log diverged from what the client has read (KIP-595). */
function checkPosition(
  partition: Partition,
  { fetchOffset, lastFetchedEpoch }: FetchPartition,
  nodeId: number,
): number | EpochEnd {
  const { log, lags } = partition
  const endOffset = partition.endOffsetAt(nodeId)
  if (lastFetchedEpoch >= 0) {
    const end = log.epochs.endOf(lastFetchedEpoch, log.endOffset)
    const isUnknown = end.epoch < 0 || end.endOffset < 0
    if (isUnknown || fetchOffset < log.logStartOffset) return ErrorCode.OFFSET_OUT_OF_RANGE
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) return end
  }
  if (fetchOffset > endOffset && fetchOffset <= log.endOffset) {
    return lags.get(nodeId)?.errorCode ?? ErrorCode.OFFSET_OUT_OF_RANGE
  }
  const isInRange = fetchOffset >= log.logStartOffset && fetchOffset <= endOffset
  return isInRange ? ErrorCode.NONE : ErrorCode.OFFSET_OUT_OF_RANGE
}
