/**
 * Finds where each partition is to be read from: what the group has committed; else what
 * `startFrom` says; and, when a broker keeps nothing at a position any more, the nearest offset
 * that skips nothing still there. What waits for the coordinator, for pins and for each leader is
 * worked on side by side, in rounds with growing pauses: one's trouble never holds up the others.
 */
import { BrokerError, ErrorCode, KafkaError } from '@odradek/protocol'
import { retryPauseMs } from '../../cluster/backoff.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { hasTopicId } from '../../cluster/metadata.ts'
import { UsageError } from '../../errors/errors.ts'
import { reactionTo } from '../../errors/reaction.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { EffectiveConsumerOptions } from '../options/consumer-options.ts'
import {
  type CommittedOffset,
  type CommittedOffsets,
  fetchCommittedOffsets,
} from '../commit/committed-offsets.ts'
import { decodeCommitNote } from '../partition/offset-metadata.ts'
import { isInstant } from '../options/start-options.ts'
import type { ConsumerGroupMetadata } from '../../groups/shell/membership.ts'
import type { StartKind } from '../partition/position-epoch.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import type { Lookup } from '../partition/partition.machine.ts'
import type { StallReport } from '../../cluster/stall-reporter.ts'
import { type ListedOffset, listOffsetsOf } from './list-offsets.ts'
import { EARLIEST, LATEST } from '../options/start-options.ts'
import { forgetEpochOfTheFuture, sharedEndOf } from './divergence.ts'
import { LastSeen } from './revoked-partition-cache.ts'
import { type LogRange, resumeAt } from './out-of-range.ts'
import { waitsFor } from './lookup-key.ts'

export interface PositionsOwner {
  onFailed(reader: PartitionReader, error: KafkaError): void
  /** Who asks for committed offsets, where the coordinator wants to know (KIP-848). */
  stamp(): ConsumerGroupMetadata | undefined
  onStampRefused(error: KafkaError, stamp: ConsumerGroupMetadata): void
  /** Commits where a partition is read from; settles when the coordinator has it. */
  commit(reader: PartitionReader): Promise<void>
}

const MEMBER_ERRORS = new Set(['STALE_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID'])

export class Positions {
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #owner: PositionsOwner
  readonly #readers: ReadonlySet<PartitionReader>
  readonly #report: StallReport
  /** The instant from which on the group reads a topic, where a commit tells it. */
  readonly #instants = new Map<string, number>()
  readonly #ownInstant: number
  /** What this member knew of partitions that went away. */
  readonly lastSeen = new LastSeen()
  readonly #rounds = new Set<string>()
  readonly #stopListening: () => void
  #isClosed = false

  constructor(
    cluster: Cluster,
    options: EffectiveConsumerOptions,
    emitter: TypedEmitter<ClientEvents>,
    readers: ReadonlySet<PartitionReader>,
    owner: PositionsOwner,
    report: StallReport,
  ) {
    this.#report = report
    this.#cluster = cluster
    this.#options = options
    this.#emitter = emitter
    this.#readers = readers
    this.#owner = owner
    this.#ownInstant = cluster.environment.clock.now()
    this.#stopListening = cluster.onMetadata(() => this.wake())
  }

