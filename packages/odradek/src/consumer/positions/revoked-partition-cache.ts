/**
 * What this member knew of its partitions when they went away, for the case that nobody else knows:
 * coordinators forget offsets that expire or are deleted, and all those of a topic that is.
 */
import { ZERO_UUID } from '@odradek/protocol'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { CommittedOffset } from '../commit/committed-offsets.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

interface Seen {
  readonly topicId: string
  /** What the group had committed; undefined when that was nothing. */
  readonly committed: CommittedOffset | undefined
}

export class LastSeen {
  readonly #seen = new Map<string, Seen>()

  remember(reader: PartitionReader): void {
    const { topic, partition, commitMetadata, lineage } = reader
    const { offset } = reader.commit
    const topicId = reader.formerTopicId ?? reader.topicId
    const committed =
      offset === undefined
        ? undefined
        : { offset, leaderEpoch: lineage.epochBefore(offset), metadata: commitMetadata }
    this.#seen.set(partitionKey(topic, partition), { topicId, committed })
  }

  knows({ topic, partition }: TopicPartition): boolean {
    return this.#seen.has(partitionKey(topic, partition))
  }

  /** What the group had committed in the topic of this id. */
  committed({ topic, partition }: TopicPartition, topicId: string): CommittedOffset | undefined {
    const seen = this.#seen.get(partitionKey(topic, partition))
    return seen?.topicId === topicId ? seen.committed : undefined
  }

  /** Whether it was another topic of the same name that this member had. */
  wasOfFormerTopic({ topic, partition }: TopicPartition, topicId: string): boolean {
    const former = this.#seen.get(partitionKey(topic, partition))?.topicId ?? ZERO_UUID
    return former !== ZERO_UUID && topicId !== ZERO_UUID && former !== topicId
  }
}
