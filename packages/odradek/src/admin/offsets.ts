/** Offsets: of the log's ends, by time, of a group, and the lag between them. */
import {
  BrokerError,
  ErrorCode,
  KafkaError,
  listOffsets as listOffsetsApi,
  offsetFetch,
  type ResponseOf,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors/errors.ts'
import { throwIfError } from '../errors/reaction.ts'
import { shown } from '../errors/shown.ts'
import { partitionKey } from '../events/topic-partition.ts'
import { type CallOptions, callForItems } from './item-calls.ts'
import { definite, describeTopics, existingTopics } from './topics.ts'

/**
 * Which offset: of the oldest record that is kept, the one that the next record will get, that of
 * the record with the largest timestamp, or that of the first record at or after a time (ms since
 * the epoch).
 */
export type OffsetSpec = 'earliest' | 'latest' | 'maxTimestamp' | number

/** A place in a partition. */
export interface ListedOffset {
  readonly partition: number
  /** Null when no record is at or after the time that was asked for. */
  readonly offset: number | null
  /** The record's own timestamp, for look-ups by time; -1 otherwise. */
  readonly timestamp: number
  /** -1 when the broker does not tell. */
  readonly leaderEpoch: number
}

/** What a group has committed for a partition. */
export interface CommittedOffset {
  readonly partition: number
  /** The next record that the group reads. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** How far a group is behind in a partition. */
export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  readonly committedOffset: number
  /** The oldest record that is kept: what lies before it can no longer be read. */
  readonly logStartOffset: number
  readonly endOffset: number
  /** Records between what is committed (or still kept) and the end. */
  readonly lag: number
  /** Records that were deleted before the group read them. */
  readonly lostCount: number
}

/** How far a group is behind, in records. */
export interface GroupLag {
  readonly groupId: string
  readonly lag: number
  readonly partitions: readonly PartitionLag[]
}

/** What `listOffsets` looks for, by topic: in all partitions, or by partition. */
export type OffsetQuery = Readonly<
  Record<string, OffsetSpec | Readonly<Record<number, OffsetSpec>>>
>

export interface ListOffsetsOptions extends CallOptions {
  /** `read_committed` ends at the last stable offset. Default `read_uncommitted`. */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed' | undefined
}

const CODES: Readonly<Record<string, number>> = { latest: -1, earliest: -2, maxTimestamp: -3 }
const FIRST_VERSION_WITH_MAX_TIMESTAMP = 7
/** The last one that names topics by name: a group may hold offsets of topics that are gone. */
const OFFSET_FETCH_VERSION_WITH_NAMES = 9
const FIRST_OFFSET_FETCH_VERSION_WITH_GROUPS = 8

interface Place {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number
}

export async function listOffsets(
  cluster: Cluster,
  query: OffsetQuery,
  options: ListOffsetsOptions,
): Promise<ReadonlyMap<string, readonly ListedOffset[]>> {
  const places = await placesOf(cluster, query, options)
  const found = await callForItems<ListedOffset>({
    cluster,
    action: 'list offsets',
    items: [...places.keys()],
    ...options,
    attempt: async (rest) => {
      const wanted = rest.map((key) => places.get(key) as Place)
      return lookUp(cluster, wanted, options.isolationLevel === 'read_committed')
    },
  })
  const result = new Map<string, ListedOffset[]>(Object.keys(query).map((topic) => [topic, []]))
  for (const [key, { topic }] of places) result.get(topic)?.push(found.get(key) as ListedOffset)
  for (const list of result.values()) list.sort((a, b) => a.partition - b.partition)
  return result
}

async function placesOf(
  cluster: Cluster,
  query: OffsetQuery,
  options: CallOptions,
): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  const add = (topic: string, partition: number, timestamp: number): void => {
    places.set(partitionKey(topic, partition), { topic, partition, timestamp })
  }
  const whole = new Map<string, number>()
  // What is wrong is refused before anybody is asked.
  if (typeof query !== 'object' || query === null || Array.isArray(query)) {
    throw new UsageError(
      "listOffsets(...) takes offsets by topic, like { orders: 'latest', audit: { 0: 'earliest' } }.",
    )
  }
  for (const [topic, wanted] of Object.entries(query)) {
    if (typeof wanted !== 'object' || wanted === null) whole.set(topic, timestampOf(wanted))
    else
      for (const [index, spec] of Object.entries(wanted))
        add(topic, Number(index), timestampOf(spec))
  }
  const described = await describeTopics(cluster, [...whole.keys()], options)
  for (const [topic, { partitions }] of described) {
    for (const { partition } of partitions) add(topic, partition, whole.get(topic) as number)
  }
  return places
}

