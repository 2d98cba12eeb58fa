/**
 * Appends one batch per partition. The batch is a view of the request's own buffer and goes into
 * the log as it is. Without acks there is no answer, so an error can only be told by ending the
 * connection, as Kafka does.
 */
import { ErrorCode, produce, type RequestOf, type ResponseInput } from '@odradek/protocol'
import type { Partition } from '../cluster/partition.ts'
import type { Topic } from '../cluster/topics.ts'
import { readProducedBatch } from '../log/batch-header.ts'
import type { AppendResult, StoredBatch } from '../log/partition-log.ts'
import { handler, NO_ANSWER, type RequestContext } from './handler.ts'
import { findLed, LeaderHints } from './leader-lookup.ts'

type Body = RequestOf<typeof produce>
type TopicResponse = NonNullable<ResponseInput<typeof produce>['responses']>[number]
type PartitionResponse = TopicResponse['partitionResponses'][number]

const ACKS_ALL = -1
const ZSTD_FROM_VERSION = 7
const HINTS_FROM_VERSION = 10

export const produceHandler = handler({
  api: produce,
  handle(body, context) {
    const { acks } = body
    if (acks !== 0 && acks !== 1 && acks !== ACKS_ALL) {
      return errorResponse(body, ErrorCode.INVALID_REQUIRED_ACKS)
    }
    if (body.transactionalId !== null) return errorResponse(body, ErrorCode.INVALID_REQUEST)
    const hints = new LeaderHints(context)
    let hasFailed = false
    const responses = body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index, records }) => {
        const found = findLed({ topic: name, topicId, partition: index }, context)
        if (found.errorCode !== ErrorCode.NONE) {
          hasFailed = true
          const currentLeader =
            context.version >= HINTS_FROM_VERSION ? hints.hint(found) : undefined
          return { ...failed(index, found.errorCode), currentLeader }
        }
        // Found without an error, topic and partition are there.
        const { topic, partition } = found as { topic: Topic; partition: Partition }
        const response = append({ topic, partition, records, acks }, context)
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
  if (header.isTransactional) {
    return failed(index, ErrorCode.INVALID_TXN_STATE, 'This broker has no transactions.')
  }
  const inSync = cluster.inSyncReplicas(partition).length
  if (acks === ACKS_ALL && inSync < configs.number('min.insync.replicas')) {
    return failed(index, ErrorCode.NOT_ENOUGH_REPLICAS)
  }
  const isLogAppendTime = configs.get('message.timestamp.type') === 'LogAppendTime'
  const logAppendTime = isLogAppendTime ? node.environment.clock.now() : -1
  // A header could be read, so there are bytes.
  const result = log.append(records as Buffer, header, { leaderEpoch, logAppendTime })
  if (result.kind === 'appended') announce(topic, partition, result.batch, context)
  return responseOf(index, log.logStartOffset, result)
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

function announce(
  topic: Topic,
  partition: Partition,
  batch: StoredBatch,
  { cluster, node }: RequestContext,
): void {
  partition.appended(batch.bytes.length)
  if (!cluster.events.hasListeners('append')) return
  const { baseOffset, lastOffset, leaderEpoch, header, bytes } = batch
  const { producerId, producerEpoch, baseSequence } = header
  cluster.events.emit('append', {
    at: cluster.now(),
    nodeId: node.nodeId,
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
