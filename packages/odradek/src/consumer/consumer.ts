/** The consumer that users hold. Everything behind it is in `assignment.ts`. */
import { closedError } from '../errors/closed-error.ts'
import { AbortError, CommitFailedError, UsageError } from '../errors/errors.ts'
import type { Purpose } from '../cluster/broker-pool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { type Listener, TypedEmitter } from '../events/emitter.ts'
import { abortable } from '../async/on-abort.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import { checkOptions } from '../options/option-table.ts'
import { Assignment } from './assignment.ts'
import { closePromise } from './delivery/close-inside-run.ts'
import { BatchIterator } from './delivery/batch-iterator.ts'
import type { ConsumerTools } from './consumer-tools.ts'
import type { ConsumerBatch } from './delivery/consumer-batch.ts'
import { summaryOf } from './close-summary.ts'
import {
  type CloseSummary,
  COMMIT_OPTIONS,
  type CommitOptions,
  CONSUMER_CLOSE_OPTIONS,
  type ConsumerCloseOptions,
  type OffsetToCommit,
  type SeekTarget,
  STREAM_OPTIONS,
  type StreamOptions,
} from './options/consumer-call-options.ts'
import {
  checkTopics,
  type ConsumerOptions,
  type EffectiveConsumerOptions,
  nameOf,
  parseConsumerOptions,
  type TopicInput,
} from './options/consumer-options.ts'
import { ConsumerRecord } from './partition/consumer-record.ts'
import type { AnyRecord } from './delivery/fetch-buffer.ts'
import type { Membership } from '../groups/shell/membership.ts'
import { Liveness } from './progress/liveness.ts'
import { groupIdOf, refuseIfTransactional, refuseUnlessPartitions } from './usage-errors.ts'
import { checkOffsetsToCommit } from './commit/check-offsets.ts'
import { StaleMarkReporter } from './commit/stale-marks.ts'
import { committedOf, lagOf, type OffsetAndMetadata } from './positions/offset-queries.ts'
import { ownMembership } from './own-membership.ts'
import { PartitionControl } from './partition-control.ts'
import type { PartitionReader } from './partition/partition-state.ts'
import type { DeliveredRecordOf, RecordOf, Subscribable } from './partition/record-of.ts'
import { RecordIterator } from './delivery/record-iterator.ts'
import { RecordStream } from './delivery/record-stream.ts'
import { ObservedRun } from './delivery/observed-run.ts'
import { parseRunOptions, refuseHandler, type RunOptions } from './options/run-options.ts'
import {
  type HandlerContext,
  type RecordHandler,
  Runner,
  type RunnerTools,
} from './delivery/runner.ts'
import { Surface } from './delivery/read-guard.ts'
import { firstUnread } from './delivery/unread.ts'

const DEFAULT_MAX_UNCOMMITTED = 10_000
const DEFAULT_CLOSE_TIMEOUT_MS = 30_000

/**
 * Reads topics as a member of a group. At least once: a record is committed only after it was
 * processed. Making it does no I/O; the first iteration (or `run`) joins the group.
 *
 * @example
 * const options = { groupId: 'billing', topics: ['orders'], startFrom: 'earliest' } as const
 * await using consumer = kafka.consumer(options)
 * for await (const record of consumer) await handle(record.value)
 */
export class Consumer<T extends TopicInput = string> implements AsyncIterable<RecordOf<T>> {
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #assignment: Assignment
  readonly #control: PartitionControl
  readonly #surface: Surface
  readonly #membership: Membership
  readonly #liveness: Liveness
  readonly #tools: ConsumerTools
  readonly #joinPurpose: Purpose
  readonly #runs: ObservedRun
  #hasStarted = false
  #closing: Promise<CloseSummary> | undefined