function codeOf(spec: string): number | undefined {
  return Object.hasOwn(CODES, spec) ? CODES[spec] : undefined
}

function timestampOf(spec: OffsetSpec): number {
  const timestamp = typeof spec === 'number' ? spec : codeOf(spec)
  if (timestamp !== undefined && !Number.isNaN(timestamp)) return timestamp
  throw new UsageError(
    `listOffsets knows "earliest", "latest", "maxTimestamp" and times in ms; ` +
      `${shown(spec)} is none of them.`,
  )
}

/** Asks each leader about its partitions. */
async function lookUp(
  cluster: Cluster,
  wanted: readonly Place[],
  isCommitted: boolean,
): Promise<ReadonlyMap<string, ListedOffset | KafkaError>> {
  const release = cluster.needTopics([...new Set(wanted.map(({ topic }) => topic))])
  try {
    const byLeader = new Map<number, Place[]>()
    const results = new Map<string, ListedOffset | KafkaError>()
    const leaderOf = ({ topic, partition }: Place): number =>
      cluster.metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1
    if (wanted.some((place) => leaderOf(place) < 0)) {
      await cluster.refreshMetadata('offsets are asked for')
    }
    for (const place of wanted) {
      const leader = leaderOf(place)
      if (leader >= 0) byLeader.set(leader, [...(byLeader.get(leader) ?? []), place])
      else results.set(partitionKey(place.topic, place.partition), noLeader(cluster, place))
    }
    const asked = [...byLeader].map(async ([leader, places]) => {
      try {
        await askLeader(cluster, leader, places, isCommitted, results)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        for (const { topic, partition } of places)
          results.set(partitionKey(topic, partition), error)
      }
    })
    await Promise.all(asked)
    const mayMove = [...results.values()].some((one) => one instanceof KafkaError && one.retriable)
    if (mayMove) cluster.refreshMetadata('an offset look-up failed').catch(() => undefined)
    return results
  } finally {
    release()
  }
}

function noLeader(cluster: Cluster, { topic, partition }: Place): KafkaError {
  const action = `find an offset of ${topic}-${partition}`
  const known = cluster.metadata.topics.get(topic)
  const count = known?.partitions.length ?? 0
  if (known === undefined || count === 0 || partition < count) {
    const code = cluster.metadata.topicErrors.get(topic) ?? ErrorCode.LEADER_NOT_AVAILABLE
    return definite(new BrokerError(code, { action }))
  }
  return new UsageError(
    `Could not ${action}: topic "${topic}" has the partitions 0 to ${count - 1}.`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  places: readonly Place[],
  isCommitted: boolean,
  results: Map<string, ListedOffset | KafkaError>,
): Promise<void> {
  const byTopic = new Map<string, Place[]>()
  for (const place of places) {
    byTopic.set(place.topic, [...(byTopic.get(place.topic) ?? []), place])
  }
  const needsNewer = places.some(({ timestamp }) => timestamp === CODES['maxTimestamp'])
  const version = await cluster.versionOf(listOffsetsApi, leader)
  if (needsNewer && (version ?? 0) < FIRST_VERSION_WITH_MAX_TIMESTAMP) {
    throw new BrokerError(ErrorCode.UNSUPPORTED_VERSION, { action: 'find the largest timestamp' })
  }
  const response = await cluster.request(listOffsetsApi, leader, {
    replicaId: -1,
    isolationLevel: isCommitted ? 1 : 0,
    topics: [...byTopic].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, timestamp }) => ({
        partitionIndex: partition,
        timestamp,
      })),
    })),
    timeoutMs: cluster.options.requestTimeoutMs,
  })
  for (const topic of response.topics) {
    for (const one of topic.partitions) {
      const { partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch } = one
      const result =
        errorCode === ErrorCode.NONE
          ? { partition, offset: offset < 0 ? null : offset, timestamp, leaderEpoch }
          : new BrokerError(errorCode, { action: `find an offset of ${topic.name}-${partition}` })
      results.set(partitionKey(topic.name, partition), result)
    }
  }
}

