/** The share consumer that users hold (KIP-932). Everything behind it is in this folder. */
import type { KafkaError } from '@odradek/protocol'
import { withDeadline } from '../async/deadline.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { closedError } from '../errors/closed-error.ts'
import { PartialError, type RecordPlace, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { type Listener, TypedEmitter } from '../events/emitter.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import { CLOSE_OPTIONS, type CloseOptions } from '../options/call-options.ts'
import { checkOptions } from '../options/option-table.ts'
import type { Topic } from '../serdes/topic.ts'
import type { TopicInput } from '../consumer/options/consumer-options.ts'
import { Liveness } from '../consumer/progress/liveness.ts'
import { adviceFor } from '../consumer/progress/partition-status.ts'
import { prepareTopics } from '../groups/prepare-topics.ts'
import { ObservedRun } from '../consumer/delivery/observed-run.ts'
import { refuseHandler } from '../consumer/options/run-options.ts'
import { PATIENCE_MS, StallReport } from '../cluster/stall-reporter.ts'
import { closePromise } from '../consumer/delivery/close-inside-run.ts'
import { Surface } from '../consumer/delivery/read-guard.ts'
import type { Hold } from './acquired-record.ts'
import { JoinTimeout } from '../groups/shell/join-timeout.ts'
import type { ShareBuffer } from './share-fetch-buffer.ts'
import {
  type EffectiveShareConsumerOptions,
  parseShareConsumerOptions,
  type ShareConsumerOptions,
} from './share-consumer-options.ts'
import { ShareFetcher } from './share-fetcher.ts'
import { readShareGroupSettings } from '../groups/share/share-group-settings.ts'
import { placeOf, type RecordOutcome, ShareLedger } from './acknowledgement-tracker.ts'
import { ShareMembership } from '../groups/share/share-membership.ts'
import { DEFAULT_SESSION_TIMEOUT_MS } from '../groups/share/share-snapshots.ts'
import { ShareRecord } from './share-record.ts'
import { ShareRecordIterator } from './share-record-iterator.ts'
import { parseShareRunOptions, type ShareRunOptions } from './share-run-options.ts'
import { type ShareHandlerContext, type ShareRecordHandler, ShareRunner } from './share-runner.ts'

/**
 * The record that a topic gives a share consumer: `Buffer`s, or what its serdes decode. Among typed
 * topics `record.topic` narrows it.
 */
export type ShareRecordOf<T extends TopicInput> = [T] extends [string]
  ? ShareRecord<Buffer, Buffer>
  : TypedShareRecordOf<T>

/** Distributes over the topics. */
type TypedShareRecordOf<T extends TopicInput> =
  // biome-ignore lint: the types of what is written do not matter here.
  T extends Topic<any, infer Key, any, infer Value, infer Tombstones, infer Name>
    ? ShareRecord<Key, Value, Tombstones extends false ? never : null, Name>
    : ShareRecord<Buffer, Buffer, null, Extract<T, string>>

/** A record of such a topic, whatever TypeScript knows of the topic's name. */
export type AcquiredRecordOf<T extends TopicInput> =
  ShareRecordOf<T> extends ShareRecord<infer Key, infer Value, infer Tombstone, string>
    ? ShareRecord<Key, Value, Tombstone>
    : never

/** What the group hears of a record when the share consumer closes. */
export interface ShareCloseSummary {
  /** In hand and not settled in time, or told without a confirmation: delivered again. */
  readonly unacknowledged: readonly RecordPlace[]
}

const DEFAULT_CLOSE_TIMEOUT_MS = 30_000
const STALE_ADVICE =
  'The session is over or in doubt: the member joins again, and records whose locks ran out ' +
  'meanwhile are delivered again. Move long computations off the main thread.'
function holdOf(record: unknown): Hold {
  if (record instanceof ShareRecord) return record.hold
  throw new UsageError(
    'accept, release, reject and renew take a record that this share consumer delivered.',
  )
}

/** A group that does not hear of it in time notices by itself. */
const LEAVE_TIMEOUT_MS = 3000
/** For what was decided to reach the brokers when nothing reads. */
const REST_TIMEOUT_MS = 10_000
/** How much of the time to close what is in hand may use; the rest is for telling. */
const IN_HAND_SHARE = 0.7

/**
 * Reads topics as a member of a share group: like a queue. Every record goes to one member at a
 * time, whatever its partition; it is accepted, released (to be delivered again) or rejected one by
 * one, and what a member holds when it dies comes back by itself. At least once, and in no order.
 * Making it does no I/O; the first iteration (or `run`) joins the group. Kafka 4.2 or newer.
 *
 * @example
 * await using consumer = kafka.shareConsumer({ groupId: 'mail', topics: ['mails'] })
 * for await (const record of consumer) await send(record.value)
 */
export class ShareConsumer<T extends TopicInput = string>
  implements AsyncIterable<ShareRecordOf<T>>
{
  readonly #cluster: Cluster
  readonly #options: EffectiveShareConsumerOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #ledger: ShareLedger
  readonly #fetcher: ShareFetcher
  readonly #surface: Surface<ShareBuffer>
  readonly #membership: ShareMembership
  readonly #liveness: Liveness
  readonly #joinTimeout: JoinTimeout
  readonly #onClosed: () => void
  /** Membership is over for good: whoever reads again hears it again. */
  #fatal: KafkaError | undefined
  #preparing: Promise<void> | undefined
  readonly #runs: ObservedRun
  #hasStarted = false
  #closing: Promise<ShareCloseSummary> | undefined

  /** @internal Made by `kafka.shareConsumer(...)`. */
  constructor(
    cluster: Cluster,
    parent: TypedEmitter<ClientEvents>,
    options: ShareConsumerOptions<T>,
    onClosed: () => void = () => undefined,
  ) {
    this.#cluster = cluster
    this.#onClosed = onClosed
    this.#options = parseShareConsumerOptions(options)
    this.#emitter = new TypedEmitter(parent)
    this.#runs = new ObservedRun(this.#emitter)
    const { environment } = cluster
    const { groupId, topics } = this.#options
    const identity = { groupId, memberId: environment.random.bytes(16).toString('base64url') }
    const stalls = new StallReport(environment, this.#emitter)
    this.#joinTimeout = new JoinTimeout({
      environment,
      emitter: this.#emitter,
      connectTimeoutMs: this.#options.connectTimeoutMs,
      subject: `Share group "${groupId}"`,
      onExpired: (error) => this.#fetcher.buffer.fail(error),
    })
    this.#ledger = new ShareLedger(groupId, this.#emitter)
    this.#fetcher = new ShareFetcher({
      cluster,
      identity,
      stalls,
      options: this.#options,
      ledger: this.#ledger,
      isOccupied: () => this.#surface.isOccupied,
    })
    this.#surface = new Surface({
      environment,
      deliveries: this.#fetcher.buffer,
      start: () => this.#start(),
      mayDeliver: () => true,
      userReturned: () => this.#liveness.userReturned(),
    })
    this.#liveness = this.#makeLiveness()
    this.#membership = new ShareMembership({
      cluster,
      identity,
      stalls,
      seat: this.#liveness.seat,
      topics: topics.map((one) => (typeof one === 'string' ? one : one.name)),
      emitter: this.#emitter,
      onCounted: () => this.#joinTimeout.stop(),
      onAssigned: (partitions) => {
        this.#prepare().then(
          () => this.#fetcher.assign(partitions),
          (error: KafkaError) => this.#fetcher.buffer.fail(error),
        )
      },
      onFatal: (error) => {
        this.#fatal = error
        this.#joinTimeout.stop()
        this.#fetcher.buffer.fail(error)
      },
    })
  }

  #makeLiveness(): Liveness {
    const fetcher = this.#fetcher
    const { clock } = this.#cluster.environment
    const surface = this.#surface
    const membership = {
      start: () => {
        fetcher.resume()
        this.#membership.start()
      },
      rest: () => this.#membership.rest(),
      isSessionAlive: () => this.#membership.isSessionAlive(),
    }
    const waiting = (): RecordPlace | 'partitions' | undefined => this.#unread
    const sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS
    return new Liveness(this.#cluster, { ...this.#options, sessionTimeoutMs }, this.#emitter, {
      membership,
      get occupant() {
        // A record that a handler has for too long loses its lock; the member stays.
        const isReading = (surface.user as { readonly isReading?: boolean })?.isReading === true
        return { isReading, oldestInHand: undefined, lastHanded: undefined }
      },
      get waiting() {
        return waiting()
      },
      release: () => fetcher.rest(clock.monotonic() + REST_TIMEOUT_MS),
      watchdog: {
        excuse: () => undefined,
        look: () => undefined,
        reportUnread: () => this.#reportUnread(),
      },
      expire: () => undefined,
      staleAdvice: STALE_ADVICE,
    })
  }

  /** What other members do not get while nothing reads this one. */
  get #unread(): RecordPlace | 'partitions' | undefined {
    const hold = this.#fetcher.firstOpen
    if (hold !== undefined) return placeOf(hold)
    return this.#membership.assigned.length > 0 ? 'partitions' : undefined
  }

  /** Nothing reads, and the member leaves its group: emits it for every partition that it has. */
  #reportUnread(): void {
    const { clock } = this.#cluster.environment
    const { lastTakenAt } = this.#fetcher.buffer
    const standsStillMs = Number.isFinite(lastTakenAt) ? clock.monotonic() - lastTakenAt : 0
    for (const { topic, partition } of this.assigned) {
      this.#emitter.emit('partitionProgress', {
        ...{ topic, partition, status: 'noReader', action: null, lag: null },
        since: clock.now() - standsStillMs,
        advice: adviceFor('noReader', null),
      })
    }
  }

  /** What is in force: what was given, and the defaults. */
  get effectiveOptions(): EffectiveShareConsumerOptions {
    return this.#options
  }

  /** Calls `listener` at every such event of this consumer; the answer takes it off again. */
  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.#emitter.on(name, listener)
  }

  /** The partitions that this member reads right now, together with others. */
  get assigned(): readonly TopicPartition[] {
    return this.#membership.assigned.map(({ topic, partition }) => ({ topic, partition }))
  }

  #prepare(): Promise<void> {
    const { topics } = this.#options
    this.#preparing ??= prepareTopics(topics.filter((one) => typeof one !== 'string'))
    return this.#preparing
  }

  /** @throws when there is nothing to read any more. */
  #refuseIfOver(): void {
    if (this.#closing !== undefined) throw closedError('share consumer')
    if (this.#fatal !== undefined) throw this.#fatal
  }

  #start(): void {
    if (this.#hasStarted) {
      // It may have left the group because nothing read it.
      this.#liveness.userReturned()
      return
    }
    this.#hasStarted = true
    this.#joinTimeout.start()
    this.#liveness.start()
    this.#membership.start()
    readShareGroupSettings(this.#cluster, this.#options.groupId).then(
      ({ event, canRenew, sessionTimeoutMs }) => {
        if (sessionTimeoutMs !== null) this.#membership.sessionTimeoutMs = sessionTimeoutMs
        this.#ledger.deliveryCountLimit = event.deliveryCountLimit
        this.#fetcher.canRenew = canRenew
        this.#emitter.emit('shareGroupConfigured', event)
      },
      () => undefined,
    )
  }

  /**
   * Records one by one. Asking for the next accepts the one before, unless it was released or
   * rejected (in explicit mode nothing is said of it); `break` and `throw` release the record in
   * hand.
   *
   * @throws UsageError when something else reads this consumer already, or it is closed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<ShareRecordOf<T>> {
    this.#refuseIfOver()
    const isImplicit = this.#options.shareAcknowledgementMode === 'implicit'
    const iterator = this.#surface.occupy(
      new ShareRecordIterator(this.#surface, this.#ledger, isImplicit),
    )
    return iterator as AsyncIterableIterator<unknown> as AsyncIterableIterator<ShareRecordOf<T>>
  }

  /**
   * Calls `handler` for every record and keeps the record's lock while it works. Awaiting
   * `run` does not return until the consumer closes or `signal` aborts: code after it does not run
   * before. It rejects when reading fails for good. Where a program goes on, keep the promise:
   * `close` throws what no code awaited. A record is accepted when the handler returns (or its
   * promise resolves), released or rejected when it returns `'release'` or `'reject'`, and
   * released after a growing pause when it throws.
   *
   * @example
   * await consumer.run(async (record, { deliveryCount, signal }) => {
   *   if (!isMail(record.value)) return 'reject'
   *   await send(record.value, { signal })
   * }, { concurrency: 16 })
   */
  run(
    handler: (record: ShareRecordOf<T>, context: ShareHandlerContext) => unknown,
    options: ShareRunOptions = {},
  ): Promise<void> {
    refuseHandler(handler)
    this.#refuseIfOver()
    const runner = new ShareRunner({
      surface: this.#surface,
      cluster: this.#cluster,
      ledger: this.#ledger,
      handler: handler as unknown as ShareRecordHandler,
      options: parseShareRunOptions(options),
      renew: (hold) => this.#renew(hold),
    })
    this.#surface.occupy(runner)
    return this.#runs.observe(runner.run(), () => void this.#leaveUnlessRead())
  }

  /** After a failed `run`, unless the program reads on at once. */
  async #leaveUnlessRead(): Promise<void> {
    await this.#surface.turn()
    if (this.#closing !== undefined || this.#fatal !== undefined) return
    if (!this.#surface.isOccupied) this.#liveness.leaveUnread('its run failed')
  }

  /** The record is processed: nobody gets it again. Told soon; `commit` waits until it counts. */
  accept(record: AcquiredRecordOf<T>): void {
    this.#settle(record, 'accept')
  }

  /** The record goes back: it is delivered again, to this member or another one. */
  release(record: AcquiredRecordOf<T>): void {
    this.#settle(record, 'release')
  }

  /** The record cannot be processed by anybody: the group delivers it no more. */
  reject(record: AcquiredRecordOf<T>): void {
    this.#settle(record, 'reject')
  }

  #settle(record: AcquiredRecordOf<T>, outcome: RecordOutcome): void {
    const hold = holdOf(record)
    this.#liveness.userActed()
    // Too late to say anything: an event has told of it (`record.isStale`).
    if (this.#ledger.settle(hold, outcome) || hold.stage === 'lost') return
    const { topic, partition, offset } = placeOf(hold)
    throw new UsageError(
      `What becomes of the record at ${topic}-${partition} offset ${offset} was said before; ` +
        'it can be accepted, released or rejected once.',
      { code: 'ALREADY_ACKNOWLEDGED' },
    )
  }

  /**
   * Locks a record in hand anew, for its whole time again. In implicit mode that happens by itself.
   *
   * @throws when the lock is lost, or the cluster has no renewals (Kafka 4.1, or switched off).
   */
  async renew(record: AcquiredRecordOf<T>): Promise<void> {
    this.#liveness.userActed()
    return this.#renew(holdOf(record))
  }

  #renew(hold: Hold): Promise<void> {
    if (hold.stage !== 'handedOut') {
      const { topic, partition, offset } = placeOf(hold)
      const text = `The record at ${topic}-${partition} offset ${offset} is not in hand any more.`
      return Promise.reject(new UsageError(text, { code: 'NOT_IN_HAND' }))
    }
    if (!this.#fetcher.canRenew) {
      const text =
        `The cluster does not renew locks for share group "${this.#options.groupId}" (its ` +
        'configuration share.renew.acknowledge.enable is false).'
      return Promise.reject(new UsageError(text, { code: 'RENEWALS_DISABLED' }))
    }
    const renewed = hold.renewal()
    // Whoever does not wait for it hears of the loss by the record's signal and the event.
    renewed.catch(() => undefined)
    hold.keeper.tell(hold, 'renew')
    return renewed
  }

  /**
   * Resolves when everything that was accepted, released or rejected by now has reached the
   * brokers. They are told soon by themselves; this is for who must know.
   *
   * @throws PartialError with the records that were lost before it counted, by their places.
   */
  async commit(): Promise<void> {
    if (this.#closing !== undefined) throw closedError('share consumer')
    const flushed = this.#ledger.flush()
    this.#fetcher.hurry()
    const failures = await flushed
    if (failures.size === 0) return
    const results = new Map<string, KafkaError>()
    for (const [hold, error] of failures) {
      const { topic, partition, offset } = placeOf(hold)
      results.set(`${topic}-${partition}@${offset}`, error as KafkaError)
    }
    throw new PartialError('Acknowledgements came too late, those records come again', results)
  }

  /**
   * Ends reading without waiting, as a signal handler wants it: the loop ends after the record in
   * flight, `run` resolves once its handlers have settled, nothing more is delivered. Locks are
   * kept and acknowledgements sent until `close`, which ends the membership.
   */
  stop(): void {
    this.#fetcher.buffer.end()
  }

  /**
   * Ends gracefully: what is in hand is finished, what was said of records is told, what was
   * fetched and not handed out goes back as if never delivered, the group is left. Idempotent.
   * Resolves within `timeoutMs`, and says which records stay unacknowledged.
   *
   * @throws what `run` failed with, when nobody looked at its promise.
   */
  close(options: CloseOptions = {}): Promise<ShareCloseSummary> {
    checkOptions(CLOSE_OPTIONS, options, 'shareConsumer.close(...)')
    this.#closing ??= this.#close(options.timeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS)
    const { user } = this.#surface
    return closePromise(user, this.#closing, () => this.#ledger.leaveOne())
  }

  async #close(timeoutMs: number): Promise<ShareCloseSummary> {
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + timeoutMs
    const fetcher = this.#fetcher
    this.#ledger.beginClosing()
    fetcher.buffer.end()
    const { environment } = this.#cluster
    const idleBy = clock.monotonic() + timeoutMs * IN_HAND_SHARE
    const notice = environment.timers.set(PATIENCE_MS, () => {
      const message =
        'close waits for the records in flight; if it is awaited inside the loop that has them, ' +
        'break out of the loop first'
      this.#emitter.emit('stalled', { operation: 'closing', message })
    })
    await withDeadline(environment, this.#ledger.idle(), idleBy, undefined)
    environment.timers.clear(notice)
    await fetcher.close(deadline)
    const unacknowledged = this.#ledger.abandon(closedError('share consumer'))
    this.#joinTimeout.stop()
    const leaveBy = Math.min(deadline, clock.monotonic() + LEAVE_TIMEOUT_MS)
    await withDeadline(environment, this.#membership.leave(), leaveBy, undefined)
    await this.#liveness.close()
    this.#onClosed()
    this.#runs.throwIfUnobserved()
    return { unacknowledged }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
