/**
 * What this member reads: the partitions that the group gave it, each with its position, its
 * fetches and its commits. Membership tells it what comes and goes; a partition that goes is
 * stopped, finished, committed and let go of in this order, and one that is lost is dropped on the
 * spot.
 */
import { ErrorCode, KafkaError, ZERO_UUID } from '@odradek/protocol'
import { withDeadline } from '../async/deadline.ts'
import { retryPauseMs } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { hasTopicId } from '../cluster/metadata.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../events/topic-partition.ts'
import type { AnyTopic } from '../serdes/topic.ts'
import { ChosenPartitions } from './chosen-partitions.ts'
import {
  type EffectiveConsumerOptions,
  nameOf,
  type RebalanceHook,
  type TopicInput,
} from './options/consumer-options.ts'
import { Deliveries } from './delivery/fetch-buffer.ts'
import { missingDeadLetterTopic } from './delivery/dead-letter-topic.ts'
import { Poison, type PoisonTools } from './delivery/decode-errors.ts'
import { Fetcher } from './fetch/fetcher.ts'
import type { SharedEnd } from './fetch/fetcher-events.ts'
import { Positions } from './positions/position-resolver.ts'
import type {
  AssignedPartition,
  EndReason,
  Membership,
  MembershipHandler,
} from '../groups/shell/membership.ts'
import type { CommitMode } from './partition/what-to-commit.ts'
import { CommitPipeline } from './commit/commit-pipeline.ts'
import { TransactionLink } from './partition/transactional-offsets.ts'
import { ProgressWatchdog } from './progress/watchdog.ts'
import type { Seek } from './partition/position-epoch.ts'
import {
  type CarryOut,
  type PartitionContext,
  PartitionReader,
} from './partition/partition-state.ts'
import { prepareTopics } from '../groups/prepare-topics.ts'
import { JoinTimeout } from '../groups/shell/join-timeout.ts'
import { SessionGate } from '../groups/shell/session-gate.ts'
import { PATIENCE_MS, StallReport } from '../cluster/stall-reporter.ts'
import { TopicWatch } from './topic-watch.ts'

type DeadLetter = PoisonTools['deadLetter']

/** How much of a revocation's time user code may use; the rest is for the commit. */
const USER_SHARE = 0.7
const PREPARING = 'preparing to decode records'

export class Assignment implements MembershipHandler {
  readonly deliveries: Deliveries
  readonly gate: SessionGate
  readonly commits: CommitPipeline
  readonly report: StallReport
  readonly chosen: ChosenPartitions
  readonly readers = new Set<PartitionReader>()
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  #serdes: ReadonlyMap<string, AnyTopic>
  readonly #fetcher: Fetcher
  readonly #positions: Positions
  readonly #topics: TopicWatch
  readonly watchdog: ProgressWatchdog
  readonly #context: PartitionContext
  #preparing: Promise<void> | undefined
  /** What was assigned last under each name: what went meanwhile is not begun. */
  readonly #expected = new Map<string, PartitionReader>()
  readonly #joinTimeout: JoinTimeout
  readonly #closing = new AbortController()
  #isResolving = false
  #leftCount = 0
  readonly #onLeft = new Set<() => void>()

