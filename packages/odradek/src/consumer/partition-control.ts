/**
 * What users do with single partitions of a consumer: look where they are, what is committed and
 * what is left, go elsewhere, pause and go on. All of it is for partitions that are assigned right
 * now, but for what is committed, which the coordinator knows of any.
 */
import type { TopicPartition } from '../events/topic-partition.ts'
import type { Assignment } from './assignment.ts'
import { parseSeek, type SeekTarget } from './consumer-call-options.ts'
import { ConsumerRecord } from './consumer-record.ts'
import {
  closedError,
  notAssigned,
  refuseUnlessPartition,
  refuseUnlessPartitions,
} from './misuse.ts'
import type { PartitionReader } from './partition-reader.ts'

export class PartitionControl {
  readonly #assignment: Assignment
  readonly #isClosing: () => boolean

  constructor(assignment: Assignment, isClosing: () => boolean) {
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
    const reader = this.reader(to, 'seek')
    if (reader.state.name === 'revoking') throw notAssigned(to, 'seek')
    if ('at' in place) {
      reader.seekToTimestamp(place.at)
      return
    }
    const wasThere = reader.log.has(place.offset)
    // With the epoch a truncation shows, should the log lose its end before this place now.
    const leaderEpoch = wasThere ? reader.lineage.epochBefore(place.offset) : -1
    this.#assignment.seek(reader, place.offset, 'seek', leaderEpoch)
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

  signalOf(partition: TopicPartition): AbortSignal {
    refuseUnlessPartition(partition, 'signalOf')
    return this.reader(partition, 'signalOf').signal
  }

  /** @throws UsageError when it is not assigned. */
  reader({ topic, partition }: TopicPartition, what: string): PartitionReader {
    const reader = this.#assignment.find({ topic, partition })
    if (reader !== undefined) return reader
    if (this.#isClosing()) throw closedError()
    throw notAssigned({ topic, partition }, what)
  }
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
