/** Finds the partition that a request means, if this broker leads it, or the error. */
import { ErrorCode, ZERO_UUID } from '@odradek/protocol'
import type { BrokerContext } from './broker-context.ts'
import type { ClusterState, NodeEndpoint } from './cluster-state.ts'
import type { Partition } from './partition.ts'
import type { Topic } from './topics.ts'

export interface PartitionName {
  readonly topic: string | null
  readonly topicId: string
  readonly partition: number
  /** The epoch that the client knows; -1 when it sends none. */
  readonly currentLeaderEpoch?: number
}

export type Led =
  | { readonly errorCode: 0; readonly topic: Topic; readonly partition: Partition }
  | { readonly errorCode: number; readonly topic?: Topic; readonly partition?: Partition }

/** With `allowsFollower`, any replica is accepted. */
export function findLed(
  name: PartitionName,
  { cluster, nodeId }: Pick<BrokerContext, 'cluster' | 'nodeId'>,
  allowsFollower = false,
): Led {
  const isById = name.topicId !== ZERO_UUID
  const topic = cluster.topics.find(name.topic, name.topicId)
  if (topic === undefined) {
    const errorCode = isById ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return { errorCode }
  }
  const partition = topic.partitions[name.partition]
  if (partition === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
  const { leaderEpoch, leaderId, replicas } = partition
  const believed = name.currentLeaderEpoch ?? -1
  if (believed >= 0 && believed < leaderEpoch) {
    return { errorCode: ErrorCode.FENCED_LEADER_EPOCH, topic, partition }
  }
  if (believed > leaderEpoch) {
    return { errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH, topic, partition }
  }
  const isFollower = allowsFollower && leaderId >= 0 && replicas.includes(nodeId)
  if (leaderId !== nodeId && !isFollower) {
    return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, topic, partition }
  }
  return { errorCode: 0, topic, partition }
}

/** Collects the current leaders, for responses that include them (KIP-951). */
export class LeaderHints {
  readonly #cluster: ClusterState
  readonly #nodeIds = new Set<number>()

  constructor(cluster: ClusterState) {
    this.#cluster = cluster
  }

  /** The current leader, if the error is that the client assumes another one. */
  hint({ errorCode, partition }: Led): { leaderId: number; leaderEpoch: number } | undefined {
    const isMisled =
      errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH
    if (!isMisled || partition === undefined || partition.leaderId < 0) return undefined
    const { leaderId, leaderEpoch } = partition
    this.#nodeIds.add(leaderId)
    return { leaderId, leaderEpoch }
  }

  endpoints(): readonly NodeEndpoint[] {
    return [...this.#nodeIds].flatMap((nodeId) => this.#cluster.endpoint(nodeId) ?? [])
  }
}
