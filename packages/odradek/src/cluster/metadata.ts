/**
 * What is known of the cluster, as one immutable value, and the pure functions that advance it.
 * Leaders are believed by epoch: an older one than known is news from a broker that lags behind and
 * is ignored, unless the topic's id changed (then it is another topic of the same name).
 */
import {
  ErrorCode,
  errorTraits,
  type metadata,
  type ResponseOf,
  ZERO_UUID,
} from '@odradek/protocol'

export interface Broker {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface PartitionMetadata {
  readonly partition: number
  /** -1 while there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** How many responses in a row claimed an older leader epoch than this one. */
  readonly doubts?: number
}

/**
 * So many responses in a row are believed: not they are old, but what was known was wrong. A leader
 * that was not one answers so, which costs a request.
 */
const BELIEVED_AFTER = 10

export interface TopicMetadata {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly PartitionMetadata[]
}

export interface ClusterMetadata {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, Broker>
  readonly topics: ReadonlyMap<string, TopicMetadata>
  readonly namesById: ReadonlyMap<string, string>
  /** Topics that the cluster said it does not have, or does not show us. */
  readonly topicErrors: ReadonlyMap<string, number>
}

export const NO_METADATA: ClusterMetadata = {
  clusterId: null,
  controllerId: -1,
  brokers: new Map(),
  topics: new Map(),
  namesById: new Map(),
  topicErrors: new Map(),
}

/**
 * What is known after an answer: its brokers, its topics, and of the topics that were known before
 * those that are `wanted` (all, when that is not given).
 */
export function applyMetadata(
  current: ClusterMetadata,
  response: ResponseOf<typeof metadata>,
  wanted?: ReadonlySet<string>,
): ClusterMetadata {
  const brokers = new Map(
    response.brokers.map(({ nodeId, host, port, rack }) => [nodeId, { nodeId, host, port, rack }]),
  )
  // What nobody asks for any more would grow old unseen.
  const isWanted = ([name]: readonly [string, unknown]): boolean => wanted?.has(name) ?? true
  const topics = new Map([...current.topics].filter(isWanted))
  const topicErrors = new Map([...current.topicErrors].filter(isWanted))
  for (const topic of response.topics) {
    const { name } = topic
    if (name === null) continue
    const isUsable =
      topic.errorCode === 0 || errorTraits(topic.errorCode).code === 'LEADER_NOT_AVAILABLE'
    if (!isUsable) {
      topicErrors.set(name, topic.errorCode)
      continue
    }
    if (!isCounted(topic)) {
      // Nonsense about a topic changes nothing that is known of it.
      if (!topics.has(name)) topicErrors.set(name, ErrorCode.UNKNOWN_SERVER_ERROR)
      continue
    }
    topicErrors.delete(name)
    topics.set(name, applyTopic(topics.get(name), name, topic))
  }
  return {
    clusterId: response.clusterId,
    controllerId: response.controllerId,
    // An empty list is a broker that knows nothing yet; what was known stays.
    brokers: brokers.size === 0 ? current.brokers : brokers,
    topics,
    namesById: new Map([...topics.values()].map(({ topicId, name }) => [topicId, name])),
    topicErrors,
  }
}

type TopicResponse = ResponseOf<typeof metadata>['topics'][number]

/** Whether its partitions are those from 0 on, each of them once. */
export function isCounted({ partitions }: Pick<TopicResponse, 'partitions'>): boolean {
  const numbers = new Set(partitions.map(({ partitionIndex }) => partitionIndex))
  if (numbers.size !== partitions.length) return false
  return partitions.every(({ partitionIndex: one }) => one >= 0 && one < partitions.length)
}

function applyTopic(
  known: TopicMetadata | undefined,
  name: string,
  topic: TopicResponse,
): TopicMetadata {
  const isSame = known?.topicId === topic.topicId
  const partitions = topic.partitions
    .map((fresh): PartitionMetadata => {
      const before = isSame ? known.partitions[fresh.partitionIndex] : undefined
      const claimsOlder =
        before !== undefined && fresh.leaderEpoch >= 0 && fresh.leaderEpoch < before.leaderEpoch
      const doubts = claimsOlder ? (before.doubts ?? 0) + 1 : 0
      const isOlder = claimsOlder && doubts < BELIEVED_AFTER
      return {
        partition: fresh.partitionIndex,
        leader: isOlder ? before.leader : fresh.leaderId,
        leaderEpoch: isOlder ? before.leaderEpoch : fresh.leaderEpoch,
        replicas: fresh.replicaNodes,
        isr: fresh.isrNodes,
        ...(isOlder ? { doubts } : {}),
      }
    })
    .sort((a, b) => a.partition - b.partition)
  return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions }
}

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** KIP-951: a broker that is not the leader says who is, if it knows a newer one. */
export function applyLeaderHint(
  current: ClusterMetadata,
  name: string,
  partition: number,
  hint: LeaderHint,
): ClusterMetadata {
  const topic = current.topics.get(name)
  const before = topic?.partitions[partition]
  if (topic === undefined || before === undefined) return current
  if (hint.leaderId < 0 || hint.leaderEpoch <= before.leaderEpoch) return current
  if (!current.brokers.has(hint.leaderId)) return current
  const partitions = topic.partitions.with(partition, {
    ...before,
    leader: hint.leaderId,
    leaderEpoch: hint.leaderEpoch,
  })
  const topics = new Map(current.topics).set(name, { ...topic, partitions })
  return { ...current, topics }
}

/** Whether requests about this topic can name it by its id. */
export function hasTopicId(topic: TopicMetadata | undefined): topic is TopicMetadata {
  return topic !== undefined && topic.topicId !== ZERO_UUID
}

/** Whether a refresh told nothing new. */
export function isSameKnowledge(before: ClusterMetadata, after: ClusterMetadata): boolean {
  if (before === after) return true
  if (before.brokers.size !== after.brokers.size || before.topics.size !== after.topics.size) {
    return false
  }
  for (const [name, topic] of after.topics) {
    const known = before.topics.get(name)
    if (known?.topicId !== topic.topicId) return false
    if (known.partitions.length !== topic.partitions.length) return false
    for (const { partition, leader, leaderEpoch } of topic.partitions) {
      const was = known.partitions[partition]
      if (was?.leader !== leader || was.leaderEpoch !== leaderEpoch) return false
    }
  }
  return true
}