  /** Partitions wait for their position. */
  wake(): void {
    for (const reader of this.#readers) {
      const what = this.#waitsFor(reader)
      if (what === undefined || this.#rounds.has(what)) continue
      this.#rounds.add(what)
      this.#run(what)
        .finally(() => {
          this.#rounds.delete(what)
          // Leaders move: what it waits for may have changed.
          this.wake()
        })
        .catch(() => undefined)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#stopListening()
  }

  #waitsFor(reader: PartitionReader): string | undefined {
    if (this.#isClosed || (reader.lookup?.of === 'committed' && this.#isElsewhere(reader))) return
    return waitsFor(reader, this.#cluster.metadata)
  }

  /** Rounds until nothing waits for this any more. */
  async #run(what: string): Promise<void> {
    for (let failures = 0; ; failures++) {
      const readers = [...this.#readers].filter((reader) => this.#waitsFor(reader) === what)
      if (readers.length === 0) break
      let failure: unknown
      try {
        await this.#work(readers)
      } catch (error) {
        failure = error
        this.#report.note(what, error)
      }
      this.wake()
      if (!readers.some((reader) => this.#waitsFor(reader) === what)) continue
      const pauseMs = retryPauseMs(this.#cluster, failures)
      if (failure === undefined || reactionTo(failure, { isRead: true }).refresh === 'metadata') {
        this.#cluster.refreshMetadata('a position is to be found').catch(() => undefined)
      }
      await this.#cluster.sleep(pauseMs)
    }
    this.#report.clear(what)
  }

  async #work(readers: readonly PartitionReader[]): Promise<void> {
    const lookingUp = (of: Lookup['of']): readonly PartitionReader[] =>
      readers.filter(({ lookup }) => lookup?.of === of)
    await this.#readCommitted(lookingUp('committed'))
    await this.#pin(readers.filter(({ state }) => state.name === 'pinning'))
    await this.#locate(lookingUp('start'))
    await this.#seek(lookingUp('timestamp'))
    await this.#resume(lookingUp('outOfRange'))
    await this.#restart(lookingUp('recreated'))
  }

  async #readCommitted(readers: readonly PartitionReader[]): Promise<void> {
    if (readers.length === 0) return
    const { groupId, startFrom } = this.#options
    if (groupId === undefined) {
      for (const reader of readers) reader.lookUp({ of: 'start' })
      return
    }
    // Who begins at an instant needs to know the group's: any partition of the topic may tell.
    const asked = isInstant(startFrom) ? this.#wholeTopics(readers) : readers
    const lineages = new Map(readers.map((reader) => [reader, reader.lineage]))
    const stamp = this.#owner.stamp()
    let found
    try {
      found = await fetchCommittedOffsets(this.#cluster, groupId, asked, stamp)
    } catch (error) {
      if (error instanceof BrokerError) {
        // The epoch went on, or the membership is over: asked again by whoever we are then.
        const isOfMember = stamp !== undefined && MEMBER_ERRORS.has(error.code)
        if (isOfMember) this.#owner.onStampRefused(error, stamp)
        else this.#handleCoordinatorError(error, readers)
      }
      throw error
    }
    await this.#refreshIfOfOther(readers, found)
    for (const { topic, partition } of asked) {
      const offset = found.get(partitionKey(topic, partition))
      if (offset === undefined || offset instanceof BrokerError) continue
      const { start: instant } = decodeCommitNote(offset.metadata)
      if (instant === undefined) continue
      this.#instants.set(topic, Math.min(instant, this.#instants.get(topic) ?? instant))
    }
    for (const reader of readers) {
      const key = partitionKey(reader.topic, reader.partition)
      if (reader.lookup?.of !== 'committed' || reader.lineage !== lineages.get(reader)) continue
      // What the coordinator leaves out is asked for again.
      if (found.has(key)) this.#takeCommitted(reader, found.get(key))
    }
  }

  #wholeTopics(readers: readonly PartitionReader[]): readonly TopicPartition[] {
    const topics = [...new Set(readers.map(({ topic }) => topic))]
    const all = topics.flatMap((topic) => {
      const { partitions } = this.#cluster.metadata.topics.get(topic) ?? { partitions: [] }
      return partitions.map(({ partition }) => ({ topic, partition }))
    })
    const keys = new Set(all.map(({ topic, partition }) => partitionKey(topic, partition)))
    const others = readers.filter(
      ({ topic, partition }) => !keys.has(partitionKey(topic, partition)),
    )
    return [...all, ...others]
  }

  /**
   * Assigned by the id of a topic that has lost its name: nothing is to be found under that.
   * It goes to whoever gets the new one, once the coordinator has noticed.
   */
  #isElsewhere(reader: PartitionReader): boolean {
    return reader.isAssignedById && this.#topicIdOf(reader) !== reader.topicId
  }

  #takeCommitted(reader: PartitionReader, found: CommittedOffset | BrokerError | undefined): void {
    if (this.#isElsewhere(reader)) return
    if (found instanceof BrokerError) {
      if (!reactionTo(found, { isRead: true }).retry) this.#owner.onFailed(reader, found)
      return
    }
    if (found === undefined) {
      const id = this.#topicIdOf(reader)
      const seen = this.lastSeen.committed(reader, id)
      if (seen !== undefined) this.#goOnFrom(reader, seen)
      // It had read a topic of this name that is gone, and its offsets with it.
      else if (this.lastSeen.wasOfFormerTopic(reader, id)) reader.resetForRecreatedTopic(id)
      else reader.lookUp({ of: 'start' })
      return
    }
    reader.commit.setNote(decodeCommitNote(found.metadata))
    const { topicId } = reader.commit.note
    if (topicId !== undefined && topicId !== this.#topicIdOf(reader)) {
      // Deleted and made anew since it was committed: that offset is of another log.
      reader.resetForRecreatedTopic(this.#topicIdOf(reader))
      return
    }
    // Metadata was older when the partition was assigned.
    if (topicId !== undefined) reader.learnTopicId(topicId)
    this.#begin(reader, found)
    reader.commit.noteCommitted(found.offset)
  }

  /** As far as the metadata tells, else as it was assigned. */
  #topicIdOf({ topic, topicId }: PartitionReader): string {
    const known = this.#cluster.metadata.topics.get(topic)
    return hasTopicId(known) ? known.topicId : topicId
  }

  /**
   * Offsets of a topic with another id than we know, or none where there were: it may be another.
   */
  async #refreshIfOfOther(
    readers: readonly PartitionReader[],
    found: CommittedOffsets,
  ): Promise<void> {
    const isOfOther = (reader: PartitionReader): boolean => {
      const offset = found.get(partitionKey(reader.topic, reader.partition))
      if (offset === undefined) return this.lastSeen.knows(reader)
      if (offset instanceof BrokerError) return false
      const { topicId } = decodeCommitNote(offset.metadata)
      return topicId !== undefined && topicId !== this.#topicIdOf(reader)
    }
    if (!readers.some(isOfOther)) return
    await this.#cluster.refreshMetadata('committed offsets are of a topic with another id')
  }

  #begin(reader: PartitionReader, { offset, leaderEpoch }: ListedOffset): void {
    reader.startAt(offset, leaderEpoch)
  }

  /** The group had committed, and its offsets are gone: expired, or deleted. */
  #goOnFrom(reader: PartitionReader, seen: CommittedOffset): void {
    const { topic, partition } = reader
    const reason = 'the committed offset has vanished; this member knew it'
    this.#emitter.emit('positionReset', { topic, partition, offset: seen.offset, reason })
    reader.commit.setNote(decodeCommitNote(seen.metadata))
    this.#moveTo(reader, seen)
  }

