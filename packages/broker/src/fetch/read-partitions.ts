/**
 * One pass over the partitions of a fetch: what each of them has to say, under the byte limits of
 * the request and of each partition. The first batch of the first partition that has one is given
 * whatever its size (KIP-74), so that no reader gets stuck on a large record; batches are whole.
 */
import { ErrorCode } from '@odradek/protocol'
import type { Partition } from '../cluster/partition.ts'
import type { RequestContext } from '../handlers/handler.ts'
import { findLed, type Led } from '../handlers/leader-lookup.ts'
import type { EpochEnd } from '../log/leader-epochs.ts'
import type { FetchContext, WantedPartition } from './fetch-sessions.ts'

export interface PartitionRead {
  readonly key: string
  readonly wanted: WantedPartition
  readonly found: Led
  readonly errorCode: number
  readonly diverging: EpochEnd | undefined
  readonly chunks: readonly Buffer[]
  readonly byteLength: number
}

export interface Read {
  readonly partitions: readonly PartitionRead[]
  readonly byteLength: number
  /** Something that the client should hear of at once, whatever it is willing to wait. */
  readonly isUrgent: boolean
}

const NO_CHUNKS: readonly Buffer[] = []

export function readPartitions(
  { partitions }: FetchContext,
  maxBytes: number,
  context: RequestContext,
): Read {
  const results: PartitionRead[] = []
  let rest = maxBytes
  let byteLength = 0
  let isUrgent = false
  for (const [key, wanted] of partitions) {
    const result = readOne(key, wanted, context, { rest, isFirst: byteLength === 0 })
    results.push(result)
    byteLength += result.byteLength
    rest = Math.max(0, rest - result.byteLength)
    isUrgent ||= result.errorCode !== ErrorCode.NONE || result.diverging !== undefined
  }
  return { partitions: results, byteLength, isUrgent }
}

interface Limit {
  readonly rest: number
  /** Nothing was read yet, so one batch may exceed every limit. */
  readonly isFirst: boolean
}

function readOne(
  key: string,
  wanted: WantedPartition,
  context: RequestContext,
  { rest, isFirst }: Limit,
): PartitionRead {
  const { topic, topicId, asked } = wanted
  const found = findLed(
    {
      topic,
      topicId,
      partition: asked.partition,
      currentLeaderEpoch: asked.currentLeaderEpoch,
    },
    context,
  )
  const nothing = { key, wanted, found, diverging: undefined, chunks: NO_CHUNKS, byteLength: 0 }
  const { partition } = found
  if (found.errorCode !== ErrorCode.NONE || partition === undefined) {
    return { ...nothing, errorCode: found.errorCode }
  }
  const position = checkPosition(partition, asked.fetchOffset, asked.lastFetchedEpoch)
  if (typeof position === 'number') {
    if (position !== ErrorCode.NONE) return { ...nothing, errorCode: position }
    const read = partition.log.read(asked.fetchOffset, {
      maxBytes: Math.min(asked.partitionMaxBytes, rest),
      atLeastOne: isFirst,
    })
    return { ...nothing, ...read, errorCode: ErrorCode.NONE }
  }
  return { ...nothing, errorCode: ErrorCode.NONE, diverging: position }
}

/** An error code, or where the log parted from what the client has read (KIP-595). */
function checkPosition(
  { log }: Partition,
  fetchOffset: number,
  lastFetchedEpoch: number,
): number | EpochEnd {
  if (lastFetchedEpoch >= 0) {
    const end = log.epochs.endOf(lastFetchedEpoch, log.endOffset)
    const isUnknown = end.epoch < 0 || end.endOffset < 0
    if (isUnknown || fetchOffset < log.logStartOffset) return ErrorCode.OFFSET_OUT_OF_RANGE
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) return end
  }
  const isInRange = fetchOffset >= log.logStartOffset && fetchOffset <= log.endOffset
  return isInRange ? ErrorCode.NONE : ErrorCode.OFFSET_OUT_OF_RANGE
}
