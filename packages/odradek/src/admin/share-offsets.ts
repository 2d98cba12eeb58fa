/** Where share groups stand (KIP-932): read, set and forgotten; asked of a group's coordinator. */
import {
  alterShareGroupOffsets as alterApi,
  BrokerError,
  deleteShareGroupOffsets as deleteApi,
  describeShareGroupOffsets as describeApi,
  ErrorCode,
  type KafkaError,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors/errors.ts'
import { throwIfError } from '../errors/reaction.ts'
import { shown } from '../errors/shown.ts'
import { partitionKey, type TopicPartition } from '../events/topic-partition.ts'
import { askCoordinator, checkGroup } from './group-coordinator.ts'
import { type CallOptions, callForItems, namesOf } from './item-calls.ts'
import { listOffsets, type OffsetQuery } from './offsets.ts'
import { countOf, definite } from './topics.ts'

/** Where a share group stands in a partition. */
export interface ShareGroupOffset {
  readonly partition: number
  /** The first record that the group is not through with; null before it has begun. */
  readonly startOffset: number | null
  /** -1 when the broker does not tell. */
  readonly leaderEpoch: number
  /** Records that the group is not through with; null when the broker does not tell (Kafka 4.1). */
  readonly lag: number | null
}

/**
 * Where a share group is to go on: at an offset, or at the first or the end of what is kept now.
 */
export type ShareOffsetSpec = number | 'earliest' | 'latest'

/** By topic: all partitions at `earliest` or `latest`, or single ones anywhere. */
export type ShareOffsetsToSet = Readonly<
  Record<string, 'earliest' | 'latest' | Readonly<Record<number, ShareOffsetSpec>>>
>

export async function shareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  options: CallOptions,
): Promise<ReadonlyMap<string, readonly ShareGroupOffset[]>> {
  refuseNoGroup(groupId, 'shareGroupOffsets')
  const action = `read the offsets of share group "${groupId}"`
  return asked(cluster, groupId, { ...options, action }, async () => {
    const body = { groups: [{ groupId, topics: null }] }
    const { groups } = await askCoordinator(cluster, groupId, describeApi, body)
    const group = groups.find((one) => one.groupId === groupId)
    throwIfError(group?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, action, group?.errorMessage)
    const topics = new Map<string, readonly ShareGroupOffset[]>()
    for (const { topicName, partitions } of group?.topics ?? []) {
      const list = partitions.map((one): ShareGroupOffset => {
        throwIfError(one.errorCode, action, one.errorMessage)
        const { partitionIndex: partition, startOffset, leaderEpoch, lag } = one
        return { partition, startOffset: ifKnown(startOffset), leaderEpoch, lag: ifKnown(lag) }
      })
      if (list.length === 0) continue
      topics.set(
        topicName,
        list.sort((a, b) => a.partition - b.partition),
      )
    }
    return topics
  })
}

export async function alterShareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  wanted: ShareOffsetsToSet,
  options: CallOptions,
): Promise<void> {
  refuseNoGroup(groupId, 'alterShareGroupOffsets')
  const places = await placesOf(cluster, wanted, options)
  const action = `set the offsets of share group "${groupId}"`
  await callForItems<true>({
    cluster,
    action,
    items: [...places.keys()],
    ...options,
    attempt: async (rest) => {
      const left = rest.map((key) => places.get(key) as Place)
      const body = { groupId, topics: byTopic(left) }
      const { errorCode, errorMessage, responses } = await askCoordinator(
        cluster,
        groupId,
        alterApi,
        body,
      )
      checkGroup(cluster, groupId, errorCode, action, errorMessage)
      return new Map(
        responses.flatMap(({ topicName, partitions }) =>
          partitions.map((one) => [
            partitionKey(topicName, one.partitionIndex),
            resultOf(one, `${action} in ${topicName}-${one.partitionIndex}`),
          ]),
        ),
      )
    },
  })
}

