/**
 * The ids of the topics that partitions belong to, as of when they were assigned: a topic made anew
 * under the same name is another one, and what was assigned stays what it was.
 */
import { ZERO_UUID } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { AssignedPartition } from '../shell/membership.ts'

const RETRY_MS = 500

export class TopicIds {
  readonly #cluster: Cluster
  readonly #ids = new Map<string, string>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Looks the ids up, asking for metadata if need be; gives up after a while. */
  async learn(partitions: readonly TopicPartition[], patienceMs: number): Promise<void> {
    const isKnown = ({ topic }: TopicPartition): boolean => this.#cluster.metadata.topics.has(topic)
    const deadline = this.#cluster.environment.clock.monotonic() + patienceMs
    while (!partitions.every(isKnown) && !this.#cluster.isClosed) {
      const remaining = deadline - this.#cluster.environment.clock.monotonic()
      if (remaining <= 0) break
      await this.#refresh(Math.min(RETRY_MS, remaining))
    }
    for (const { topic, partition } of partitions) {
      const topicId = this.#cluster.metadata.topics.get(topic)?.topicId
      if (topicId !== undefined) this.#ids.set(partitionKey(topic, partition), topicId)
    }
  }

  /** Waits for fresh metadata, but not longer than `patienceMs`; in vain, not much shorter. */
  async #refresh(patienceMs: number): Promise<void> {
    const pause = new AbortController()
    this.#cluster.refreshMetadata('assigned topics are not known').then(
      () => pause.abort(),
      () => undefined,
    )
    await this.#cluster.sleep(patienceMs, pause.signal)
  }

  of(partitions: readonly TopicPartition[]): readonly AssignedPartition[] {
    return partitions.map(({ topic, partition }) => {
      const topicId = this.#ids.get(partitionKey(topic, partition)) ?? ZERO_UUID
      return { topic, partition, topicId }
    })
  }
}