export async function committedOffsets(
  cluster: Cluster,
  groupId: string,
  options: CallOptions,
): Promise<ReadonlyMap<string, readonly CommittedOffset[]>> {
  if (typeof groupId !== 'string' || groupId === '') {
    throw new UsageError('committedOffsets takes the id of a group.')
  }
  const action = `read the committed offsets of group "${groupId}"`
  return cluster.retry(
    async () => {
      const response = await cluster.requestCoordinator(
        'group',
        groupId,
        offsetFetch,
        (version) =>
          version >= FIRST_OFFSET_FETCH_VERSION_WITH_GROUPS
            ? { groups: [{ groupId, topics: null }], requireStable: false }
            : { groupId, topics: null },
        { maxVersion: OFFSET_FETCH_VERSION_WITH_NAMES },
      )
      return readCommitted(response, groupId, action)
    },
    {
      action,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      onCoordinatorMoved: () => cluster.forgetCoordinator('group', groupId),
    },
  )
}

function readCommitted(
  response: ResponseOf<typeof offsetFetch>,
  groupId: string,
  action: string,
): ReadonlyMap<string, readonly CommittedOffset[]> {
  const group = response.groups.find((one) => one.groupId === groupId) ?? response
  throwIfError(group.errorCode, action)
  const topics = new Map<string, CommittedOffset[]>()
  for (const { name, partitions } of group.topics) {
    const list: CommittedOffset[] = []
    for (const one of partitions) {
      throwIfError(one.errorCode, action)
      if (one.committedOffset < 0) continue
      list.push({
        partition: one.partitionIndex,
        offset: one.committedOffset,
        leaderEpoch: one.committedLeaderEpoch,
        metadata: one.metadata ?? '',
      })
    }
    if (list.length > 0)
      topics.set(
        name,
        list.sort((a, b) => a.partition - b.partition),
      )
  }
  return topics
}

export async function lagOf(
  cluster: Cluster,
  groupId: string,
  options: CallOptions,
): Promise<GroupLag> {
  const all = await committedOffsets(cluster, groupId, options)
  // Offsets outlive their topics: what is gone, or was created again with less, has no lag.
  const counts = await existingTopics(cluster, [...all.keys()], options)
  const committed = new Map(
    [...all].map(([topic, list]) => {
      const count = counts.get(topic) ?? 0
      return [topic, list.filter(({ partition }) => partition < count)] as const
    }),
  )
  const query = (spec: OffsetSpec): OffsetQuery =>
    Object.fromEntries(
      [...committed].map(([topic, list]) => [
        topic,
        Object.fromEntries(list.map(({ partition }) => [partition, spec])),
      ]),
    )
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, query('earliest'), options),
    listOffsets(cluster, query('latest'), options),
  ])
  const partitions: PartitionLag[] = []
  for (const [topic, list] of committed) {
    for (const [at, { partition, offset: committedOffset }] of list.entries()) {
      const logStartOffset = starts.get(topic)?.[at]?.offset ?? 0
      const endOffset = ends.get(topic)?.[at]?.offset ?? 0
      partitions.push({
        topic,
        partition,
        committedOffset,
        logStartOffset,
        endOffset,
        lag: Math.max(0, endOffset - Math.max(committedOffset, logStartOffset)),
        lostCount: Math.max(0, logStartOffset - committedOffset),
      })
    }
  }
  return { groupId, lag: partitions.reduce((sum, { lag }) => sum + lag, 0), partitions }
}
