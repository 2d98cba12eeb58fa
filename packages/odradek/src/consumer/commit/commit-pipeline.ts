/**
 * The one way by which a group's offsets are committed. One request is under way at a time, built
 * at the moment it is sent, of everything that is processed by then, and stamped with the
 * generation; whoever wants a commit joins the next one. So no older request can overtake a newer
 * one. A request whose answer never came may still be applied late: its partitions are *unsure* and
 * ride in every request until one that was sent a request timeout later is acknowledged.
 *
 * While a join is written and answered nothing is sent (`park`); what was wanted is built anew, for
 * what is still ours, when the generation stands (`unpark`).
 */
import {
  BrokerError,
  ErrorCode,
  type KafkaError,
  offsetCommit,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import type { Timer } from '@odradek/environment'
import { withDeadline } from '../../async/deadline.ts'
import { EarliestTimer } from '../../async/earliest-timer.ts'
import { retryPauseMs } from '../../cluster/backoff.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import {
  CommitFailedError,
  ConnectionError,
  TimeoutError,
  UsageError,
} from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import { partitionKey } from '../../events/topic-partition.ts'
import type { EffectiveConsumerOptions } from '../options/consumer-options.ts'
import type { Membership, ConsumerGroupMetadata } from '../../groups/shell/membership.ts'
import type { Lineage } from '../partition/position-epoch.ts'
import type { PartitionReader } from '../partition/partition-state.ts'
import { DOUBT_CHECK_MS } from '../../groups/shell/session-gate.ts'
import { commitReaction } from './commit-reaction.ts'

interface Target {
  readonly reader: PartitionReader
  readonly lineage: Lineage
  readonly offset: number
}

/** As it was when the request was built: the topic may be another one when it is written. */
interface Sent extends Target {
  readonly metadata: string
}

interface Waiter {
  /** What has to be acknowledged for it; a lineage that ends meanwhile drops out. */
  readonly targets: Map<PartitionReader, Target>
  /** What became of a target that never will be; told when the others are through. */
  error: KafkaError | undefined
  readonly settle: (error?: KafkaError) => void
}

const LAST_VERSION_WITH_NAMES = 9

export class CommitPipeline {
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #readers: ReadonlySet<PartitionReader>
  readonly #membership: () => Membership
  readonly #waiters = new Set<Waiter>()
  #inFlight: Promise<void> | undefined
  #isParked = false
  #isLeaving = false
  #isClosed = false
  #failures = 0
  #notBefore = Number.NEGATIVE_INFINITY
  #lastError: KafkaError | undefined
  readonly #retryTimer: EarliestTimer
  #autoTimer: Timer | undefined