  /** In a new lineage, whose start is committed at once under automatic commits. */
  #moveTo(reader: PartitionReader, place: ListedOffset, kind: StartKind = 'reset'): void {
    reader.startAt(place.offset, place.leaderEpoch, kind)
    this.#owner.commit(reader).catch(() => undefined)
  }

  #handleCoordinatorError(error: BrokerError, readers: readonly PartitionReader[]): void {
    const { retry, refresh } = reactionTo(error, { isRead: true })
    if (refresh === 'coordinator') {
      this.#cluster.forgetCoordinator('group', this.#options.groupId ?? '')
    }
    if (retry) return
    for (const reader of readers) this.#owner.onFailed(reader, error)
  }

  async #locate(readers: readonly PartitionReader[]): Promise<void> {
    if (readers.length === 0) return
    const { startFrom, groupId, pinLatest } = this.#options
    if (startFrom === 'fail') {
      for (const reader of readers) {
        this.#owner.onFailed(
          reader,
          new UsageError(
            `Group "${groupId ?? ''}" has no committed offset for ${reader.name}, and startFrom ` +
              'is "fail". Commit one, or say where to start.',
            { code: 'NO_OFFSET' },
          ),
        )
      }
      return
    }
    if (startFrom === 'earliest') {
      await this.#list(
        readers,
        () => EARLIEST,
        (reader, earliest) => this.#begin(reader, earliest),
      )
      return
    }
    await this.#listByTime(
      readers,
      (reader) => this.#startTimestamp(reader.topic),
      (reader, start) => {
        if (isInstant(startFrom) && groupId !== undefined) {
          const { commit } = reader
          commit.setNote({ ...commit.note, start: this.#startTimestamp(reader.topic) })
          if (pinLatest) reader.startPinningAt(start.offset)
          else this.#begin(reader, start)
        } else this.#begin(reader, start)
      },
    )
  }

  /** A place that user code looks for, by time. */
  async #seek(readers: readonly PartitionReader[]): Promise<void> {
    await this.#listByTime(
      readers,
      ({ lookup }) => (lookup?.of === 'timestamp' ? lookup.timestamp : LATEST),
      (reader, place) => {
        const { topic, partition } = reader
        this.#emitter.emit('positionReset', {
          topic,
          partition,
          offset: place.offset,
          reason: 'seek',
        })
        this.#moveTo(reader, place, 'sought')
      },
    )
  }

  #startTimestamp(topic: string): number {
    const { startFrom } = this.#options
    if (typeof startFrom === 'object' && 'timestamp' in startFrom) return startFrom.timestamp
    const agoMs = typeof startFrom === 'object' ? startFrom.durationMs : 0
    return this.#instants.get(topic) ?? Math.max(0, this.#ownInstant - agoMs)
  }

  async #pin(readers: readonly PartitionReader[]): Promise<void> {
    if (readers.length === 0) return
    let failure: unknown
    const pin = async (reader: PartitionReader): Promise<void> => {
      const { lineage } = reader
      const isPinning = (): boolean => reader.state.name === 'pinning' && reader.lineage === lineage
      try {
        await this.#owner.commit(reader)
      } catch (error) {
        const isRefused = error instanceof BrokerError && isPinning()
        if (isRefused) this.#owner.onFailed(reader, error)
        else failure = error
        return
      }
      if (!isPinning() || reader.commit.offset === undefined) return
      reader.pinned()
    }
    await Promise.all(readers.map(pin))
    if (failure !== undefined) throw failure as Error
  }

  async #resume(readers: readonly PartitionReader[]): Promise<void> {
    if (readers.length === 0) return
    const starts = new Map<PartitionReader, ListedOffset>()
    const ends = new Map<PartitionReader, ListedOffset>()
    await this.#list(
      readers,
      () => EARLIEST,
      (reader, start) => void starts.set(reader, start),
    )
    await this.#list(
      [...starts.keys()],
      () => LATEST,
      (reader, end) => void ends.set(reader, end),
    )
    const asLate = await this.#asLateAsRead([...ends.keys()])
    for (const [reader, end] of ends) {
      const { lookup, lineage } = reader
      if (lookup?.of !== 'outOfRange') continue
      const range = { start: (starts.get(reader) as ListedOffset).offset, end: end.offset }
      // Above the end: what we share with the leader may end earlier still.
      const shared =
        lookup.offset > range.end ? await sharedEndOf(this.#cluster, reader) : undefined
      if (reader.lineage === lineage && reader.lookup === lookup) {
        this.#resumeOne(reader, lookup.offset, { ...range, shared, asLate: asLate.get(reader) })
      }
    }
  }

  /** Of partitions where no epoch is known: the first offsets as late as what was read last. */
  async #asLateAsRead(
    readers: readonly PartitionReader[],
  ): Promise<ReadonlyMap<PartitionReader, number>> {
    const found = new Map<PartitionReader, number>()
    const asked = readers.filter(
      ({ progress }) => progress.epoch < 0 && (progress.timestamp ?? -1) >= 0,
    )
    await this.#list(
      asked,
      ({ progress }) => progress.timestamp ?? LATEST,
      (reader, { offset }) => {
        if (offset >= 0) found.set(reader, offset)
      },
    )
    return found
  }

  #resumeOne(reader: PartitionReader, position: number, range: LogRange): void {
    const resume = resumeAt(position, range, this.#options.onOutOfRange)
    if (resume === undefined) {
      const gone = new BrokerError(ErrorCode.OFFSET_OUT_OF_RANGE, {
        action: `read ${reader.name} from offset ${position}`,
      })
      this.#owner.onFailed(reader, gone)
      return
    }
    const { topic, partition } = reader
    const { offset, lost, reason } = resume
    if (offset === position) {
      // Nothing moves; the broker that was wrong is asked again after a pause.
      forgetEpochOfTheFuture(this.#cluster, reader)
      this.#fetchAgain(reader)
      return
    }
    // Where nobody has read yet nothing was lost.
    if (lost !== undefined && !reader.isSought) {
      const { from, to } = lost
      this.#emitter.emit('dataLoss', { topic, partition, from, to, count: to - from, reason })
    }
    this.#emitter.emit('positionReset', { topic, partition, offset, reason })
    this.#moveTo(reader, { offset, leaderEpoch: -1 })
  }

  #fetchAgain(reader: PartitionReader): void {
    reader.confirmPosition(reader.progress.fail(this.#cluster))
  }

  async #restart(readers: readonly PartitionReader[]): Promise<void> {
    await this.#list(
      readers,
      () => EARLIEST,
      (reader, start) => {
        const { topic, partition } = reader
        const reason = 'the topic was created anew'
        reader.forgetFormerTopic()
        this.#emitter.emit('positionReset', { topic, partition, offset: start.offset, reason })
        this.#moveTo(reader, start)
      },
    )
  }

  /** The first offsets that are as late as that; the end where there is none. */
  async #listByTime(
    readers: readonly PartitionReader[],
    timestampOf: (reader: PartitionReader) => number,
    onFound: (reader: PartitionReader, found: ListedOffset) => void,
  ): Promise<void> {
    // The end is asked for first: what is written between the two questions is then behind it.
    const ends = new Map<PartitionReader, ListedOffset>()
    await this.#list(
      readers,
      () => LATEST,
      (reader, end) => void ends.set(reader, end),
    )
    await this.#list([...ends.keys()], timestampOf, (reader, found) =>
      onFound(reader, found.offset >= 0 ? found : (ends.get(reader) as ListedOffset)),
    )
  }

  /** Asks for one offset each; what cannot be told now stays in its phase, to be asked again. */
  async #list(
    readers: readonly PartitionReader[],
    timestampOf: (reader: PartitionReader) => number,
    onFound: (reader: PartitionReader, found: ListedOffset) => void,
  ): Promise<void> {
    if (readers.length === 0) return
    const queries = readers.map((reader) => {
      const { topic, partition, lineage, lookup } = reader
      return { topic, partition, timestamp: timestampOf(reader), reader, lineage, lookup }
    })
    const results = await listOffsetsOf(this.#cluster, queries, this.#options.isolationLevel)
    for (const [{ reader, lineage, lookup }, result] of results) {
      if (reader.lineage !== lineage || reader.lookup !== lookup) continue
      if (!(result instanceof KafkaError)) onFound(reader, result)
      else if (!reactionTo(result, { isRead: true }).retry) this.#owner.onFailed(reader, result)
      else this.#report.note(this.#waitsFor(reader) ?? `reading ${reader.name}`, result)
    }
  }
}
