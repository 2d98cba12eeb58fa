/** Offsets by timestamp, and by the special timestamps that stand for positions in the log. */
import {
  CodecUnavailableError,
  ErrorCode,
  listOffsets,
  type ResponseInput,
  ZERO_UUID,
} from '@odradek/protocol'
import { findLed } from '../cluster/leader-lookup.ts'
import type { Partition } from '../cluster/partition.ts'
import { type FoundOffset, findByTimestamp, findMaxTimestamp } from '../log/offset-lookup.ts'
import { handler } from './handler.ts'

type TopicResponse = ResponseInput<typeof listOffsets>['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6
/** The first version with each special timestamp. */
const SINCE_VERSION = new Map([
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
])
const READ_COMMITTED = 1
const EPOCH_FROM_VERSION = 4

export const listOffsetsHandler = handler({
  api: listOffsets,
  // A compressed batch may have to wait for its codec.
  async handle(body, context) {
    const isCommittedOnly = body.isolationLevel === READ_COMMITTED
    const topics: TopicResponse[] = []
    for (const { name, partitions } of body.topics) {
      const responses: PartitionResponse[] = []
      for (const { partitionIndex, currentLeaderEpoch, timestamp } of partitions) {
        const led = findLed(
          { topic: name, topicId: ZERO_UUID, partition: partitionIndex, currentLeaderEpoch },
          context.node,
        )
        const { errorCode, partition } = led
        if (errorCode !== ErrorCode.NONE || partition === undefined) {
          responses.push({ partitionIndex, errorCode })
        } else if ((SINCE_VERSION.get(timestamp) ?? 0) > context.version) {
          responses.push({ partitionIndex, errorCode: ErrorCode.UNSUPPORTED_VERSION })
        } else {
          let any: Partial<FoundOffset>
          try {
            any = (await lookUp(partition, timestamp, isCommittedOnly)) ?? {}
          } catch (error) {
            if (!(error instanceof CodecUnavailableError)) throw error
            responses.push({
              partitionIndex,
              errorCode: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
            })
            continue
          }
          // A look-up by timestamp does not return records of open transactions.
          const isUndecided = isCommittedOnly && isLookUp(timestamp) && !isStable(any, partition)
          const found = isUndecided ? {} : any
          const { leaderEpoch, ...offset } = found
          const epoch = context.version >= EPOCH_FROM_VERSION ? { leaderEpoch } : {}
          responses.push({ partitionIndex, errorCode, ...offset, ...epoch })
        }
      }
      topics.push({ name, partitions: responses })
    }
    return { topics }
  },
  errorResponse: (body, errorCode) => ({
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
})

function isLookUp(timestamp: number): boolean {
  return timestamp >= 0 || timestamp === MAX_TIMESTAMP
}

function isStable({ offset = -1 }: Partial<FoundOffset>, { log }: Partition): boolean {
  return offset < log.lastStableOffset
}

function lookUp(
  { log, leaderEpoch }: Partition,
  timestamp: number,
  isCommittedOnly: boolean,
): Partial<FoundOffset> | undefined | Promise<FoundOffset | undefined> {
  switch (timestamp) {
    case LATEST:
      return { offset: isCommittedOnly ? log.lastStableOffset : log.highWatermark, leaderEpoch }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.logStartOffset, leaderEpoch: log.epochs.epochAt(log.logStartOffset) }
    case MAX_TIMESTAMP:
      return findMaxTimestamp(log)
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      // There is no tiered storage.
      return {}
    default:
      return findByTimestamp(log, timestamp)
  }
}