  constructor(
    cluster: Cluster,
    options: EffectiveConsumerOptions,
    emitter: TypedEmitter<ClientEvents>,
    readers: ReadonlySet<PartitionReader>,
    membership: () => Membership,
  ) {
    this.#cluster = cluster
    this.#retryTimer = new EarliestTimer(cluster.environment, () => {
      this.#pump(this.#unsure())
      this.#pumpForWaiters()
    })
    this.#options = options
    this.#emitter = emitter
    this.#readers = readers
    this.#membership = membership
  }

  /** Begins to commit by itself, if that is wanted. */
  start(): void {
    const { enableAutoCommit, groupId } = this.#options
    if (!enableAutoCommit || groupId === undefined || this.#isClosed) return
    const { timers } = this.#cluster.environment
    this.#autoTimer = timers.set(this.#options.autoCommitIntervalMs, () => {
      this.#pump([...this.#readers])
      this.start()
    })
  }

  /** Partitions of these whose processed offset the coordinator has not acknowledged. */
  dirty(readers: Iterable<PartitionReader> = this.#readers): readonly PartitionReader[] {
    return [...readers].filter(
      (reader) => !reader.isEnded && (isBehind(reader) || reader.commit.isUnsure),
    )
  }

  /**
   * Commits what is processed of these partitions by now. Settles when the coordinator has it all,
   * or the deadline passes; the request itself lives on. Rejects when it never can be: as soon as
   * nothing else is to be waited for.
   */
  flush(readers: Iterable<PartitionReader>, deadline: number): Promise<void> {
    if (this.#options.groupId === undefined) return Promise.resolve()
    const targets = new Map<PartitionReader, Target>()
    for (const reader of this.dirty(readers)) {
      const { lineage, toCommit: offset } = reader
      if (offset !== undefined) targets.set(reader, { reader, lineage, offset })
    }
    if (targets.size === 0) return Promise.resolve()
    const { timers, clock } = this.#cluster.environment
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const waiter: Waiter = {
        targets,
        error: undefined,
        settle: (error = waiter.error) => {
          timers.clear(timer)
          this.#waiters.delete(waiter)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      timer = timers.set(Math.max(1, deadline - clock.monotonic()), () =>
        waiter.settle(
          new TimeoutError(
            `The offsets of group "${this.#options.groupId ?? ''}" were not committed in time; ` +
              'whether they will be is unknown.' +
              (this.#lastError === undefined ? '' : ` The last error: ${this.#lastError.message}`),
            { cause: this.#lastError },
          ),
        ),
      )
      this.#waiters.add(waiter)
      this.#pump(targets.keys())
    })
  }

  /** Nothing is committed any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  get isParked(): boolean {
    return this.#isParked && !this.#isLeaving
  }

  /**
   * This member is about to go: it waits for no join. Brokers take commits of the generation before
   * while a group gathers; what they refuse is tried again like anything else.
   */
  leave(): void {
    this.#isLeaving = true
  }

  /** Nothing is sent until `unpark`; settles when nothing is under way, or at the deadline. */
  async park(deadline: number): Promise<void> {
    this.#isParked = true
    if (this.#inFlight === undefined) return
    await withDeadline(this.#cluster.environment, this.#inFlight, deadline, undefined)
  }

  unpark(): void {
    this.#isParked = false
    // What was refused in the name of an older generation or epoch has a new name now.
    this.#notBefore = Number.NEGATIVE_INFINITY
    this.#pumpForWaiters()
  }

  /** A partition went away: whoever waits for a commit of it hears that there will be none. */
  forget(reader: PartitionReader): void {
    for (const waiter of [...this.#waiters]) {
      const target = waiter.targets.get(reader)
      if (target === undefined) continue
      const { topic, partition } = reader
      const place = { topic, partition, offset: target.offset }
      this.#giveUp(waiter, reader, new CommitFailedError(place, { cause: this.#lastError }))
    }
  }

  /** One of its partitions never will be committed: the others still count. */
  #giveUp(waiter: Waiter, reader: PartitionReader, error: KafkaError): void {
    waiter.targets.delete(reader)
    waiter.error ??= error
    if (waiter.targets.size === 0) waiter.settle()
  }

  close(error: KafkaError): void {
    this.#isClosed = true
    const { timers } = this.#cluster.environment
    timers.clear(this.#autoTimer)
    this.#retryTimer.clear()
    for (const waiter of [...this.#waiters]) waiter.settle(error)
  }

  #pumpForWaiters(): void {
    // Whoever unparks, and a membership that stands again, asks anew.
    if (this.#isClosed || this.isParked || this.#membership().stamp === undefined) return
    const wanted = new Set<PartitionReader>()
    for (const waiter of this.#waiters)
      for (const reader of waiter.targets.keys()) wanted.add(reader)
    if (wanted.size > 0) this.#pump(wanted)
    const unsureUntil = Math.min(...[...this.#unsure()].map(({ commit }) => commit.unsureUntil))
    if (this.#inFlight === undefined && unsureUntil < Number.POSITIVE_INFINITY) {
      this.#retryTimer.set(Math.max(unsureUntil, this.#notBefore))
    }
  }

  #unsure(): readonly PartitionReader[] {
    // Without anything to send there is nothing to assert.
    return [...this.#readers].filter((one) => one.commit.isUnsure && one.toCommit !== undefined)
  }

  /** Sends what is dirty of these (and what is unsure of others), unless something is under way. */
  #pump(wanted: Iterable<PartitionReader>): void {
    if (this.#isClosed || this.isParked || this.#inFlight !== undefined) return
    const { clock } = this.#cluster.environment
    const membership = this.#membership()
    const { stamp } = membership
    if (stamp === undefined) return
    if (clock.monotonic() < this.#notBefore) {
      this.#retryTimer.set(this.#notBefore)
      return
    }
    const batch = this.#build(wanted)
    if (batch.length === 0) return
    if (!membership.isSessionAlive()) {
      // In doubt, until the coordinator has answered a heartbeat.
      this.#retryTimer.set(clock.monotonic() + DOUBT_CHECK_MS)
      return
    }
    this.#inFlight = this.#send(batch, stamp).finally(() => {
      this.#inFlight = undefined
      this.#pumpForWaiters()
    })
  }

  #build(wanted: Iterable<PartitionReader>): readonly Sent[] {
    const chosen = new Set(this.dirty(wanted))
    for (const reader of this.#unsure()) chosen.add(reader)
    const batch: Sent[] = []
    for (const reader of chosen) {
      const { lineage, toCommit, commit, commitMetadata: metadata } = reader
      if (toCommit === undefined || reader.isEnded) continue
      // Within a lineage a commit never says less than an earlier one.
      batch.push({ reader, lineage, offset: Math.max(toCommit, commit.offset ?? 0), metadata })
    }
    return batch
  }

  async #send(batch: readonly Sent[], stamp: ConsumerGroupMetadata): Promise<void> {
    const { clock } = this.#cluster.environment
    const { groupId } = stamp
    const sentAt = clock.monotonic()
    let response: ResponseOf<typeof offsetCommit>
    try {
      response = await this.#cluster.requestCoordinator(
        'group',
        groupId,
        offsetCommit,
        commitBody(batch, stamp),
        { purpose: 'heartbeat', maxVersion: LAST_VERSION_WITH_NAMES },
      )
    } catch (error) {
      this.#handleFailure(batch, error)
      return
    }
    const codes = new Map<string, number>()
    for (const topic of response.topics) {
      for (const { partitionIndex, errorCode } of topic.partitions) {
        codes.set(partitionKey(topic.name, partitionIndex), errorCode)
      }
    }
    this.#handleAnswer(batch, codes, stamp, sentAt)
  }

  #handleAnswer(
    batch: readonly Sent[],
    codes: ReadonlyMap<string, number>,
    stamp: ConsumerGroupMetadata,
    sentAt: number,
  ): void {
    const committed: Sent[] = []
    let refused: KafkaError | undefined
    for (const sent of batch) {
      const { topic, partition } = sent.reader
      // What the answer leaves out may have been committed or not.
      const errorCode = codes.get(partitionKey(topic, partition)) ?? UNKNOWN_SERVER_ERROR
      const reaction = commitReaction(errorCode)
      if (reaction === 'committed') {
        committed.push(sent)
        continue
      }
      const error = new BrokerError(errorCode, { action: `commit ${sent.reader.name}` })
      this.#lastError = error
      if (this.#isGone(topic, errorCode)) this.#failPartition(sent, error)
      else if (reaction === 'stampRefused' || reaction === 'afterJoin') refused ??= error
      else if (reaction === 'fail') this.#failPartition(sent, error)
      else if (reaction === 'unsure') this.#markUnsure([sent])
      else if (reaction === 'findCoordinator') {
        this.#cluster.forgetCoordinator('group', stamp.groupId)
      }
    }
    if (committed.length > 0) this.#acknowledge(committed, stamp.groupId, sentAt)
    if (committed.length === batch.length) this.#failures = 0
    else this.#pace()
    if (refused !== undefined) this.#membership().handleStampRefused(refused, stamp)
  }

  /** The coordinator does not know the topic, and neither does the cluster: it was deleted. */
  #isGone(topic: string, errorCode: number): boolean {
    if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return false
    this.#cluster.refreshMetadata('a commit names a topic that is not known').catch(() => undefined)
    const known = this.#cluster.metadata.topicErrors.get(topic)
    return known === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }

  #acknowledge(committed: readonly Sent[], groupId: string, sentAt: number): void {
    for (const { reader, lineage, offset, metadata } of committed) {
      if (metadata === reader.commitMetadata) reader.commit.noteMetadataCommitted()
      if (reader.lineage !== lineage) continue
      reader.commit.noteAcknowledged(offset, sentAt)
    }
    for (const waiter of [...this.#waiters]) {
      for (const [reader, target] of waiter.targets) {
        const isAcknowledged =
          !reader.commit.isBefore(target.offset) && !reader.commit.hasNewMetadata
        const isDone = reader.lineage !== target.lineage || isAcknowledged
        if (isDone) waiter.targets.delete(reader)
      }
      if (waiter.targets.size === 0) waiter.settle()
    }
    this.#emitter.emit('committed', {
      groupId,
      offsets: committed.map(({ reader: { topic, partition }, offset }) => ({
        topic,
        partition,
        offset,
      })),
    })
  }

  #handleFailure(batch: readonly Sent[], error: unknown): void {
    this.#lastError = error as KafkaError
    const isOnItsWay = !(error instanceof ConnectionError && error.stage !== 'established')
    if (isOnItsWay && !(error instanceof UsageError)) this.#markUnsure(batch)
    this.#pace()
  }

  #markUnsure(batch: readonly Sent[]): void {
    const { environment, options } = this.#cluster
    const until = environment.clock.monotonic() + options.requestTimeoutMs
    // Also when its lineage has ended: a seek back must not be undone by it.
    for (const { reader, offset } of batch) reader.commit.markOutcomeUnknown(offset, until)
  }

  #failPartition({ reader, lineage, offset }: Sent, error: KafkaError): void {
    const operation = `committing ${reader.name}`
    this.#emitter.emit('stalled', { operation, message: operation, error })
    for (const waiter of [...this.#waiters]) {
      const target = waiter.targets.get(reader)
      const isMeant = target?.lineage === lineage && target.offset <= offset
      if (isMeant) this.#giveUp(waiter, reader, error)
    }
  }

  #pace(): void {
    const pauseMs = retryPauseMs(this.#cluster, this.#failures++)
    this.#notBefore = this.#cluster.environment.clock.monotonic() + pauseMs
  }
}

const UNKNOWN_SERVER_ERROR = -1

function isBehind(reader: PartitionReader): boolean {
  const { toCommit, commit } = reader
  return toCommit !== undefined && (commit.hasNewMetadata || commit.isBefore(toCommit))
}

function commitBody(batch: readonly Sent[], stamp: ConsumerGroupMetadata) {
  return (version: number): RequestInput<typeof offsetCommit> => {
    const topics = new Map<string, Sent[]>()
    for (const sent of batch) {
      const { topic } = sent.reader
      topics.set(topic, [...(topics.get(topic) ?? []), sent])
    }
    return {
      groupId: stamp.groupId,
      generationIdOrMemberEpoch: stamp.generationIdOrMemberEpoch,
      memberId: stamp.memberId,
      ...(version >= 7 ? { groupInstanceId: stamp.groupInstanceId } : {}),
      topics: [...topics].map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ reader, lineage, offset, metadata }) => ({
          partitionIndex: reader.partition,
          committedOffset: offset,
          committedLeaderEpoch: lineage.epochBefore(offset),
          committedMetadata: metadata,
        })),
      })),
    }
  }
}
