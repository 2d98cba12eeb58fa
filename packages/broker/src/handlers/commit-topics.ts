/** What commits of offsets have in common, in transactions and outside of them. */
import { ErrorCode } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { Topic } from '../cluster/topics.ts'
import type { CommitValidation } from '../group/group-shell.ts'

export interface TopicLookup {
  readonly cluster: ClusterState
  /** Whether this version of the request names topics by their ids. */
  readonly isById: boolean
}

interface PartitionBody {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

interface TopicBody {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly PartitionBody[]
}

/** Every partition with the same error. */
export function failedTopics(topics: readonly TopicBody[], errorCode: number) {
  return topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }))
}

function topicOf({ name, topicId }: TopicBody, { cluster, isById }: TopicLookup) {
  return isById ? cluster.topics.byId(topicId) : cluster.topics.byName(name)
}

/** The first error of a partition, or 0: one refused partition refuses the whole request. */
export function refusalOf(
  topics: readonly TopicBody[],
  validation: CommitValidation,
  lookup: TopicLookup,
): number {
  for (const topic of topics) {
    const id = topicOf(topic, lookup)?.id
    // As in Kafka, topics that do not exist are not validated.
    if (id === undefined) continue
    for (const { partitionIndex } of topic.partitions) {
      const errorCode = validation(id, partitionIndex)
      if (errorCode !== ErrorCode.NONE) return errorCode
    }
  }
  return ErrorCode.NONE
}

/** Commits every partition that exists and whose metadata is short enough. */
export function commitTopics(
  topics: readonly TopicBody[],
  lookup: TopicLookup,
  commit: (topic: Topic, partition: PartitionBody) => void,
) {
  const { offsetMetadataMaxBytes } = lookup.cluster.options
  return topics.map((body) => {
    const topic = topicOf(body, lookup)
    const errorOf = (partition: PartitionBody): number => {
      if (topic === undefined && lookup.isById) return ErrorCode.UNKNOWN_TOPIC_ID
      if (topic?.partitions[partition.partitionIndex] === undefined) {
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      }
      if (Buffer.byteLength(partition.committedMetadata ?? '') > offsetMetadataMaxBytes) {
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
      }
      commit(topic, partition)
      return ErrorCode.NONE
    }
    return {
      name: body.name,
      topicId: body.topicId,
      partitions: body.partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: errorOf(partition),
      })),
    }
  })
}
