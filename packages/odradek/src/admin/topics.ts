/** Topics: create, delete, list, describe. */
import {
  BrokerError,
  createTopics as createTopicsApi,
  deleteTopics as deleteTopicsApi,
  ErrorCode,
  type KafkaError,
  metadata,
  type ResponseOf,
  ProtocolError,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { isCounted, type PartitionMetadata } from '../cluster/metadata.ts'
import { ConnectionError, TimeoutError, UsageError } from '../errors/errors.ts'
import { throwIfError } from '../errors/reaction.ts'
import { checkOptions } from '../options/option-table.ts'
import { checkTopicName } from '../serdes/topic.ts'
import { NEW_TOPIC_OPTIONS } from './admin-call-options.ts'
import { type CallOptions, callForItems, namesOf } from './item-calls.ts'

/** What a new topic should be. */
export interface NewTopic {
  /** How many partitions; the cluster's own default (`num.partitions`) when absent. */
  readonly partitions?: number | undefined
  /** How many brokers keep each partition; the cluster's own default when absent. */
  readonly replicationFactor?: number | undefined
  /** Configuration by Kafka's names, for instance `{ 'retention.ms': 86_400_000 }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>> | undefined
  /** The brokers (node ids, the preferred leader first) of each partition, in place of the rest. */
  readonly assignments?: Readonly<Record<number, readonly number[]>> | undefined
}

/** A topic that was created. */
export interface CreatedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionCount: number
  readonly replicationFactor: number
}

/** A topic in a list. */
export interface TopicListing {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
}

/** A topic with its partitions, by number. */
export interface TopicDescription extends TopicListing {
  readonly partitions: readonly PartitionMetadata[]
}

type MetadataTopic = ResponseOf<typeof metadata>['topics'][number]

const CLUSTER_DEFAULT = -1
const FIRST_VERSION_WITH_DEFAULTS = 4
const POLL_MS = 20
const MAX_POLL_MS = 200

export async function createTopics(
  cluster: Cluster,
  topics: Readonly<Record<string, NewTopic>>,
  options: CallOptions,
): Promise<ReadonlyMap<string, CreatedTopic>> {
  if (typeof topics !== 'object' || topics === null || Array.isArray(topics)) {
    throw new UsageError(
      'admin.createTopics(...) takes an object of topics by name, like { orders: { partitions: 6 } }.',
    )
  }
  if (Array.isArray((topics as Readonly<Record<string, unknown>>)['topics'])) {
    throw new UsageError(
      'admin.createTopics(...) takes topics by name: write createTopics({ orders: { partitions: ' +
        '6 } }), not { topics: [...] }.',
    )
  }
  const names = Object.keys(topics)
  for (const name of names) checkNewTopic(name, topics[name] as NewTopic)
  const deadline = deadlineOf(cluster, options)
  let wasAnswerLost = false
  const attempt = async (rest: readonly string[]) => {
    const response = await cluster
      .requestController(createTopicsApi, (version) => ({
        topics: rest.map((name) => requestOf(name, topics[name] as NewTopic, version)),
        timeoutMs: cluster.options.requestTimeoutMs,
      }))
      .catch((error: unknown) => {
        const isLost =
          (error instanceof ConnectionError && error.stage === 'established') ||
          error instanceof TimeoutError
        if (isLost) wasAnswerLost = true
        throw error
      })
    return new Map(
      response.topics.map((topic): [string, CreatedTopic | KafkaError] => {
        const { name, topicId, numPartitions, replicationFactor, errorCode, errorMessage } = topic
        // The answer to an earlier try was lost: this is what that try created.
        const isOurs = wasAnswerLost && errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
        if (errorCode === ErrorCode.NONE || isOurs) {
          return [name, { name, topicId, partitionCount: numPartitions, replicationFactor }]
        }
        const action = `create topic "${name}"`
        return [name, new BrokerError(errorCode, { action, brokerMessage: errorMessage })]
      }),
    )
  }
  let created: ReadonlyMap<string, CreatedTopic> = new Map()
  if (names.length > 0) {
    const action = `create ${countOf(names, 'topic')}`
    created = await callForItems({ cluster, action, items: names, attempt, ...options })
  }
  const described = await pollTopics(cluster, names, {
    action: `see ${countOf(names, 'new topic')} with leaders`,
    deadline,
    signal: options.signal,
    isDone: (topic, name) =>
      topic.errorCode === ErrorCode.NONE &&
      topic.partitions.length > 0 &&
      topic.partitions.length >= (created.get(name)?.partitionCount ?? 0) &&
      topic.partitions.every(({ leaderId }) => leaderId >= 0),
  })
  return new Map(
    names.map((name) => {
      const topic = described.get(name)
      const answer = created.get(name) as CreatedTopic
      if (topic === undefined) return [name, answer]
      return [
        name,
        {
          name,
          topicId: topic.topicId,
          partitionCount: topic.partitions.length,
          replicationFactor: topic.partitions[0]?.replicaNodes.length ?? answer.replicationFactor,
        },
      ]
    }),
  )
}

