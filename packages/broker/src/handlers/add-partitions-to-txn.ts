/**
 * Announces the partitions of a transaction. Clients use versions up to 3; from version 4 on
 * brokers send it to each other, for several transactions at once, and it may only verify them.
 */
import { addPartitionsToTxn, ErrorCode, type ResponseInput } from '@odradek/protocol'
import type { Participant } from '../cluster/transactional-write.ts'
import type { RequestContext } from '../services/request-context.ts'
import { participationError } from '../transaction/participation.ts'
import { participantsOf } from '../transaction/transaction.ts'
import { handler } from './handler.ts'

type Topics = readonly { readonly name: string; readonly partitions: readonly number[] }[]
type TopicResults = NonNullable<
  ResponseInput<typeof addPartitionsToTxn>['resultsByTopicV3AndBelow']
>

interface Addition {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly topics: Topics
}

const BATCHED_FROM_VERSION = 4
const FENCED_FROM_VERSION = 2
const ABORTABLE_FROM_VERSION = 5

export const addPartitionsToTxnHandler = handler({
  api: addPartitionsToTxn,
  handle(body, context) {
    if (context.version < BATCHED_FROM_VERSION) {
      const added = add(
        {
          transactionalId: body.v3AndBelowTransactionalId,
          producerId: body.v3AndBelowProducerId,
          producerEpoch: body.v3AndBelowProducerEpoch,
          topics: body.v3AndBelowTopics,
        },
        context,
      )
      return { throttleTimeMs: 0, resultsByTopicV3AndBelow: added }
    }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      resultsByTransaction: body.transactions.map(({ verifyOnly, ...addition }) => ({
        transactionalId: addition.transactionalId,
        topicResults: verifyOnly ? verify(addition, context) : add(addition, context),
      })),
    }
  },
  errorResponse: (body, errorCode, version) =>
    version < BATCHED_FROM_VERSION
      ? {
          throttleTimeMs: 0,
          resultsByTopicV3AndBelow: resultsOf(body.v3AndBelowTopics, () => errorCode),
        }
      : { throttleTimeMs: 0, errorCode, resultsByTransaction: [] },
})

function resultsOf(
  topics: Topics,
  judge: (topic: string, partition: number) => number,
): TopicResults {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: judge(name, partitionIndex),
    })),
  }))
}

function partitionsOf(topics: Topics): readonly Participant[] {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ kind: 'partition', topic: name, partition }) as const),
  )
}

function add(addition: Addition, { cluster, node, version }: RequestContext): TopicResults {
  const { transactionalId, producerId, producerEpoch, topics } = addition
  const exists = (topic: string, partition: number): boolean =>
    cluster.topics.byName(topic)?.partitions[partition] !== undefined
  const areAllThere = topics.every(({ name, partitions }) =>
    partitions.every((partition) => exists(name, partition)),
  )
  // All of them are added, or none.
  if (!areAllThere) {
    return resultsOf(topics, (topic, partition) =>
      exists(topic, partition)
        ? ErrorCode.OPERATION_NOT_ATTEMPTED
        : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
  }
  const located = node.transactions.locate(transactionalId)
  const errorCode =
    located.transaction?.ask({
      type: 'add',
      producerId,
      producerEpoch,
      participants: participantsOf(partitionsOf(topics)),
      isSecondVersion: false,
    }).errorCode ?? located.errorCode
  const isUnknownWord = version < FENCED_FROM_VERSION && errorCode === ErrorCode.PRODUCER_FENCED
  return resultsOf(topics, () => (isUnknownWord ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode))
}

function verify(addition: Addition, { cluster, version }: RequestContext): TopicResults {
  const { transactionalId, producerId, producerEpoch, topics } = addition
  return resultsOf(topics, (topic, partition) =>
    participationError(cluster, {
      transactionalId,
      producerId,
      producerEpoch,
      participants: [{ kind: 'partition', topic, partition }],
      adds: false,
      knowsAbortable: version >= ABORTABLE_FROM_VERSION,
    }),
  )
}
