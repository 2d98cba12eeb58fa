/** Reads what a group has committed, with transactions settled. */
import { BrokerError, offsetFetch, type RequestInput } from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import { throwIfError } from '../../errors/reaction.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { ConsumerGroupMetadata } from '../../groups/shell/membership.ts'

export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** By `partitionKey`: undefined when nothing is committed, an error for one partition's trouble. */
export type CommittedOffsets = ReadonlyMap<string, CommittedOffset | BrokerError | undefined>

/**
 * One attempt. Partitions that the coordinator leaves out of its answer are absent. With a stamp it
 * answers only to a member whose epoch is the newest (KIP-848), so that none reads an offset that
 * the owner before it is still about to commit.
 */
export async function fetchCommittedOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
  stamp?: ConsumerGroupMetadata,
): Promise<CommittedOffsets> {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition])
  }
  const topics = [...byTopic].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
  const member =
    stamp === undefined
      ? {}
      : { memberId: stamp.memberId, memberEpoch: stamp.generationIdOrMemberEpoch }
  const body = (version: number): RequestInput<typeof offsetFetch> => ({
    ...(version >= 8 ? { groups: [{ groupId, ...member, topics }] } : { groupId, topics }),
    ...(version >= 7 ? { requireStable: true } : {}),
  })
  const response = await cluster.requestCoordinator('group', groupId, offsetFetch, body, {
    purpose: 'heartbeat',
    maxVersion: LAST_VERSION_WITH_NAMES,
  })
  const group = response.groups.find((one) => one.groupId === groupId) ?? response
  throwIfError(group.errorCode, `read the offsets of group "${groupId}"`)
  const found = new Map<string, CommittedOffset | BrokerError | undefined>()
  for (const topic of group.topics) {
    for (const answer of topic.partitions) {
      const { committedOffset: offset, committedLeaderEpoch: leaderEpoch } = answer
      const action = `read the offset of ${topic.name}-${answer.partitionIndex}`
      found.set(
        partitionKey(topic.name, answer.partitionIndex),
        answer.errorCode !== 0
          ? new BrokerError(answer.errorCode, { action })
          : offset < 0
            ? undefined
            : { offset, leaderEpoch, metadata: answer.metadata ?? '' },
      )
    }
  }
  return found
}

const LAST_VERSION_WITH_NAMES = 9