function checkNewTopic(name: string, topic: NewTopic): void {
  checkTopicName(name)
  checkOptions(NEW_TOPIC_OPTIONS, topic ?? null, `admin.createTopics({ ${name}: ... })`)
  const { partitions, replicationFactor, assignments } = topic
  if (assignments !== undefined && (partitions ?? replicationFactor) !== undefined) {
    throw new UsageError(
      `Topic "${name}" has "assignments", which say both how many partitions and how many ` +
        'replicas there are: leave "partitions" and "replicationFactor" out.',
    )
  }
}

function requestOf(name: string, topic: NewTopic, version: number) {
  const fallback = version >= FIRST_VERSION_WITH_DEFAULTS ? CLUSTER_DEFAULT : 1
  const isAssigned = topic.assignments !== undefined
  return {
    name,
    numPartitions: isAssigned ? CLUSTER_DEFAULT : (topic.partitions ?? fallback),
    replicationFactor: isAssigned ? CLUSTER_DEFAULT : (topic.replicationFactor ?? fallback),
    assignments: Object.entries(topic.assignments ?? {}).map(([partition, brokerIds]) => ({
      partitionIndex: Number(partition),
      brokerIds: [...brokerIds],
    })),
    configs: Object.entries(topic.configs ?? {}).map(([key, value]) => ({
      name: key,
      value: String(value),
    })),
  }
}

export async function deleteTopics(
  cluster: Cluster,
  given: readonly string[],
  options: CallOptions,
): Promise<void> {
  const names = namesOf(given, 'deleteTopics')
  if (names.length === 0) return
  const deadline = deadlineOf(cluster, options)
  let wasAnswerLost = false
  const attempt = async (rest: readonly string[]) => {
    const response = await cluster
      .requestController(deleteTopicsApi, (version) => ({
        ...(version >= 6 ? { topics: rest.map((name) => ({ name })) } : { topicNames: [...rest] }),
        timeoutMs: cluster.options.requestTimeoutMs,
      }))
      .catch((error: unknown) => {
        wasAnswerLost = true
        throw error
      })
    return new Map(
      response.responses.map(({ name, errorCode, errorMessage }): [string, true | KafkaError] => {
        const isGone = wasAnswerLost && errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        const action = `delete topic "${name}"`
        if (errorCode === ErrorCode.NONE || isGone) return [name ?? '', true]
        const error = new BrokerError(errorCode, { action, brokerMessage: errorMessage })
        return [name ?? '', definite<true>(error)]
      }),
    )
  }
  const action = `delete ${countOf(names, 'topic')}`
  await callForItems<true>({ cluster, action, items: names, attempt, ...options })
  await pollTopics(cluster, names, {
    action: `see ${countOf(names, 'topic')} gone`,
    deadline,
    signal: options.signal,
    isDone: (topic) => topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  })
}

/**
 * An unknown topic is retriable for who writes to it, and final for who deletes or describes it.
 */
export function definite<T>(result: T | BrokerError): T | KafkaError {
  if (!(result instanceof BrokerError)) return result
  if (result.errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return result
  return new UsageError(result.message, { code: result.code, cause: result })
}

export async function listTopics(
  cluster: Cluster,
  options: CallOptions & { readonly internal?: boolean | undefined },
): Promise<ReadonlyMap<string, TopicListing>> {
  const topics = await readTopics(cluster, null, options)
  const listed = new Map<string, TopicListing>()
  for (const { name, topicId, isInternal, errorCode } of topics) {
    if (name === null || errorCode !== ErrorCode.NONE) continue
    if (isInternal && options.internal !== true) continue
    listed.set(name, { name, topicId, isInternal })
  }
  return listed
}

/** Those of the topics that the cluster has, each with how many partitions it has. */
export async function existingTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map()
  const topics = await readTopics(cluster, names, options)
  const isThere = ({ errorCode }: MetadataTopic): boolean =>
    errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  // A topic without a leader yet may have any number.
  const countOfPartitions = ({ partitions }: MetadataTopic): number =>
    partitions.length === 0 ? Number.POSITIVE_INFINITY : partitions.length
  return new Map(
    topics.filter(isThere).map((topic) => [topic.name ?? '', countOfPartitions(topic)]),
  )
}