  constructor(
    cluster: Cluster,
    options: EffectiveConsumerOptions,
    emitter: TypedEmitter<ClientEvents>,
    membership: () => Membership,
    deadLetter: DeadLetter,
    hasReader: () => boolean,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#emitter = emitter
    this.#serdes = serdesOf(options.topics)
    this.chosen = new ChosenPartitions(options.partitions)
    this.report = new StallReport(cluster.environment, emitter)
    this.#joinTimeout = new JoinTimeout({
      environment: cluster.environment,
      emitter,
      connectTimeoutMs: options.connectTimeoutMs,
      subject: `Group "${options.groupId ?? ''}"`,
      onExpired: (error) => this.deliveries.fail(error),
    })
    const { report } = this
    const names = options.topics.map(nameOf)
    this.#topics = new TopicWatch(cluster, names, report, (error) => this.deliveries.fail(error))
    this.commits = new CommitPipeline(cluster, options, emitter, this.readers, membership)
    this.gate = new SessionGate(cluster.environment, membership, () => this.deliveries.recheck())
    const poison = new Poison({
      policy: options.onDecodeError,
      emitter,
      deadLetter,
      onFailed: (error) => this.deliveries.fail(error as KafkaError),
    })
    this.deliveries = new Deliveries({
      mayDeliver: () => this.gate.mayAct(),
      onCorrupt: (reader) => this.#fetcher.askAnotherReplica(reader),
      onUndecodable: (reader, chunk, record, problem) =>
        poison.settle(reader, chunk, record, problem),
      mayPassCorrupt: ({ topic, partition }, from, to, cause) => {
        if (options.onCorruptBatch === 'fail') return false
        const reason = `a batch is corrupt (${cause.message})`
        emitter.emit('dataLoss', { topic, partition, from, to, count: to - from, reason })
        return true
      },
    })
    this.#fetcher = new Fetcher(
      { cluster, options, report },
      {
        onOutOfRange: (reader) => reader.lookUp({ of: 'outOfRange', offset: reader.fetchOffset }),
        onRecreated: (reader, topicId) => {
          this.#tellDeleted(reader)
          if (reader.isAssignedById) reader.suspend()
          else reader.resetForRecreatedTopic(topicId)
        },
        onDiverged: (reader, shared) => this.#diverged(reader, shared),
        onFailed: (reader, error) => this.#fail(reader, error),
      },
    )
    const link = new TransactionLink({
      readers: this.readers,
      emitter,
      isTransactional: options.transactional,
      membership,
    })
    this.#context = { commitMode: commitModeOf(options), carryOut: this.#carryOut, link }
    this.watchdog = new ProgressWatchdog(cluster, options, emitter, {
      hasReader,
      readers: this.readers,
      fetcher: this.#fetcher,
    })
    this.#positions = new Positions(
      cluster,
      options,
      emitter,
      this.readers,
      {
        onFailed: (reader, error) => this.#fail(reader, error),
        stamp: () => (options.groupProtocol === 'classic' ? undefined : membership().stamp),
        onStampRefused: (error, stamp) => membership().handleStampRefused(error, stamp),
        commit: (reader) => this.#commitSoon(reader),
      },
      report,
    )
  }

  /** Other topics from now on; what their serdes need is prepared before they are read. */
  watch(topics: readonly TopicInput[]): void {
    this.#serdes = serdesOf(topics)
    this.#preparing = undefined
    this.#topics.watch(topics.map(nameOf))
  }

  start(): void {
    this.commits.start()
    this.#topics.start()
    this.watchdog.start()
    this.#joinTimeout.start()
    const { onDecodeError } = this.#options
    if (typeof onDecodeError === 'object') void this.#findDeadLetterTopic(onDecodeError)
  }

  async #findDeadLetterTopic({ deadLetterTopic: topic }: { readonly deadLetterTopic: string }) {
    const { unknownTopicGraceMs: graceMs } = this.#options
    const { signal } = this.#closing
    const given = { topic, where: 'kafka.consumer({ onDecodeError })', graceMs, signal }
    const missing = await missingDeadLetterTopic(this.#cluster, given)
    if (missing !== undefined) this.deliveries.fail(missing)
  }

  /**
   * Once the current step is done, so that partitions that need a position are asked for together.
   */
  #resolveSoon(): void {
    if (this.#isResolving) return
    this.#isResolving = true
    void Promise.resolve().then(() => {
      this.#isResolving = false
      this.#positions.wake()
    })
  }

  readonly #carryOut: CarryOut = (effect, reader) => {
    switch (effect) {
      case 'resolvePosition':
        this.#resolveSoon()
        return
      case 'startFetching':
        this.#fetcher.add(reader)
        return
      case 'stopFetching':
        this.#fetcher.remove(reader)
        return
      case 'wakeFetcher':
        this.#fetcher.wake()
        return
      case 'offer':
        this.deliveries.offer(reader)
    }
  }

  find({ topic, partition }: TopicPartition): PartitionReader | undefined {
    for (const reader of this.readers) {
      if (isSamePartition(reader, { topic, partition })) return reader
    }
    return undefined
  }

  async onAssigned(added: readonly AssignedPartition[]): Promise<void> {
    const readers = added.map(
      (one) => new PartitionReader(one, this.#serdes.get(one.topic), this.#context),
    )
    for (const reader of readers) this.#expected.set(keyOf(reader), reader)
    await this.#prepare(readers)
    // What was taken away again meanwhile is not begun, even if it came back: that is another turn.
    const held = readers.filter((reader) => this.#isExpected(reader))
    for (const reader of held) this.readers.add(reader)
    await this.#callHook('onAssigned', held)
    // Those that the hook positioned itself are read from there.
    for (const reader of held) {
      if (reader.state.name !== 'assigned') continue
      const start = this.chosen.startOf(reader)
      if (start === undefined) reader.hookReturned()
      else if ('at' in start) reader.seekToTimestamp(start.at)
      else this.seek(reader, { ...start, reason: 'the partition was given with an offset' })
    }
    this.chosen.noteAssigned()
  }

  #isExpected(reader: PartitionReader): boolean {
    return this.#expected.get(keyOf(reader)) === reader
  }

  /** What serdes need may come from elsewhere: it is asked for until it is there. */
  async #prepare(readers: readonly PartitionReader[]): Promise<void> {
    for (let attempt = 0; readers.some((one) => this.#isExpected(one)); attempt++) {
      this.#preparing ??= prepareTopics(this.#serdes.values())
      const preparing = this.#preparing
      try {
        await preparing
        this.report.clear(PREPARING)
        return
      } catch (error) {
        if (this.#preparing === preparing) this.#preparing = undefined
        this.report.note(PREPARING, error)
        await this.#cluster.sleep(retryPauseMs(this.#cluster, attempt))
      }
    }
  }

  async onRevoked(partitions: readonly AssignedPartition[], deadline: number): Promise<void> {
    for (const partition of partitions) this.#expected.delete(keyOf(partition))
    await this.release(this.#pick(partitions), 'revoked', deadline)
  }

  /** Stops these partitions, lets what is in hand finish, commits, lets go. */
  async release(
    readers: readonly PartitionReader[],
    reason: EndReason,
    deadline: number,
  ): Promise<void> {
    const { clock, timers } = this.#cluster.environment
    // Closing may meet a revocation that is under way: its hook was called then.
    const told = readers.filter(({ state }) => state.name !== 'revoking')
    for (const reader of readers) {
      if (this.#isDeleted(reader)) this.#tellDeleted(reader)
      reader.revoke()
    }
    const now = clock.monotonic()
    const userDeadline = now + (deadline - now) * USER_SHARE
    const notice = timers.set(PATIENCE_MS, () => this.#tellInHand(readers, reason))
    await this.within(this.#handedBack(readers), userDeadline)
    timers.clear(notice)
    // What was lost meanwhile was told by `onLost`.
    const still = told.filter((reader) => !reader.isEnded)
    await this.#callHook('onRevoked', still, userDeadline)
    // What could not be committed in time is delivered again, to whoever has the partition then.
    // Between join and sync (a downgrade to an eager assignor) brokers take no commits at all.
    if (!this.commits.isParked) await this.commits.flush(readers, deadline).catch(() => undefined)
    for (const reader of readers) this.#drop(reader, reason)
  }

  /** Resolves when user code has nothing of these in hand, but what waits for the close itself. */
  async #handedBack(readers: readonly PartitionReader[]): Promise<void> {
    const inHandCount = (): number => readers.reduce((sum, one) => sum + one.inFlight.count, 0)
    while (inHandCount() > this.#leftCount) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (inHandCount() > this.#leftCount) return
          for (const reader of readers) reader.inFlight.onEnd.delete(look)
          this.#onLeft.delete(look)
          resolve()
        }
        for (const reader of readers) reader.inFlight.onEnd.add(look)
        this.#onLeft.add(look)
      })
    }
  }

  /** The handler of a record in flight awaits close: close does not wait for that record. */
  leaveOne(): void {
    this.#leftCount++
    for (const look of this.#onLeft) look()
  }

  #tellInHand(readers: readonly PartitionReader[], reason: EndReason): void {
    const names = readers.filter(({ inFlight }) => inFlight.isAny).map(({ name }) => name)
    const operation = reason === 'closing' ? 'closing' : 'revoking partitions'
    const message =
      reason === 'closing'
        ? `close waits for the records in flight of ${names.join(', ')}; if it is awaited inside ` +
          'the loop that has them, break out of the loop first'
        : `a revocation waits for the records in flight of ${names.join(', ')}`
    this.#emitter.emit('stalled', { operation, message })
  }

  onLost(partitions: readonly AssignedPartition[]): void {
    for (const partition of partitions) this.#expected.delete(keyOf(partition))
    const readers = this.#pick(partitions)
    for (const reader of readers) this.#drop(reader, 'lost')
    if (readers.length === 0) return
    this.#callHook('onLost', readers).catch(() => undefined)
  }

  #pick(partitions: readonly TopicPartition[]): readonly PartitionReader[] {
    const keys = new Set(partitions.map(keyOf))
    return [...this.readers].filter((reader) => keys.has(keyOf(reader)))
  }

  #drop(reader: PartitionReader, reason: EndReason): void {
    this.#positions.lastSeen.remember(reader)
    reader.end(reason)
    this.readers.delete(reader)
    this.commits.forget(reader)
  }

  onJoining(deadline: number): Promise<void> {
    return this.commits.park(deadline)
  }

  onStable(): void {
    this.#joinTimeout.stop()
    this.commits.unpark()
    this.deliveries.recheck()
  }

  /** User code does not come back: what it has is stale, late marks of it count for nothing. */
  expire(): void {
    for (const reader of this.readers) reader.lineage.end('timeout')
  }

  onFatal(error: KafkaError): void {
    for (const reader of [...this.readers]) this.#drop(reader, 'lost')
    this.deliveries.failForGood(error)
  }

  /** Reads from elsewhere: in a new lineage, committed at once under automatic commits. */
  seek(reader: PartitionReader, to: Seek): void {
    const { topic, partition } = reader
    const { offset, leaderEpoch = -1, kind = 'sought', reason } = to
    reader.startAt(offset, leaderEpoch, kind)
    this.#emitter.emit('positionReset', { topic, partition, offset, reason })
    this.#commitSoon(reader).catch(() => undefined)
  }

  #commitSoon(reader: PartitionReader): Promise<void> {
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + this.#cluster.options.requestTimeoutMs
    return this.commits.flush([reader], deadline)
  }

  /** What was read beyond the shared end is not in the log (any more); what was not, is. */
  #diverged(reader: PartitionReader, { epoch, endOffset }: SharedEnd): void {
    const { topic, partition, fetchOffset: to, lineage } = reader
    const from = Math.min(endOffset, lineage.endOfEpoch(epoch) ?? endOffset)
    if (from >= to) {
      // Nothing of what lies before is in doubt; the leader knows the epoch by another number.
      reader.progress.correctEpoch(epoch)
      return
    }
    const reason = 'the log was truncated'
    this.#emitter.emit('dataLoss', { topic, partition, from, to, count: to - from, reason })
    // Records before it may wait to be delivered, or be in hand: they come again.
    const offset = Math.min(from, reader.committable ?? from)
    this.seek(reader, { offset, leaderEpoch: epoch, kind: 'reset', reason })
  }

  /** Its topic is gone, as far as the cluster has told; there may be another of the same name. */
  #isDeleted({ topic, topicId }: PartitionReader): boolean {
    const { topics, topicErrors } = this.#cluster.metadata
    const known = topics.get(topic)
    if (topicErrors.get(topic) === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return true
    return hasTopicId(known) && topicId !== ZERO_UUID && known.topicId !== topicId
  }

  #tellDeleted({ topic, partition, unread }: PartitionReader): void {
    if (unread === undefined) return
    const count = unread.to - unread.from
    const reason = 'the topic was deleted'
    this.#emitter.emit('dataLoss', { topic, partition, ...unread, count, reason })
  }

  #fail(reader: PartitionReader, error: Error): void {
    reader.fail()
    this.deliveries.fail(error as KafkaError)
  }

  /** Users' hooks are awaited, bounded, and cannot break the group. */
  async #callHook(
    name: 'onAssigned' | 'onRevoked' | 'onLost',
    partitions: readonly TopicPartition[],
    deadline?: number,
  ): Promise<void> {
    const hook: RebalanceHook | undefined = this.#options[name]
    if (hook === undefined || partitions.length === 0) return
    const { clock } = this.#cluster.environment
    const until = deadline ?? clock.monotonic() + this.#options.rebalanceTimeoutMs
    const given = partitions.map(({ topic, partition }) => ({ topic, partition }))
    const called = (async () => hook(given))().catch((error: unknown) =>
      this.#emitter.emit('listenerError', { event: name, error }),
    )
    const { timers } = this.#cluster.environment
    const since = clock.monotonic()
    const tell = (what: string): void => {
      const seconds = Math.round((clock.monotonic() - since) / 1000)
      const message = `${name} has not returned for ${seconds} s; ${what}`
      this.#emitter.emit('stalled', { operation: `calling ${name}`, message })
    }
    const notice = timers.set(PATIENCE_MS, () => tell('it is waited for'))
    const isThrough = await this.within(called, until)
    timers.clear(notice)
    if (!isThrough) tell('it is not waited for any longer')
  }

  /** Waits, but not beyond the deadline; whether it came before that. */
  async within(promise: Promise<unknown>, deadline: number): Promise<boolean> {
    const settled = promise.then(() => true)
    return withDeadline(this.#cluster.environment, settled, deadline, false)
  }

  /** Everything is finished, committed and let go of, as far as the deadline allows. */
  async close(deadline: number): Promise<void> {
    this.#closing.abort()
    this.#topics.close()
    this.watchdog.close()
    this.#joinTimeout.stop()
    this.#positions.close()
    this.deliveries.end()
    this.gate.close()
    this.commits.leave()
    this.#expected.clear()
    const farewell = this.#fetcher.close()
    await this.release([...this.readers], 'closing', deadline)
    await this.within(farewell, deadline)
  }
}

function commitModeOf({ transactional, enableAutoCommit }: EffectiveConsumerOptions): CommitMode {
  if (transactional) return 'transactional'
  return enableAutoCommit ? 'automatic' : 'manual'
}

function serdesOf(topics: readonly TopicInput[]): ReadonlyMap<string, AnyTopic> {
  return new Map(topics.flatMap((one) => (typeof one === 'string' ? [] : [[one.name, one]])))
}

function keyOf({ topic, partition }: TopicPartition): string {
  return partitionKey(topic, partition)
}

function isSamePartition(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
