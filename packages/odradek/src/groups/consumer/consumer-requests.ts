/** The heartbeat of KIP-848 as a body, and what its answer says. */
import type { consumerGroupHeartbeat, RequestInput, ResponseOf } from '@odradek/protocol'
import { UsageError } from '../../errors/errors.ts'
import { compareText } from '../assignors/member-order.ts'
import type { Heartbeat, IdPartition, TargetPartition } from './membership-consumer.states.ts'

export interface HeartbeatIdentity {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly memberId: string
  readonly rebalanceTimeoutMs: number
  readonly clientRack: string | null
  /** Null: the broker's own choice. */
  readonly remoteAssignor: string | null
}

type Body = RequestInput<typeof consumerGroupHeartbeat>

export function heartbeatBody(
  identity: HeartbeatIdentity,
  heartbeat: Heartbeat,
): (version: number) => Body {
  const { groupId, memberId, groupInstanceId: instanceId } = identity
  const { memberEpoch, isFull, subscription, owned } = heartbeat
  return (version) => ({
    ...{ groupId, memberId, memberEpoch, instanceId },
    ...(isFull
      ? {
          rackId: identity.clientRack,
          rebalanceTimeoutMs: identity.rebalanceTimeoutMs,
          serverAssignor: identity.remoteAssignor,
        }
      : {}),
    ...(subscription === null
      ? {}
      : {
          subscribedTopicNames: [...new Set(subscription.topics)].sort(compareText),
          ...patternOf(subscription.pattern, version),
        }),
    ...(owned === null ? {} : { topicPartitions: byTopic(owned) }),
  })
}

function patternOf(pattern: string | null, version: number): Partial<Body> {
  if (pattern === null) return {}
  if (version >= 1) return { subscribedTopicRegex: pattern }
  if (pattern === '') return {}
  throw new UsageError(
    'The coordinator cannot read topics by a pattern: that needs Apache Kafka 4.0 or newer. ' +
      'Name the topics instead.',
    { code: 'UNSUPPORTED_VERSION' },
  )
}

function byTopic(owned: readonly IdPartition[]) {
  const topics = new Map<string, number[]>()
  for (const { topicId, partition } of owned) {
    const known = topics.get(topicId)
    if (known === undefined) topics.set(topicId, [partition])
    else known.push(partition)
  }
  return [...topics].map(([topicId, partitions]) => ({
    topicId,
    partitions: partitions.sort((a, b) => a - b),
  }))
}

/** Null when the answer says nothing of it: as before. */
export function assignmentOf(
  { assignment }: Pick<ResponseOf<typeof consumerGroupHeartbeat>, 'assignment'>,
  nameOf: (topicId: string) => string | undefined,
): readonly TargetPartition[] | null {
  if (assignment === null) return null
  return assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition, topic: nameOf(topicId) })),
  )
}