export async function deleteShareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  topics: readonly string[],
  options: CallOptions,
): Promise<void> {
  refuseNoGroup(groupId, 'deleteShareGroupOffsets')
  const names = namesOf(topics, 'deleteShareGroupOffsets')
  const of = `of share group "${groupId}"`
  await callForItems<true>({
    cluster,
    action: `delete the offsets ${of} for ${countOf(names, 'topic')}`,
    items: names,
    ...options,
    attempt: async (rest) => {
      const body = { groupId, topics: rest.map((topicName) => ({ topicName })) }
      const { errorCode, errorMessage, responses } = await askCoordinator(
        cluster,
        groupId,
        deleteApi,
        body,
      )
      checkGroup(cluster, groupId, errorCode, `delete offsets ${of}`, errorMessage)
      return new Map(
        responses.map((one) => [
          one.topicName,
          resultOf(one, `delete the offsets ${of} for topic "${one.topicName}"`),
        ]),
      )
    },
  })
}

interface Place extends TopicPartition {
  readonly offset: number
}

/** Every partition that is meant, with a number; the log's ends are looked up. */
async function placesOf(
  cluster: Cluster,
  wanted: ShareOffsetsToSet,
  options: CallOptions,
): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  const toLookUp: Record<string, OffsetQuery[string]> = {}
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) refuse(wanted)
  for (const [topic, spec] of Object.entries(wanted)) {
    if (isEnd(spec)) toLookUp[topic] = spec
    else if (typeof spec !== 'object' || spec === null) refuse(spec)
    else {
      const ends: Record<number, 'earliest' | 'latest'> = {}
      for (const [index, offset] of Object.entries(spec)) {
        const partition = Number(index)
        if (!Number.isSafeInteger(partition) || partition < 0) refuse(index)
        if (isEnd(offset)) ends[partition] = offset
        else if (!Number.isSafeInteger(offset) || offset < 0) refuse(offset)
        else places.set(partitionKey(topic, partition), { topic, partition, offset })
      }
      if (Object.keys(ends).length > 0) toLookUp[topic] = ends
    }
  }
  if (Object.keys(toLookUp).length === 0) return places
  for (const [topic, found] of await listOffsets(cluster, toLookUp, options)) {
    for (const { partition, offset } of found) {
      places.set(partitionKey(topic, partition), { topic, partition, offset: offset ?? 0 })
    }
  }
  return places
}

function isEnd(spec: unknown): spec is 'earliest' | 'latest' {
  return spec === 'earliest' || spec === 'latest'
}

function refuse(given: unknown): never {
  throw new UsageError(
    'alterShareGroupOffsets takes offsets by topic, like { orders: "earliest" } or ' +
      `{ orders: { 0: 17, 1: "latest" } }; ${shown(given)} is none.`,
  )
}

function refuseNoGroup(groupId: unknown, what: string): void {
  if (typeof groupId === 'string' && groupId !== '') return
  throw new UsageError(`${what} takes the id of a share group.`)
}

function byTopic(places: readonly Place[]) {
  const topics = new Map<string, { partitionIndex: number; startOffset: number }[]>()
  for (const { topic, partition, offset } of places) {
    const list = topics.get(topic) ?? []
    topics.set(topic, list)
    list.push({ partitionIndex: partition, startOffset: offset })
  }
  return [...topics].map(([topicName, partitions]) => ({ topicName, partitions }))
}

const ifKnown = (value: number): number | null => (value < 0 ? null : value)

function resultOf(
  { errorCode, errorMessage }: { errorCode: number; errorMessage: string | null },
  action: string,
): true | KafkaError {
  if (errorCode === ErrorCode.NONE) return true
  return definite(new BrokerError(errorCode, { action, brokerMessage: errorMessage }))
}

function asked<T>(
  cluster: Cluster,
  groupId: string,
  { action, timeoutMs, signal }: CallOptions & { readonly action: string },
  attempt: () => Promise<T>,
): Promise<T> {
  const onCoordinatorMoved = (): void => cluster.forgetCoordinator('group', groupId)
  return cluster.retry(attempt, { action, timeoutMs, signal, onCoordinatorMoved })
}
