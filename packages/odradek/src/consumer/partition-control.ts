/**
 * What users do with single partitions of a consumer: look where they are, what is committed and
 * what is left, go elsewhere, pause and go on. All of it is for partitions that are assigned right
 * now, but for what is committed, which the coordinator knows of any.
 */
import type { Cluster } from '../cluster/cluster.ts'
import { closedError } from '../errors/closed-error.ts'
import { TimeoutError } from '../errors/errors.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import type { Assignment } from './assignment.ts'
import { type OffsetToCommit, parseSeek, type SeekTarget } from './options/consumer-call-options.ts'
import { ConsumerRecord } from './partition/consumer-record.ts'
import { notAssigned, refuseUnlessPartition, refuseUnlessPartitions } from './usage-errors.ts'
import type { PartitionReader } from './partition/partition-state.ts'

export class PartitionControl {
  readonly #cluster: Cluster
  readonly #assignment: Assignment
  readonly #isClosing: () => boolean

  constructor(cluster: Cluster, assignment: Assignment, isClosing: () => boolean) {
    this.#cluster = cluster
    this.#assignment = assignment
    this.#isClosing = isClosing
  }

  get assigned(): readonly TopicPartition[] {
    return [...this.#assignment.readers].map(placeOf)
  }

  get paused(): readonly TopicPartition[] {
    return [...this.#assignment.readers].filter(({ isPaused }) => isPaused).map(placeOf)
  }

  seek(to: SeekTarget): void {
    // A record that was read is a place, too.
    const isRecord = (to as unknown) instanceof ConsumerRecord
    const { topic, partition, offset } = (to as SeekTarget | undefined) ?? {}
    const place = parseSeek(isRecord ? ({ topic, partition, offset } as SeekTarget) : to)
    if (this.isChosenBeforehand(to)) {
      this.#assignment.chosen.seek(to, place)
      return
    }
    const reader = this.reader(to, 'seek')
    if (reader.state.name === 'revoking') throw notAssigned(to, 'seek')
    if ('at' in place) {
      reader.seekToTimestamp(place.at)
      return
    }
    const wasThere = reader.log.has(place.offset)
    // With the epoch a truncation shows, should the log lose its end before this place now.
    const leaderEpoch = wasThere ? reader.lineage.epochBefore(place.offset) : -1
    this.#assignment.seek(reader, { offset: place.offset, leaderEpoch, reason: 'seek' })
    if (!wasThere) reader.markSought()
  }

  pause(partitions: readonly TopicPartition[]): void {
    refuseUnlessPartitions(partitions, 'pause')
    for (const reader of partitions.map((one) => this.reader(one, 'pause'))) reader.pause('user')
  }

  resume(partitions: readonly TopicPartition[]): void {
    refuseUnlessPartitions(partitions, 'resume')
    for (const reader of partitions.map((one) => this.reader(one, 'resume'))) reader.resume('user')
  }

  position(partition: TopicPartition): number | undefined {
    refuseUnlessPartition(partition, 'position')
    return this.reader(partition, 'position').committable
  }

  partitionSignal(partition: TopicPartition): AbortSignal {
    refuseUnlessPartition(partition, 'partitionSignal')
    return this.reader(partition, 'partitionSignal').signal
  }

  /** The program chose it, and it is not assigned yet. */
  isChosenBeforehand(partition: TopicPartition): boolean {
    const { chosen } = this.#assignment
    if (this.#isClosing() || !chosen.has(partition)) return false
    return this.#assignment.find(partition) === undefined
  }

  /** Of chosen partitions that were not read yet: they are read from these offsets. */
  async chooseBeforehand(offsets: readonly OffsetToCommit[], start: () => void): Promise<void> {
    if (!Array.isArray(offsets)) return
    const early = offsets.filter((one) => one !== null && this.isChosenBeforehand(one))
    if (early.length === 0) return
    const { chosen } = this.#assignment
    for (const { topic, partition, offset } of early) chosen.seek({ topic, partition }, { offset })
    const assigned = chosen.whenAssigned()
    start()
    const { environment, options } = this.#cluster
    const deadline = environment.clock.monotonic() + options.defaultApiTimeoutMs
    if (await this.#assignment.within(assigned, deadline)) return
    throw new TimeoutError(
      `The cluster was not reached within ${options.defaultApiTimeoutMs} ms: nothing is committed.`,
    )
  }

  /** @throws UsageError when it is not assigned. */
  reader({ topic, partition }: TopicPartition, what: string): PartitionReader {
    const reader = this.#assignment.find({ topic, partition })
    if (reader !== undefined) return reader
    if (this.#isClosing()) throw closedError('consumer')
    throw notAssigned({ topic, partition }, what)
  }
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