  /** @internal Made by `kafka.consumer(...)`. */
  constructor(
    cluster: Cluster,
    parent: TypedEmitter<ClientEvents>,
    options: ConsumerOptions<T>,
    tools: ConsumerTools = {},
  ) {
    this.#cluster = cluster
    this.#tools = tools
    this.#options = parseConsumerOptions(options)
    this.#emitter = new TypedEmitter(parent)
    this.#runs = new ObservedRun(this.#emitter)
    this.#joinPurpose = cluster.ownPurpose('membership')
    const { environment } = cluster
    const membership = (): Membership => this.#membership
    this.#assignment = new Assignment(
      cluster,
      this.#options,
      this.#emitter,
      membership,
      this.#deadLetter,
      () => this.#surface.occupant?.isReading === true,
    )
    const isClosing = (): boolean => this.#closing !== undefined
    this.#control = new PartitionControl(cluster, this.#assignment, isClosing)
    this.#liveness = this.#makeLiveness()
    this.#membership = ownMembership(cluster, this.#options, {
      assignment: this.#assignment,
      emitter: this.#emitter,
      joinPurpose: this.#joinPurpose,
      seat: this.#liveness.seat,
    })
    const { deliveries } = this.#assignment
    const dropped = new StaleMarkReporter(environment, this.#emitter, this.#options.groupId)
    this.#surface = new Surface({
      environment,
      deliveries,
      start: () => this.#start(),
      mayDeliver: (now) => this.#assignment.gate.mayAct(now),
      userReturned: () => this.#liveness.userReturned(),
      noteDropped: (lineage, offset) => dropped.note(lineage, offset),
    })
  }

  readonly #deadLetter: RunnerTools['deadLetter'] = async (topic, record, error) =>
    this.#tools.deadLetters?.send(topic, record, error)

  #makeLiveness(): Liveness {
    const membership = (): Membership => this.#membership
    const surface = (): Surface => this.#surface
    const assignment = this.#assignment
    const { clock } = this.#cluster.environment
    const { rebalanceTimeoutMs: timeoutMs } = this.#options
    return new Liveness(this.#cluster, this.#options, this.#emitter, {
      get membership() {
        return membership()
      },
      get occupant() {
        return surface().occupant
      },
      get waiting() {
        return firstUnread(assignment.readers)
      },
      release: () =>
        assignment.release([...assignment.readers], 'revoked', clock.monotonic() + timeoutMs),
      watchdog: assignment.watchdog,
      expire: () => assignment.expire(),
    })
  }

  /** What is in force: what was given, and the defaults. */
  get effectiveOptions(): EffectiveConsumerOptions {
    return this.#options
  }

  /** Calls `listener` at every such event of this consumer; the answer takes it off again. */
  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.#emitter.on(name, listener)
  }

  #start(): void {
    if (this.#closing !== undefined) throw closedError('consumer')
    if (this.#hasStarted) {
      // It may have left the group because nothing read it.
      this.#liveness.userReturned()
      return
    }
    this.#hasStarted = true
    this.#assignment.start()
    this.#liveness.start()
    this.#membership.start()
  }

  /**
   * Records one by one. Asking for the next says that the one before is processed; `break` and
   * `throw` leave it to be delivered again, by this consumer when it is iterated again, or to
   * whoever has the partition then.
   *
   * @throws UsageError when something else reads this consumer already, or it is closed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<RecordOf<T>> {
    const iterator = this.#surface.occupy(new RecordIterator(this.#surface))
    return iterator as AsyncIterableIterator<unknown> as AsyncIterableIterator<RecordOf<T>>
  }

  /**
   * One partition's fetched records at a time, iterated without a promise each: the fast way.
   * A batch must be iterated to its end, or spoken for with `markUpTo` or `skipRest`, before the
   * next is asked for.
   *
   * @throws UsageError when something else reads this consumer already, or it is closed.
   */
  batches(): AsyncIterableIterator<ConsumerBatch<RecordOf<T>>> {
    const iterator = this.#surface.occupy(new BatchIterator(this.#surface))
    return iterator as AsyncIterableIterator<unknown> as AsyncIterableIterator<
      ConsumerBatch<RecordOf<T>>
    >
  }

  /**
   * Records as a web stream; `Readable.fromWeb(stream, { objectMode: true })` makes one of Node's.
   * Streams read ahead, so here a record counts as processed only when it is marked, with all of
   * its partition before it. At most `maxUncommittedRecords` (10,000) of a partition are handed out
   * unmarked. Cancelling the stream, and closing the consumer, leaves the unmarked to be delivered
   * again.
   *
   * @throws UsageError when something else reads this consumer already, or it is closed.
   */
  stream(options: StreamOptions = {}): ReadableStream<RecordOf<T>> {
    checkOptions(STREAM_OPTIONS, options, 'consumer.stream(...)')
    const { highWaterMark = 16, maxUncommittedRecords = DEFAULT_MAX_UNCOMMITTED } = options
    const source = this.#surface.occupy(new RecordStream(this.#surface, maxUncommittedRecords))
    const stream = new ReadableStream<unknown>(source, { highWaterMark })
    return stream as ReadableStream<RecordOf<T>>
  }

  /**
   * Calls `handler` for every record; it is processed when the handler returns, or its promise
   * settles. **The promise of `run` does not settle while records are read**: it resolves when the
   * consumer closes or `signal` aborts, and rejects when the handler fails for good, or reading
   * does. A program that goes on does not await it: `close` throws what nothing has caught.
   */
  run(
    handler: (record: RecordOf<T>, context: HandlerContext) => unknown,
    options: RunOptions = {},
  ): Promise<void> {
    refuseHandler(handler)
    const parsed = parseRunOptions(options)
    const erased = handler as unknown as RecordHandler
    const tools: RunnerTools = {
      surface: this.#surface,
      cluster: this.#cluster,
      emitter: this.#emitter,
      unknownTopicGraceMs: this.#options.unknownTopicGraceMs,
      deadLetter: this.#deadLetter,
    }
    const runner = new Runner(tools, erased, parsed)
    this.#surface.occupy(runner)
    return this.#runs.observe(runner.run(), () => void this.#leaveUnlessRead())
  }

  /** After a failed `run`, unless the program reads on at once. */
  async #leaveUnlessRead(): Promise<void> {
    await this.#surface.turn()
    if (this.#closing !== undefined || this.#surface.isOccupied) return
    this.#liveness.leaveUnread('its run failed')
  }

  /**
   * Reads these topics from now on, in place of those before. The member stays in the group: what
   * is in both lists goes on undisturbed, what is left out is committed and given up.
   *
   * @throws UsageError for a wrong name, and when partitions were chosen instead of topics.
   */
  subscribe(topics: readonly Subscribable<T>[]): void {
    if (this.#closing !== undefined) throw closedError('consumer')
    if (this.#options.partitions !== undefined) {
      throw new UsageError('subscribe is for topics; this consumer reads "partitions".')
    }
    checkTopics(topics)
    this.#assignment.watch(topics)
    this.#membership.setTopics(topics.map(nameOf))
  }

  /** What this member reads right now. */
  get assigned(): readonly TopicPartition[] {
    return this.#control.assigned
  }

  /**
   * Says that the record, and everything of its partition before it, is processed; the next commit
   * has it. Late marks (the partition went away, or was sought elsewhere) do nothing.
   */
  mark(record: DeliveredRecordOf<T>): void {
    if (!((record as unknown) instanceof ConsumerRecord)) {
      throw new UsageError('mark and commit take a record that this consumer delivered.')
    }
    refuseIfTransactional(this.#options, 'mark')
    const { lineage, offset } = record as AnyRecord
    if (!lineage.isLive) {
      this.#surface.noteStale(record)
      return
    }
    const reader = this.#assignment.find(record)
    if (reader?.lineage !== lineage) {
      throw new UsageError(
        `${record.topic}-${record.partition} offset ${offset} was delivered by another consumer; ` +
          'it is marked and committed there.',
        { code: 'NOT_ASSIGNED' },
      )
    }
    this.#finishUpTo(reader, offset)
  }

  #finishUpTo(reader: PartitionReader, offset: number): void {
    reader.lineage.tracker.finishUpTo(offset)
    if (reader.isPausedBy('unfinishedRecords')) this.#assignment.deliveries.letGoOn(reader)
  }

  /**
   * Commits what is processed by now (with a record: up to and with it). Resolves when the
   * coordinator has it; commits that are wanted meanwhile join the next request.
   *
   * @throws TimeoutError when the outcome is unknown by the API timeout; it is settled later.
   * @throws CommitFailedError when the record's partition was taken away, or sought elsewhere.
   */
  async commit(record?: DeliveredRecordOf<T>, options: CommitOptions = {}): Promise<void> {
    checkOptions(COMMIT_OPTIONS, options, 'consumer.commit(...)')
    this.#refuseCommitIfClosed()
    groupIdOf(this.#options, 'commit')
    refuseIfTransactional(this.#options, 'commit')
    if (record === undefined) {
      for (const reader of this.#assignment.readers) reader.requestCommit()
      return this.#flush(this.#assignment.readers, options.signal)
    }
    this.mark(record)
    if (record.isStale) throw new CommitFailedError(record)
    const reader = this.#control.reader(record, 'commit')
    reader.commit.request(record.offset + 1)
    await this.#flush([reader], options.signal)
  }

  /**
   * Says by numbers what is processed, and commits it: everything of these partitions before their
   * offsets. For records that went elsewhere (to a thread, to a store) and come back as numbers;
   * `commit(record)` knows in addition when a record is of an assignment that is over. Offsets are
   * as Kafka counts them: of the next record to read.
   *
   * @throws UsageError for a partition that is not assigned to this consumer (`NOT_ASSIGNED`), an
   * offset beyond what was handed out, or before what is committed (`seek` goes back). Then
   * nothing is committed.
   * @throws TimeoutError, CommitFailedError as `commit` does.
   */
  async commitOffsets(
    offsets: readonly OffsetToCommit[],
    options: CommitOptions = {},
  ): Promise<void> {
    checkOptions(COMMIT_OPTIONS, options, 'consumer.commitOffsets(...)')
    this.#refuseCommitIfClosed()
    groupIdOf(this.#options, 'commitOffsets')
    refuseIfTransactional(this.#options, 'commitOffsets')
    await this.#control.chooseBeforehand(offsets, () => this.#start())
    const places = checkOffsetsToCommit(offsets, (one) =>
      this.#control.reader(one, 'commitOffsets'),
    )
    for (const [reader, { offset, metadata }] of places) {
      if (metadata !== undefined) reader.commit.setMetadata(metadata)
      this.#finishUpTo(reader, offset - 1)
      reader.commit.request(offset)
    }
    await this.#flush(places.keys(), options.signal)
  }

  /** While it closes, what is in hand may still be committed, and by `onRevoked`, too. */
  #refuseCommitIfClosed(): void {
    if (this.#assignment.commits.isClosed) throw closedError('consumer')
  }

  async #flush(readers: Iterable<PartitionReader>, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) {
      throw new AbortError('The commit was aborted before it began.', 'notWritten', signal)
    }
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + this.#cluster.options.defaultApiTimeoutMs
    const { commits } = this.#assignment
    const dirty = commits.dirty(readers)
    // A loop around a commit that has nothing to do must not starve the event loop.
    if (dirty.length === 0) return this.#surface.turn()
    await abortable(commits.flush(dirty, deadline), signal, (aborted) => {
      const what = 'The wait for the commit was aborted; the commit itself goes on.'
      return new AbortError(what, 'unknown', aborted)
    })
  }

  /**
   * Reads on from an offset, from the first record that is as late as a timestamp (ms since the
   * epoch), or from one of the ends of the log; a record is a place, too. What was fetched before,
   * and what is in hand, is stale from now on. The new place is committed at once; one that is to
   * be looked up as soon as the leader has told it (`positionReset`; until then `position` is
   * undefined). Allowed in `onAssigned`, before anything is read.
   *
   * @throws UsageError for a partition that is not assigned to this consumer (`NOT_ASSIGNED`).
   */
  seek(to: SeekTarget): void {
    this.#control.seek(to)
  }

  /** Delivers nothing of these partitions until `resume`. */
  pause(partitions: readonly TopicPartition[]): void {
    this.#control.pause(partitions)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#control.resume(partitions)
  }

  get paused(): readonly TopicPartition[] {
    return this.#control.paused
  }

  /**
   * Aborts when this partition is taken away from this consumer, with how as its reason (`revoked`,
   * `lost` or `closing`), for work that goes on beside its records. A seek does not abort it;
   * handlers and batches have signals of their own, which one does.
   *
   * @throws UsageError for a partition that is not assigned to this consumer (`NOT_ASSIGNED`).
   */
  partitionSignal(partition: TopicPartition): AbortSignal {
    return this.#control.partitionSignal(partition)
  }

  /** The offset of the next record to process; undefined before it is known. */
  position(partition: TopicPartition): number | undefined {
    return this.#control.position(partition)
  }

  /** What the group has committed of these partitions, by the coordinator's word. */
  async committed(partitions: readonly TopicPartition[]): Promise<readonly (number | null)[]> {
    const found = await this.committedOffsets(partitions)
    return found.map((one) => one?.offset ?? null)
  }

  /** The same, with the leader epoch and the metadata that were committed beside each offset. */
  async committedOffsets(
    partitions: readonly TopicPartition[],
  ): Promise<readonly (OffsetAndMetadata | null)[]> {
    refuseUnlessPartitions(partitions, 'committed')
    return committedOf(this.#cluster, groupIdOf(this.#options, 'committed'), partitions)
  }

  /** Records between what is processed and the end, of every partition of this member. */
  async lag(): Promise<readonly (TopicPartition & { readonly records: number | null })[]> {
    return lagOf(this.#cluster, [...this.#assignment.readers], this.#options.isolationLevel)
  }

  /** Who this member is, for transactions and external offset stores; undefined while it joins. */
  groupMetadata(): Membership['stamp'] {
    return this.#membership.stamp
  }

  /**
   * Ends reading without waiting, as a signal handler wants it: the loop ends after the record in
   * flight, `run` resolves once its handlers have settled, and a loop that begins later ends at
   * once. The member keeps its partitions until `close`, which commits and leaves.
   */
  stop(): void {
    this.#assignment.deliveries.end()
  }

  /**
   * Ends gracefully: what is in hand is finished, what is processed is committed, the group is left
   * (static members remain). Idempotent. Resolves within `timeoutMs`, and says what could not be
   * committed.
   *
   * @throws what `run` failed with, when nobody looked at its promise.
   */
  close(options: ConsumerCloseOptions = {}): Promise<CloseSummary> {
    checkOptions(CONSUMER_CLOSE_OPTIONS, options, 'consumer.close(...)')
    this.#closing ??= this.#close(options)
    const { occupant } = this.#surface
    return closePromise(occupant, this.#closing, () => this.#assignment.leaveOne())
  }

  async #close(options: ConsumerCloseOptions): Promise<CloseSummary> {
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + (options.timeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS)
    const readers = [...this.#assignment.readers]
    const isStatic = this.#options.groupInstanceId !== undefined
    const group = options.group ?? (isStatic ? 'remain' : 'leave')
    await this.#assignment.close(deadline)
    if (this.#hasStarted) {
      await this.#membership.leave({ group, reason: 'the consumer is closing', deadline })
    }
    await this.#liveness.close()
    this.#assignment.commits.close(closedError('consumer'))
    this.#cluster.closePurpose(this.#joinPurpose)
    await this.#tools.deadLetters?.close()
    this.#tools.onClosed?.()
    this.#runs.throwIfUnobserved()
    // Without a group nothing is to be committed.
    return summaryOf(this.#options.groupId === undefined ? [] : readers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
