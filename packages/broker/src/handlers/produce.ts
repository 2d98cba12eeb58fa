/**
 * Appends one batch per partition. The batch is a view of the request's own buffer and is stored
 * unchanged; for a transactional batch the transaction's coordinator verifies it first. With acks=0
 * there is no response, so an error closes the connection, as in Kafka.
 */
import { ErrorCode, produce, type RequestOf, type ResponseInput } from '@odradek/protocol'
import { announceAppend } from '../cluster/appending.ts'
import { findLed, LeaderHints } from '../cluster/leader-lookup.ts'
import type { Partition } from '../cluster/partition.ts'
import type { Topic } from '../cluster/topics.ts'
import { type BatchHeader, readProducedBatch } from '../log/batch-header.ts'
import type { AppendResult } from '../log/partition-log.ts'
import type { RequestContext } from '../services/request-context.ts'
import { participationError, produceErrorOf } from '../transaction/participation.ts'
import { handler, NO_ANSWER } from './handler.ts'

type Body = RequestOf<typeof produce>
type TopicResponse = NonNullable<ResponseInput<typeof produce>['responses']>[number]
type PartitionResponse = TopicResponse['partitionResponses'][number]

const ACKS_ALL = -1
const ZSTD_FROM_VERSION = 7
const HINTS_FROM_VERSION = 10
const ABORTABLE_FROM_VERSION = 11
const ADDS_FROM_VERSION = 12

export const produceHandler = handler({
  api: produce,
  handle(body, context) {
    const { acks } = body
    if (acks !== 0 && acks !== 1 && acks !== ACKS_ALL) {
      return errorResponse(body, ErrorCode.INVALID_REQUIRED_ACKS)
    }
    const { transactionalId } = body
    const hints = new LeaderHints(context.cluster)
    let hasFailed = false
    const responses = body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index, records }) => {
        const found = findLed({ topic: name, topicId, partition: index }, context.node)
        if (found.errorCode !== ErrorCode.NONE) {
          hasFailed = true
          const currentLeader =
            context.version >= HINTS_FROM_VERSION ? hints.hint(found) : undefined
          return { ...failed(index, found.errorCode), currentLeader }
        }
        // Without an error, topic and partition were found.
        const { topic, partition } = found as { topic: Topic; partition: Partition }
        const response = append({ topic, partition, records, acks, transactionalId }, context)
        hasFailed ||= response.errorCode !== ErrorCode.NONE
        return response
      }),
    }))
    if (acks === 0) {
      if (hasFailed) context.connection.destroy()
      return NO_ANSWER
    }
    return { responses, nodeEndpoints: hints.endpoints() }
  },
  errorResponse,
})

function errorResponse(body: Body, errorCode: number): ResponseInput<typeof produce> {
  return {
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => failed(index, errorCode)),
    })),
  }
}

function failed(index: number, errorCode: number, errorMessage: string | null = null) {
  return { index, errorCode, baseOffset: -1, errorMessage } satisfies PartitionResponse
}

interface Write {
  readonly topic: Topic
  readonly partition: Partition
  readonly records: Buffer | null
  readonly acks: number
  readonly transactionalId: string | null
}

function append(write: Write, context: RequestContext): PartitionResponse {
  const { topic, partition, records, acks } = write
  const { index, log, leaderEpoch } = partition
  const { cluster, node, version } = context
  const { configs } = topic
  const header = readProducedBatch(records, {
    maxMessageBytes: configs.number('max.message.bytes'),
    allowsZstd: version >= ZSTD_FROM_VERSION,
  })
  if ('errorCode' in header) return failed(index, header.errorCode, header.message)
  const inSync = cluster.inSyncReplicas(partition).length
  if (acks === ACKS_ALL && inSync < configs.number('min.insync.replicas')) {
    return failed(index, ErrorCode.NOT_ENOUGH_REPLICAS)
  }
  const isLogAppendTime = configs.get('message.timestamp.type') === 'LogAppendTime'
  const logAppendTime = isLogAppendTime ? node.environment.clock.now() : -1
  if (header.isTransactional) {
    const errorCode = transactionError(write, header, context)
    if (errorCode !== ErrorCode.NONE) return failed(index, errorCode)
  }
  // A header could be read, so there are bytes.
  const result = log.append(records as Buffer, header, { leaderEpoch, logAppendTime })
  if (result.kind === 'appended') announceAppend(cluster, topic, partition, result.batch)
  return responseOf(index, log.logStartOffset, result)
}

/** 0, or why the batch may not be written in its producer's transaction. */
function transactionError(
  { topic, partition, transactionalId }: Write,
  { producerId, producerEpoch }: BatchHeader,
  { cluster, version }: RequestContext,
): number {
  if (transactionalId === null || producerId < 0n) {
    return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  }
  const { index, log } = partition
  // A transaction that is already open in this partition was verified when it began.
  if (log.hasTransaction(producerId, producerEpoch)) return ErrorCode.NONE
  const adds = version >= ADDS_FROM_VERSION
  const errorCode = participationError(cluster, {
    transactionalId,
    producerId,
    producerEpoch,
    participants: [{ kind: 'partition', topic: topic.name, partition: index }],
    adds,
    knowsAbortable: version >= ABORTABLE_FROM_VERSION,
  })
  return produceErrorOf(errorCode, adds)
}

function responseOf(
  index: number,
  logStartOffset: number,
  result: AppendResult,
): PartitionResponse {
  if (result.kind === 'refused') return failed(index, result.errorCode, result.message)
  const { baseOffset, logAppendTime } = result.kind === 'appended' ? result.batch : result.written
  return {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset,
    logAppendTimeMs: logAppendTime,
    logStartOffset,
  }
}
