/**
 * What users do with single partitions of a consumer: look where they are, what is committed and
 * what is left, go elsewhere, pause and go on. All of it is for partitions that are assigned right
 * now, but for what is committed, which the coordinator knows of any.
 */
import type { Cluster } from '../cluster/cluster.ts'
import { UsageError } from '../errors/errors.ts'
import { partitionKey, type TopicPartition } from '../events/topic-partition.ts'
import { checkOptions } from '../options/option-table.ts'
import type { Assignment } from './assignment.ts'
import type { OffsetOfPartition } from './close-summary.ts'
import { SEEK_OPTIONS } from './consumer-call-options.ts'
import type { EffectiveConsumerOptions } from './consumer-options.ts'
import { ConsumerRecord } from './consumer-record.ts'
import { listOffsetsOf } from './fetch/list-offsets.ts'
import { fetchCommittedOffsets } from './offsets/committed-offsets.ts'
import type { PartitionReader } from './partition-reader.ts'

export class PartitionControl {
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #assignment: Assignment

  constructor(cluster: Cluster, options: EffectiveConsumerOptions, assignment: Assignment) {
    this.#cluster = cluster
    this.#options = options
    this.#assignment = assignment
  }

  get assigned(): readonly TopicPartition[] {
    return [...this.#assignment.readers].map(placeOf)
  }

  get paused(): readonly TopicPartition[] {
    return [...this.#assignment.readers].filter(({ isPaused }) => isPaused).map(placeOf)
  }

  seek(to: OffsetOfPartition): void {
    // A record that was read is a place, too.
    const { topic, partition, offset } = to
    const isRecord = (to as unknown) instanceof ConsumerRecord
    checkOptions(SEEK_OPTIONS, isRecord ? { topic, partition, offset } : to, 'consumer.seek(...)')
    const reader = this.#reader(to, 'seek')
    if (reader.phase.name === 'revoking') throw notAssigned(to, 'seek')
    const wasThere = reader.wasThere(to.offset)
    // With the epoch a truncation shows, should the log lose its end before this place now.
    const leaderEpoch = wasThere ? reader.lineage.epochBefore(to.offset) : -1
    this.#assignment.seek(reader, to.offset, 'seek', leaderEpoch)
    reader.isSought = !wasThere
  }

  pause(partitions: readonly TopicPartition[]): void {
    refuseUnlessList(partitions, 'pause')
    for (const reader of partitions.map((one) => this.#reader(one, 'pause'))) reader.isPaused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    refuseUnlessList(partitions, 'resume')
    for (const reader of partitions.map((one) => this.#reader(one, 'resume'))) {
      this.#assignment.resume(reader)
    }
  }

  position(partition: TopicPartition): number | undefined {
    return this.#reader(partition, 'position').committable
  }

  async committed(
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly (number | null)[]> {
    const found = await this.#cluster.retry(
      async () => {
        const offsets = await fetchCommittedOffsets(this.#cluster, groupId, partitions)
        for (const one of offsets.values()) if (one instanceof Error && one.retriable) throw one
        return offsets
      },
      {
        action: `read the offsets of group "${groupId}"`,
        onCoordinatorMoved: () => this.#cluster.forgetCoordinator('group', groupId),
      },
    )
    return partitions.map(({ topic, partition }) => {
      const one = found.get(partitionKey(topic, partition))
      if (one instanceof Error) throw one
      return one?.offset ?? null
    })
  }

  async lag(): Promise<readonly (TopicPartition & { readonly records: number | null })[]> {
    const readers = [...this.#assignment.readers]
    const queries = readers.map((reader) => ({ ...placeOf(reader), timestamp: -1 }))
    const ends = await listOffsetsOf(this.#cluster, queries, this.#options.isolationLevel)
    return queries.map((query, index) => {
      const { topic, partition } = query
      const end = ends.get(query)
      const position = readers[index]?.committable
      if (end === undefined || end instanceof Error || position === undefined) {
        return { topic, partition, records: null }
      }
      return { topic, partition, records: Math.max(0, end.offset - position) }
    })
  }

  #reader({ topic, partition }: TopicPartition, what: string): PartitionReader {
    const reader = this.#assignment.find({ topic, partition })
    if (reader !== undefined) return reader
    throw notAssigned({ topic, partition }, what)
  }
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}

function notAssigned({ topic, partition }: TopicPartition, what: string): UsageError {
  return new UsageError(
    `${what} of ${topic}-${partition}: that partition is not assigned to this consumer.`,
    { code: 'NOT_ASSIGNED' },
  )
}

function refuseUnlessList(partitions: unknown, what: string): void {
  if (Array.isArray(partitions)) return
  throw new UsageError(`${what}(...) takes a list of { topic, partition }.`)
}
