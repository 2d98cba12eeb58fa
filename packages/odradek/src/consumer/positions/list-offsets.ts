/** Looks offsets up at the leaders of partitions; each partition has an answer or an error. */
import { BrokerError, KafkaError, listOffsets, ProtocolError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import type { TopicMetadata } from '../../cluster/metadata.ts'
import { ConnectionError } from '../../errors/errors.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import { EARLIEST } from '../options/start-options.ts'

export interface ListedOffset {
  /** -1 when no record is as young. */
  readonly offset: number
  readonly leaderEpoch: number
}

export interface ListQuery extends TopicPartition {
  /** ms since the epoch, or one of the special ones. */
  readonly timestamp: number
}

export type ListResults<Q> = ReadonlyMap<Q, ListedOffset | KafkaError>

/** One round: one request per leader. Never rejects; what failed may be asked again. */
export async function listOffsetsOf<Q extends ListQuery>(
  cluster: Cluster,
  queries: readonly Q[],
  isolationLevel: 'read_uncommitted' | 'read_committed',
): Promise<ListResults<Q>> {
  const results = new Map<Q, ListedOffset | KafkaError>()
  const byLeader = new Map<number, Q[]>()
  for (const query of queries) {
    const { topics, brokers } = cluster.metadata
    const leader = topics.get(query.topic)?.partitions[query.partition]?.leader ?? -1
    if (brokers.has(leader)) byLeader.set(leader, [...(byLeader.get(leader) ?? []), query])
    else results.set(query, noSuchPartition(query, topics.get(query.topic)) ?? noLeader(query))
  }
  await Promise.all(
    [...byLeader].map(async ([nodeId, asked]) => {
      try {
        await askLeader(cluster, nodeId, asked, isolationLevel, results)
      } catch (error) {
        const failure = error instanceof KafkaError ? error : noLeader(asked[0] as Q, error)
        for (const query of asked) if (!results.has(query)) results.set(query, failure)
      }
    }),
  )
  return results
}

async function askLeader<Q extends ListQuery>(
  cluster: Cluster,
  nodeId: number,
  asked: readonly Q[],
  isolationLevel: 'read_uncommitted' | 'read_committed',
  results: Map<Q, ListedOffset | KafkaError>,
): Promise<void> {
  const byTopic = new Map<string, Q[]>()
  for (const query of asked) byTopic.set(query.topic, [...(byTopic.get(query.topic) ?? []), query])
  const epochOf = (query: Q): number =>
    cluster.metadata.topics.get(query.topic)?.partitions[query.partition]?.leaderEpoch ?? -1
  const response = await cluster.request(listOffsets, nodeId, {
    replicaId: -1,
    isolationLevel: isolationLevel === 'read_committed' ? 1 : 0,
    topics: [...byTopic].map(([name, queries]) => ({
      name,
      partitions: queries.map((query) => ({
        partitionIndex: query.partition,
        currentLeaderEpoch: epochOf(query),
        timestamp: query.timestamp,
      })),
    })),
    timeoutMs: cluster.options.requestTimeoutMs,
  })
  for (const topic of response.topics) {
    for (const answer of topic.partitions) {
      const query = byTopic
        .get(topic.name)
        ?.find(({ partition }) => partition === answer.partitionIndex)
      if (query === undefined) continue
      const { errorCode, offset, leaderEpoch } = answer
      const action = `look up offsets of ${query.topic}-${query.partition}`
      if (errorCode !== 0) results.set(query, new BrokerError(errorCode, { action }))
      else results.set(query, refusal(query, offset) ?? { offset, leaderEpoch })
    }
  }
  for (const query of asked) if (!results.has(query)) results.set(query, noLeader(query))
}

/** Only of a time may there be no offset: a log has a start and an end. */
function refusal({ topic, partition, timestamp }: ListQuery, offset: number): KafkaError | void {
  if (offset >= 0 || (offset === -1 && timestamp >= 0)) return
  const what = timestamp === EARLIEST ? 'start' : 'end'
  return new ProtocolError(
    `A broker claims that ${topic}-${partition} has its ${what} at ${offset}`,
    {
      retriable: true,
    },
  )
}

/** It may be added yet; until then somebody may have counted from 1. */
function noSuchPartition(
  { topic, partition }: TopicPartition,
  known: TopicMetadata | undefined,
): KafkaError | undefined {
  const count = known?.partitions.length ?? 0
  if (count === 0 || partition < count) return undefined
  return new ConnectionError(
    `Topic ${topic} has no partition ${partition} (yet): it has ${count}, counted from 0.`,
    'advertisedListener',
  )
}

function noLeader(query: TopicPartition, cause?: unknown): KafkaError {
  return new ConnectionError(
    `${query.topic}-${query.partition} has no leader that can be asked.`,
    'advertisedListener',
    { cause },
  )
}