export async function describeTopics(
  cluster: Cluster,
  given: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, TopicDescription>> {
  const names = namesOf(given, 'describeTopics')
  for (const name of names) checkTopicName(name)
  if (names.length === 0) return new Map()
  return callForItems<TopicDescription>({
    cluster,
    action: `describe ${countOf(names, 'topic')}`,
    items: names,
    ...options,
    attempt: async (rest) => {
      const topics = await requestTopics(cluster, rest)
      return new Map(topics.map((topic) => [topic.name ?? '', definite(descriptionOf(topic))]))
    },
  })
}

function descriptionOf(topic: MetadataTopic): TopicDescription | KafkaError {
  const { name, topicId, isInternal, errorCode } = topic
  const isKnown = errorCode === ErrorCode.NONE || errorCode === ErrorCode.LEADER_NOT_AVAILABLE
  if (!isKnown) return new BrokerError(errorCode, { action: `describe topic "${name}"` })
  if (!isCounted(topic)) {
    const text = `A broker does not number the partitions of topic "${name}" from 0 on`
    return new ProtocolError(text, { retriable: true })
  }
  return {
    name: name ?? '',
    topicId,
    isInternal,
    partitions: topic.partitions
      .map((one) => ({
        partition: one.partitionIndex,
        leader: one.leaderId,
        leaderEpoch: one.leaderEpoch,
        replicas: one.replicaNodes,
        isr: one.isrNodes,
      }))
      .sort((a, b) => a.partition - b.partition),
  }
}

async function requestTopics(
  cluster: Cluster,
  names: readonly string[] | null,
): Promise<readonly MetadataTopic[]> {
  const response = await cluster.requestAny(metadata, (version) => ({
    topics: names === null ? null : names.map((name) => ({ name })),
    ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
  }))
  throwIfError(response.errorCode, 'read metadata')
  return response.topics
}

function readTopics(
  cluster: Cluster,
  names: readonly string[] | null,
  options: CallOptions,
): Promise<readonly MetadataTopic[]> {
  const { timeoutMs, signal } = options
  const action = 'read the list of topics'
  return cluster.retry(() => requestTopics(cluster, names), { action, timeoutMs, signal })
}

interface Poll {
  readonly action: string
  readonly deadline: number
  readonly signal: AbortSignal | undefined
  readonly isDone: (topic: MetadataTopic, name: string) => boolean
}

/** Asks until the cluster shows the topics as they should be. */
async function pollTopics(
  cluster: Cluster,
  names: readonly string[],
  { action, deadline, signal, isDone }: Poll,
): Promise<ReadonlyMap<string, MetadataTopic>> {
  const found = new Map<string, MetadataTopic>()
  if (names.length === 0) return found
  const { clock } = cluster.environment
  for (let pauseMs = POLL_MS; ; pauseMs = Math.min(MAX_POLL_MS, pauseMs * 2)) {
    const remaining = deadline - clock.monotonic()
    const waiting = names.filter((name) => !found.has(name))
    if (remaining <= 0) {
      throw new TimeoutError(`Could not ${action} in time: ${waiting.join(', ')} took too long.`)
    }
    for (const topic of await readTopics(cluster, waiting, { timeoutMs: remaining, signal })) {
      if (topic.name !== null && isDone(topic, topic.name)) found.set(topic.name, topic)
    }
    if (found.size >= names.length) return found
    await cluster.sleep(pauseMs, signal)
    signal?.throwIfAborted()
  }
}

function deadlineOf(cluster: Cluster, options: CallOptions): number {
  const timeoutMs = options.timeoutMs ?? cluster.options.defaultApiTimeoutMs
  return cluster.environment.clock.monotonic() + timeoutMs
}

export function countOf(names: readonly string[], what: string): string {
  return names.length === 1 ? `${what} "${names[0]}"` : `${names.length} ${what}s`
}
