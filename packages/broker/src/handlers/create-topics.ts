/** Creates topics, each independently: an error of one does not affect the others. */
import { createTopics, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol'
import { TOPIC_CONFIGS } from '../cluster/topic-configs.ts'
import type { Topic, TopicProblem } from '../cluster/topics.ts'
import { defaultReplicationFactor, type NewTopic } from '../options/topic-options.ts'
import type { RequestContext } from '../services/request-context.ts'
import { CONFIG_SOURCE } from './config-source.ts'
import { handler } from './handler.ts'

type TopicBody = RequestOf<typeof createTopics>['topics'][number]
type TopicResponse = ResponseInput<typeof createTopics>['topics'][number]

const BROKER_DEFAULT = -1

export const createTopicsHandler = handler({
  api: createTopics,
  handle(body, context) {
    const counts = new Map<string, number>()
    for (const { name } of body.topics) counts.set(name, (counts.get(name) ?? 0) + 1)
    return {
      throttleTimeMs: 0,
      topics: body.topics.map((topic) => {
        if ((counts.get(topic.name) ?? 0) > 1) {
          return failed(topic.name, {
            errorCode: ErrorCode.INVALID_REQUEST,
            message: 'Duplicate topic name.',
          })
        }
        return create(topic, body.validateOnly, context)
      }),
    }
  },
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ name }) => failed(name, { errorCode, message: null })),
  }),
})

function failed(
  name: string,
  { errorCode, message }: { readonly errorCode: number; readonly message: string | null },
): TopicResponse {
  return { name, errorCode, errorMessage: message }
}

function create(
  body: TopicBody,
  validateOnly: boolean,
  { cluster }: RequestContext,
): TopicResponse {
  const { name, numPartitions, replicationFactor, assignments, configs } = body
  const { brokers, numPartitions: defaultPartitions } = cluster.options
  const isPlaced = assignments.length > 0
  const wrong = isPlaced ? problemWithIndexes(body) : undefined
  if (wrong !== undefined) return failed(name, wrong)
  const topic: NewTopic = {
    name,
    partitions: numPartitions === BROKER_DEFAULT ? defaultPartitions : numPartitions,
    replicationFactor:
      replicationFactor === BROKER_DEFAULT ? defaultReplicationFactor(brokers) : replicationFactor,
    configs: new Map(configs.map((config) => [config.name, config.value])),
    assignments: isPlaced
      ? assignments
          .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
          .map(({ brokerIds }) => brokerIds)
      : undefined,
  }
  const problem = cluster.topics.problemWith(topic)
  if (problem !== undefined) return failed(name, problem)
  if (validateOnly) {
    const { partitions } = topic
    return { name, errorCode: ErrorCode.NONE, errorMessage: null, numPartitions: partitions }
  }
  return responseOf(cluster.createTopic(topic))
}

/** Manual assignments number the partitions from 0 without a gap, and exclude other settings. */
function problemWithIndexes(body: TopicBody): TopicProblem | undefined {
  const { numPartitions, replicationFactor, assignments } = body
  if (numPartitions !== BROKER_DEFAULT || replicationFactor !== BROKER_DEFAULT) {
    return {
      errorCode: ErrorCode.INVALID_REQUEST,
      message: 'With assignments, the number of partitions and the replication factor are -1.',
    }
  }
  const indexes = assignments.map(({ partitionIndex }) => partitionIndex).toSorted((a, b) => a - b)
  if (indexes.every((index, position) => index === position)) return undefined
  return {
    errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    message: 'Partitions should be a consecutive 0-based integer sequence.',
  }
}

function responseOf({ name, id, partitions, replicationFactor, configs }: Topic): TopicResponse {
  return {
    name,
    topicId: id,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions: partitions.length,
    replicationFactor,
    configs: Object.keys(TOPIC_CONFIGS).map((config) => ({
      name: config,
      value: configs.get(config),
      readOnly: false,
      configSource: configs.isSet(config) ? CONFIG_SOURCE.topic : CONFIG_SOURCE.default,
      isSensitive: false,
    })),
  }
}
