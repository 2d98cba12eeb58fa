/** Brokers, topics and leaders as the controller sees them, which may be out of date. */
import { ErrorCode, metadata, type ResponseInput, ZERO_UUID } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import { problemWithName, type Topic } from '../cluster/topics.ts'
import { handler } from './handler.ts'
import { CLUSTER_OPERATIONS, operationsBits, TOPIC_OPERATIONS } from './operations.ts'

type TopicMetadata = NonNullable<ResponseInput<typeof metadata>['topics']>[number]

export const metadataHandler = handler({
  api: metadata,
  handle(body, { cluster, version }) {
    // Before version 1 there was no null: an empty list requested all topics.
    const asksForAll = body.topics === null || (version === 0 && body.topics.length === 0)
    const withOperations = body.includeTopicAuthorizedOperations
    const topics = asksForAll
      ? [...cluster.topics.all()].map((topic) => describe(cluster, topic, withOperations))
      : body.topics.map(({ name, topicId }) => {
          const isById = topicId !== ZERO_UUID
          const topic =
            cluster.topics.find(name, topicId) ??
            (isById || name === null || !cluster.options.autoCreateTopics
              ? undefined
              : maybeCreate(cluster, name, body.allowAutoTopicCreation))
          if (topic !== undefined) return describe(cluster, topic, withOperations)
          if (isById) return missing(ErrorCode.UNKNOWN_TOPIC_ID, null, topicId)
          const invalid = problemWithName(name ?? '')
          return missing(
            invalid?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            name ?? '',
            ZERO_UUID,
          )
        })
    return {
      brokers: cluster.endpoints(),
      clusterId: cluster.clusterId,
      controllerId: cluster.controllerId,
      topics,
      ...(body.includeClusterAuthorizedOperations
        ? { clusterAuthorizedOperations: operationsBits(CLUSTER_OPERATIONS) }
        : {}),
    }
  },
  errorResponse: (body, errorCode) => ({
    brokers: [],
    errorCode,
    topics: (body.topics ?? []).map(({ name, topicId }) => missing(errorCode, name, topicId)),
  }),
})

function maybeCreate(cluster: ClusterState, name: string, isAllowed: boolean): Topic | undefined {
  return isAllowed ? cluster.autoCreate(name) : undefined
}

function missing(errorCode: number, name: string | null, topicId: string): TopicMetadata {
  return { errorCode, name, topicId, partitions: [] }
}

function describe(cluster: ClusterState, topic: Topic, withOperations: boolean): TopicMetadata {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.map((partition) => {
      const { index, leaderId, leaderEpoch, replicas } = partition
      const isrNodes = cluster.inSyncReplicas(partition)
      return {
        errorCode: leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
        partitionIndex: index,
        leaderId,
        leaderEpoch,
        replicaNodes: replicas,
        isrNodes,
        offlineReplicas: replicas.filter((nodeId) => !isrNodes.includes(nodeId)),
      }
    }),
    ...(withOperations ? { topicAuthorizedOperations: operationsBits(TOPIC_OPERATIONS) } : {}),
  }
}
