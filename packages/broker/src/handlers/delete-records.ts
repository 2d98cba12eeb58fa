/** Moves the log start of partitions forward; -1 means the high watermark. */
import { deleteRecords, ErrorCode, ZERO_UUID } from '@odradek/protocol'
import { findLed } from '../cluster/leader-lookup.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

const TO_HIGH_WATERMARK = -1
const NO_WATERMARK = -1

export const deleteRecordsHandler = handler({
  api: deleteRecords,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => ({
        partitionIndex,
        ...expire(name, partitionIndex, offset, context),
      })),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode,
        lowWatermark: NO_WATERMARK,
      })),
    })),
  }),
})

function expire(topic: string, index: number, offset: number, context: RequestContext) {
  const {
    errorCode,
    partition,
    topic: found,
  } = findLed({ topic, topicId: ZERO_UUID, partition: index }, context.node)
  if (errorCode !== ErrorCode.NONE || partition === undefined || found === undefined) {
    return { errorCode, lowWatermark: NO_WATERMARK }
  }
  const { log } = partition
  const before = offset === TO_HIGH_WATERMARK ? log.highWatermark : offset
  if (before < 0 || before > log.highWatermark) {
    return { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, lowWatermark: NO_WATERMARK }
  }
  context.cluster.expireRecords(found, partition, { before, cause: 'deleteRecords' })
  return { errorCode: ErrorCode.NONE, lowWatermark: log.logStartOffset }
}
