/**
 * What this member reads: the partitions that the group gave it, each with its position, its
 * fetches and its commits. Membership tells it what comes and goes; a partition that goes is
 * stopped, finished, committed and let go of in this order, and one that is lost is dropped on the
 * spot.
 */
import { KafkaError } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { TimeoutError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../events/topic-partition.ts'
import type { AnyTopic } from '../serdes/topic.ts'
import {
  type EffectiveConsumerOptions,
  nameOf,
  type RebalanceHook,
  type TopicInput,
} from './consumer-options.ts'
import { Deliveries } from './deliveries.ts'
import { Fetcher } from './fetch/fetcher.ts'
import { Positions } from './fetch/positions.ts'
import type {
  AssignedPartition,
  EndReason,
  Membership,
  MembershipHandler,
} from './group/membership.ts'
import { CommitPipeline } from './offsets/commit-pipeline.ts'
import { PartitionReader } from './partition-reader.ts'
import { prepareTopics } from './prepare-topics.ts'
import { SessionGate } from './session-gate.ts'
import { StallReport } from './stall-report.ts'
import { TopicWatch } from './topic-watch.ts'

/** How much of a revocation's time user code may use; the rest is for the commit. */
const USER_SHARE = 0.7

export class Assignment implements MembershipHandler {
  readonly deliveries: Deliveries
  readonly gate: SessionGate
  readonly commits: CommitPipeline
  readonly report: StallReport
  readonly readers = new Set<PartitionReader>()
  readonly #cluster: Cluster
  readonly #options: EffectiveConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  #serdes: ReadonlyMap<string, AnyTopic>
  readonly #membership: () => Membership
  readonly #fetcher: Fetcher
  readonly #positions: Positions
  readonly #topics: TopicWatch
  #preparing: Promise<void> | undefined
  #onFirstStable: (() => void) | undefined

  constructor(
    cluster: Cluster,
    options: EffectiveConsumerOptions,
    emitter: TypedEmitter<ClientEvents>,
    membership: () => Membership,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#emitter = emitter
    this.#membership = membership
    this.#serdes = serdesOf(options.topics)
    this.report = new StallReport(cluster.environment, emitter)
    const { report } = this
    const names = options.topics.map(nameOf)
    this.#topics = new TopicWatch(cluster, names, report, (error) => this.deliveries.fail(error))
    this.commits = new CommitPipeline(cluster, options, emitter, this.readers, membership)
    this.gate = new SessionGate(cluster.environment, membership, () => this.deliveries.recheck())
    this.deliveries = new Deliveries({
      mayDeliver: () => this.gate.mayAct(),
      onTaken: () => this.#fetcher.wake(),
    })
    this.#fetcher = new Fetcher(
      { cluster, options, report },
      {
        onData: (reader) => this.deliveries.offer(reader),
        onOutOfRange: (reader) => {
          reader.phase = { name: 'outOfRange', offset: reader.fetchOffset }
          this.#positions.wake()
        },
        onRecreated: (reader, topicId) => {
          reader.topicId = topicId
          reader.phase = { name: 'recreated' }
          this.#positions.wake()
        },
        onDiverged: (reader, endOffset) => this.#truncated(reader, endOffset),
        onFailed: (reader, error) => this.#fail(reader, error),
      },
    )
    this.#positions = new Positions(
      cluster,
      options,
      emitter,
      this.readers,
      {
        onPositioned: (reader) => this.#fetcher.add(reader),
        onFailed: (reader, error) => this.#fail(reader, error),
        stamp: () => (options.groupProtocol === 'classic' ? undefined : membership().stamp),
        onStampRefused: (error, stamp) => membership().handleStampRefused(error, stamp),
        pin: (readers) => {
          const { clock } = cluster.environment
          return this.commits.flush(readers, clock.monotonic() + cluster.options.requestTimeoutMs)
        },
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
    this.#watchFirstJoin()
  }

  #watchFirstJoin(): void {
    const { connectTimeoutMs: timeoutMs, groupId } = this.#options
    if (timeoutMs === undefined) return
    let cause: Error | undefined
    const stopListening = this.#emitter.on('stalled', ({ error }) => {
      cause = error
    })
    const { timers } = this.#cluster.environment
    const timer = timers.set(timeoutMs, () => {
      stopListening()
      const reason = cause === undefined ? '' : ` ${cause.message}`
      const message = `Group "${groupId ?? ''}" was not joined within ${timeoutMs} ms.${reason}`
      this.deliveries.fail(new TimeoutError(message, { cause }))
    })
    this.#onFirstStable = () => {
      stopListening()
      timers.clear(timer)
    }
  }

  find({ topic, partition }: TopicPartition): PartitionReader | undefined {
    for (const reader of this.readers) {
      if (isSamePartition(reader, { topic, partition })) return reader
    }
    return undefined
  }

  async onAssigned(added: readonly AssignedPartition[]): Promise<void> {
    const readers = added.map((one) => new PartitionReader(one, this.#serdes.get(one.topic)))
    this.#preparing ??= prepareTopics(this.#serdes.values())
    await this.#preparing
    // What was taken away again meanwhile is not begun.
    const held = this.#membership().assigned
    for (const reader of readers) {
      if (held.some((one) => isSamePartition(one, reader))) this.readers.add(reader)
    }
    await this.#callHook('onAssigned', added)
    // Those that the hook positioned itself are read from there.
    for (const reader of readers) {
      if (reader.phase.name !== 'assigned') continue
      const offset = this.#chosenOffset(reader)
      if (offset === undefined) reader.phase = { name: 'starting' }
      else this.seek(reader, offset, 'the partition was given with an offset')
    }
    this.#positions.wake()
  }

  #chosenOffset({ topic, partition }: TopicPartition): number | undefined {
    return this.#options.partitions?.find(
      (one) => one.partition === partition && nameOf(one.topic) === topic,
    )?.offset
  }

  async onRevoked(partitions: readonly AssignedPartition[], deadline: number): Promise<void> {
    await this.release(this.#pick(partitions), 'revoked', deadline)
  }

  /** Stops these partitions, lets what is in hand finish, commits, lets go. */
  async release(
    readers: readonly PartitionReader[],
    reason: EndReason,
    deadline: number,
  ): Promise<void> {
    const { clock } = this.#cluster.environment
    for (const reader of readers) {
      reader.revoke()
      this.#fetcher.remove(reader)
    }
    const now = clock.monotonic()
    const userDeadline = now + (deadline - now) * USER_SHARE
    await this.#within(Promise.all(readers.map((reader) => reader.idle())), userDeadline)
    await this.#callHook('onRevoked', readers, userDeadline)
    // What could not be committed in time is delivered again, to whoever has the partition then.
    // Between join and sync (a downgrade to an eager assignor) brokers take no commits at all.
    if (!this.commits.isParked) await this.commits.flush(readers, deadline).catch(() => undefined)
    for (const reader of readers) this.#drop(reader, reason)
  }

  onLost(partitions: readonly AssignedPartition[]): void {
    const readers = this.#pick(partitions)
    for (const reader of readers) this.#drop(reader, 'lost')
    if (readers.length === 0) return
    this.#callHook('onLost', readers).catch(() => undefined)
  }

  #pick(partitions: readonly TopicPartition[]): readonly PartitionReader[] {
    const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)))
    return [...this.readers].filter(({ topic, partition }) =>
      keys.has(partitionKey(topic, partition)),
    )
  }

  #drop(reader: PartitionReader, reason: EndReason): void {
    reader.end(reason)
    this.readers.delete(reader)
    this.#fetcher.remove(reader)
    this.commits.forget(reader)
  }

  onJoining(deadline: number): Promise<void> {
    return this.commits.park(deadline)
  }

  onStable(): void {
    this.#onFirstStable?.()
    this.#onFirstStable = undefined
    this.commits.unpark()
    this.deliveries.recheck()
  }

  /** User code does not come back: what it has is stale, late marks of it count for nothing. */
  expire(): void {
    for (const reader of this.readers) reader.lineage.end('timeout')
  }

  onFatal(error: KafkaError): void {
    for (const reader of [...this.readers]) this.#drop(reader, 'lost')
    this.deliveries.fail(error)
  }

  /** Reads on elsewhere, in a new lineage whose start is committed at once. */
  seek(reader: PartitionReader, offset: number, reason: string): void {
    const { topic, partition } = reader
    reader.startAt(offset, -1)
    reader.committedOffset = undefined
    this.#emitter.emit('positionReset', { topic, partition, offset, reason })
    this.#fetcher.add(reader)
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + this.#cluster.options.requestTimeoutMs
    this.commits.flush([reader], deadline).catch(() => undefined)
  }

  resume(reader: PartitionReader): void {
    reader.isPaused = false
    if (reader.buffered !== undefined) this.deliveries.offer(reader)
    this.#fetcher.wake()
  }

  #truncated(reader: PartitionReader, endOffset: number): void {
    const { topic, partition, fetchOffset } = reader
    if (endOffset >= fetchOffset) return
    const count = fetchOffset - endOffset
    const reason = 'the log was truncated'
    this.#emitter.emit('dataLoss', {
      topic,
      partition,
      from: endOffset,
      to: fetchOffset,
      count,
      reason,
    })
    this.seek(reader, endOffset, reason)
  }

  #fail(reader: PartitionReader, error: Error): void {
    reader.phase = { name: 'failed' }
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
    await this.#within(called, until)
  }

  /** Waits, but not beyond the deadline. */
  async #within(promise: Promise<unknown>, deadline: number): Promise<void> {
    const { timers, clock } = this.#cluster.environment
    let timer
    const timedOut = new Promise<void>((resolve) => {
      timer = timers.set(Math.max(1, deadline - clock.monotonic()), resolve)
    })
    await Promise.race([promise, timedOut])
    timers.clear(timer)
  }

  /** Everything is finished, committed and let go of, as far as the deadline allows. */
  async close(deadline: number): Promise<void> {
    this.#topics.close()
    this.#onFirstStable?.()
    this.#positions.close()
    this.deliveries.end()
    this.gate.close()
    const farewell = this.#fetcher.close()
    await this.release([...this.readers], 'closing', deadline)
    await this.#within(farewell, deadline)
  }
}

function serdesOf(topics: readonly TopicInput[]): ReadonlyMap<string, AnyTopic> {
  return new Map(topics.flatMap((one) => (typeof one === 'string' ? [] : [[one.name, one]])))
}

function isSamePartition(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
