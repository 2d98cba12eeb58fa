/**
 * The cluster as the rest of the client sees it: send this request to that broker, to whoever
 * coordinates that group, to anybody. Behind it are the connections, the metadata and its
 * refreshing, the coordinators, and the one retry policy.
 */
import type { Environment, Timer } from '@odradek/environment'
import {
  type AnyApi,
  BrokerError,
  ErrorCode,
  findCoordinator,
  KafkaError,
  metadata as metadataApi,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import { ConnectionError, TimeoutError, UsageError } from '../errors/errors.ts'
import { reactionTo, throwIfError } from '../errors/reaction.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import { onAbort } from '../events/on-abort.ts'
import { parseBootstrapServers, type ServerAddress } from '../options/bootstrap-servers.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { backoffMs } from './backoff.ts'
import { BrokerPool, type Purpose } from './broker-pool.ts'
import {
  applyLeaderHint,
  applyMetadata,
  type Broker,
  type ClusterMetadata,
  type LeaderHint,
  NO_METADATA,
  type TopicMetadata,
} from './metadata.ts'

export interface RequestOptions {
  /** Which of a broker's connections; `general` by default. */
  readonly purpose?: Purpose | undefined
  /** How long the broker may take, beyond its own wait. */
  readonly timeoutMs?: number | undefined
  /** The request's own wait at the broker: a fetch's long poll, a join's rebalance timeout. */
  readonly extraWaitMs?: number | undefined
  readonly maxVersion?: number | undefined
  readonly expectsAnswer?: boolean | undefined
}

export type Body<A extends AnyApi> = RequestInput<A> | ((version: number) => RequestInput<A>)

export interface RetryOptions {
  /** What is tried, as the end of "Could not ...". */
  readonly action: string
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Reads may be repeated whatever happened to the first; true by default. */
  readonly isRead?: boolean | undefined
  /** Called before a try that follows a "not the coordinator" answer. */
  readonly onCoordinatorMoved?: (() => void) | undefined
}

export type CoordinatorType = 'group' | 'transaction'
const COORDINATOR_TYPES: readonly CoordinatorType[] = ['group', 'transaction']

export class Cluster {
  readonly environment: Environment
  readonly options: EffectiveKafkaOptions
  readonly emitter: TypedEmitter<ClientEvents>
  readonly #pool: BrokerPool
  readonly #bootstrap: readonly ServerAddress[]
  readonly #coordinators = new Map<string, number>()
  readonly #interests = new Map<string, number>()
  readonly #askedTopics = new Set<string>()
  readonly #listeners = new Set<(metadata: ClusterMetadata) => void>()
  readonly #sleeps = new Set<{ readonly timer: Timer; readonly wake: () => void }>()
  #metadata: ClusterMetadata = NO_METADATA
  #refreshing: Promise<void> | undefined
  #ageTimer: Timer | undefined
  #lastRefreshAt = Number.NEGATIVE_INFINITY
  #fruitlessRefreshes = 0
  #isClosed = false

  constructor(
    environment: Environment,
    options: EffectiveKafkaOptions,
    emitter: TypedEmitter<ClientEvents>,
  ) {
    this.environment = environment
    this.options = options
    this.emitter = emitter
    this.#bootstrap = parseBootstrapServers(options.bootstrapServers)
    this.#pool = new BrokerPool(environment, options, emitter)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get metadata(): ClusterMetadata {
    return this.#metadata
  }

  /** Calls `listener` with every new metadata; the answer takes it off again. */
  onMetadata(listener: (metadata: ClusterMetadata) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Keeps topics in every refresh until the answer is called. */
  needTopics(names: readonly string[]): () => void {
    for (const name of names) this.#interests.set(name, (this.#interests.get(name) ?? 0) + 1)
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      for (const name of names) {
        const count = (this.#interests.get(name) ?? 1) - 1
        if (count > 0) this.#interests.set(name, count)
        else this.#interests.delete(name)
      }
    }
  }

  /** One attempt at one broker. */
  async request<A extends AnyApi>(
    api: A,
    nodeId: number,
    body: Body<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    const broker = this.#metadata.brokers.get(nodeId)
    if (broker === undefined) {
      throw new ConnectionError(
        `Broker ${nodeId} is not in the cluster's metadata.`,
        'advertisedListener',
      )
    }
    return this.#requestAt(api, broker, body, options)
  }

  async #requestAt<A extends AnyApi>(
    api: A,
    address: ServerAddress,
    body: Body<A>,
    options: RequestOptions,
  ): Promise<ResponseOf<A>> {
    const connection = await this.#pool.connection(address, options.purpose ?? 'general')
    const version = connection.versions.negotiate(api, options.maxVersion)
    const input = typeof body === 'function' ? body(version) : body
    const fixedMs = options.timeoutMs ?? this.options.requestTimeoutMs
    return connection.request(api, version, input, {
      timeoutMs: fixedMs + (options.extraWaitMs ?? 0),
      expectsAnswer: options.expectsAnswer,
    })
  }

  /** The version that a broker and this client would use; connects if need be. */
  async versionOf(
    api: AnyApi,
    nodeId: number,
    purpose: Purpose = 'general',
  ): Promise<number | undefined> {
    const broker = this.#metadata.brokers.get(nodeId)
    if (broker === undefined) return undefined
    return (await this.#pool.connection(broker, purpose)).versions.find(api)
  }

  /** One attempt at the least loaded broker. */
  async requestAny<A extends AnyApi>(
    api: A,
    body: Body<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    if (this.#metadata.brokers.size === 0) await this.refreshMetadata('first use')
    return this.#requestAt(api, this.#leastLoaded(), body, options)
  }

  #leastLoaded(): ServerAddress {
    const brokers = [...this.#metadata.brokers.values()]
    const start = this.environment.random.integer(Math.max(1, brokers.length))
    const rotated = [...brokers.slice(start), ...brokers.slice(0, start)]
    let best: ServerAddress | undefined
    let bestLoad = Number.POSITIVE_INFINITY
    for (const broker of rotated) {
      const load = this.#pool.loadOf(broker, 'general')
      const rank = load ?? (this.#pool.isReachable(broker) ? 1000 : 2000)
      if (rank < bestLoad) {
        bestLoad = rank
        best = broker
      }
    }
    return best ?? (this.#bootstrap[0] as ServerAddress)
  }

  /** One attempt at the controller (any broker forwards to it, where there is no such broker). */
  async requestController<A extends AnyApi>(
    api: A,
    body: Body<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    if (this.#metadata.brokers.size === 0) await this.refreshMetadata('first use')
    const controller = this.#metadata.brokers.get(this.#metadata.controllerId)
    return this.#requestAt(api, controller ?? this.#leastLoaded(), body, options)
  }

  /** One attempt at the broker that coordinates a group or a transactional id. */
  async requestCoordinator<A extends AnyApi>(
    type: CoordinatorType,
    key: string,
    api: A,
    body: Body<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    const nodeId = await this.#coordinatorOf(type, key)
    try {
      return await this.request(api, nodeId, body, options)
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof TimeoutError) {
        this.forgetCoordinator(type, key)
      }
      throw error
    }
  }

  forgetCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.delete(`${type} ${key}`)
  }

  async #coordinatorOf(type: CoordinatorType, key: string): Promise<number> {
    const cached = this.#coordinators.get(`${type} ${key}`)
    if (cached !== undefined && this.#metadata.brokers.has(cached)) return cached
    const keyType = COORDINATOR_TYPES.indexOf(type)
    const response = await this.requestAny(findCoordinator, (version) =>
      version >= 4 ? { keyType, coordinatorKeys: [key] } : { key, keyType },
    )
    const [found] = response.coordinators
    const { errorCode, errorMessage, nodeId, host, port } = found ?? response
    throwIfError(errorCode, `find the coordinator of ${type} ${key}`, errorMessage)
    if (!this.#metadata.brokers.has(nodeId)) {
      const brokers = new Map(this.#metadata.brokers).set(nodeId, {
        nodeId,
        host,
        port,
        rack: null,
      })
      this.#metadata = { ...this.#metadata, brokers }
    }
    this.#coordinators.set(`${type} ${key}`, nodeId)
    return nodeId
  }

  /** A broker told who leads a partition now (KIP-951). */
  hintLeader(topic: string, partition: number, hint: LeaderHint): void {
    this.#metadata = applyLeaderHint(this.#metadata, topic, partition, hint)
  }

  /** Brokers that an answer names, and the metadata does not know yet (KIP-951). */
  learnBrokers(endpoints: readonly Broker[]): void {
    const unknown = endpoints.filter(({ nodeId }) => !this.#metadata.brokers.has(nodeId))
    if (unknown.length === 0) return
    const brokers = new Map(this.#metadata.brokers)
    for (const broker of unknown) brokers.set(broker.nodeId, broker)
    this.#metadata = { ...this.#metadata, brokers }
  }

  /**
   * The metadata of a topic; waits for it, up to `timeoutMs`, of which at most `unknownGraceMs`
   * while the cluster says that there is no such topic.
   */
  async topic(
    name: string,
    timeoutMs: number,
    signal?: AbortSignal,
    unknownGraceMs = timeoutMs,
  ): Promise<TopicMetadata> {
    const known = this.#metadata.topics.get(name)
    if (known !== undefined) return known
    const { clock } = this.environment
    let unknownSince: number | undefined
    const release = this.needTopics([name])
    try {
      return await this.retry(
        async () => {
          await this.refreshMetadata(`topic ${name} is not known`)
          const found = this.#metadata.topics.get(name)
          if (found !== undefined && found.partitions.length > 0) return found
          const errorCode = this.#metadata.topicErrors.get(name) ?? ErrorCode.LEADER_NOT_AVAILABLE
          const error = new BrokerError(errorCode, { action: `find topic "${name}"` })
          if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw error
          unknownSince ??= clock.monotonic()
          if (clock.monotonic() - unknownSince >= unknownGraceMs) throw noSuchTopic(name, error)
          throw error
        },
        { action: `find topic "${name}"`, timeoutMs, signal },
      )
    } finally {
      release()
    }
  }

  /** Asks for metadata now, or soon if it was asked a moment ago; callers share one request. */
  refreshMetadata(reason: string): Promise<void> {
    this.#refreshing ??= this.#refresh(reason).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refresh(reason: string): Promise<void> {
    const { clock, random } = this.environment
    const { retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = this.options
    const hasNewTopics = [...this.#interests.keys()].some((name) => !this.#askedTopics.has(name))
    if (!hasNewTopics) {
      const pauseMs = backoffMs({ initialMs, maxMs }, this.#fruitlessRefreshes, random)
      await this.sleep(this.#lastRefreshAt + pauseMs - clock.monotonic())
    }
    this.#refuseIfClosed()
    const names = [...this.#interests.keys()]
    for (const name of names) this.#askedTopics.add(name)
    const before = this.#metadata
    try {
      this.#accept(await this.#fetchMetadata(names))
    } finally {
      this.#lastRefreshAt = clock.monotonic()
      this.#fruitlessRefreshes = isSameKnowledge(before, this.#metadata)
        ? this.#fruitlessRefreshes + 1
        : 0
    }
    this.emitter.emit('metadataRefreshed', {
      reason,
      brokers: this.#metadata.brokers.size,
      topics: this.#metadata.topics.size,
    })
    this.#armAgeTimer()
  }

  #accept(response: ResponseOf<typeof metadataApi>): void {
    throwIfError(response.errorCode, 'read metadata')
    this.#metadata = applyMetadata(this.#metadata, response)
    for (const listener of [...this.#listeners]) listener(this.#metadata)
  }

  /** Asks known brokers first, those within reach before the others, then the bootstrap servers. */
  async #fetchMetadata(names: readonly string[]): Promise<ResponseOf<typeof metadataApi>> {
    const body = (version: number): RequestInput<typeof metadataApi> => ({
      topics: names.map((name) => ({ name })),
      ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
    })
    const known = [...this.#metadata.brokers.values()]
    const start = this.environment.random.integer(Math.max(1, known.length))
    const rotated = [...known.slice(start), ...known.slice(0, start)]
    const candidates = rotated.sort((a, b) => this.#rank(a) - this.#rank(b))
    const failures: string[] = []
    let lastError: KafkaError | undefined
    for (const [index, address] of [...candidates, ...this.#bootstrap].entries()) {
      this.#refuseIfClosed()
      try {
        const response = await this.#requestAt(metadataApi, address, body, {})
        if (index >= candidates.length && candidates.length > 0) {
          this.emitter.emit('rebootstrapped', { reason: 'no known broker was reachable' })
          this.#coordinators.clear()
        }
        return response
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error
        lastError = error
        failures.push(error.message)
      }
    }
    throw new ConnectionError(
      failures.length === 1
        ? (failures[0] as string)
        : `No broker could be reached. ${[...new Set(failures)].join(' ')}`,
      lastError instanceof ConnectionError ? lastError.stage : 'tcp',
      { cause: lastError },
    )
  }

  #rank(address: ServerAddress): number {
    if (this.#pool.loadOf(address, 'general') !== undefined) return 0
    return this.#pool.isReachable(address) ? 1 : 2
  }

  #armAgeTimer(): void {
    const { timers } = this.environment
    timers.clear(this.#ageTimer)
    if (this.#isClosed) return
    this.#ageTimer = timers.set(this.options.metadataMaxAgeMs, () => {
      this.refreshMetadata('it is old').catch(() => this.#armAgeTimer())
    })
    this.#ageTimer.unref()
  }

  /**
   * THE retry policy: tries until it works, the error cannot go away by itself, the deadline passes
   * or the signal aborts (which rejects with the signal's reason, as it is).
   */
  async retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
    const { clock, random } = this.environment
    const timeoutMs = options.timeoutMs ?? this.options.defaultApiTimeoutMs
    const deadline = clock.monotonic() + timeoutMs
    const { retryBackoffMs: initialMs, retryBackoffMaxMs: maxMs } = this.options
    for (let attempt = 0; ; attempt++) {
      options.signal?.throwIfAborted()
      try {
        return await operation(attempt)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (this.#isClosed) throw new UsageError('This client is closed.', { cause: error })
        const reaction = reactionTo(error, { isRead: options.isRead ?? true })
        if (!reaction.retry) throw error
        const pauseMs = backoffMs({ initialMs, maxMs }, attempt, random)
        if (clock.monotonic() + pauseMs >= deadline) {
          const reason = error instanceof Error ? error.message : String(error)
          throw new TimeoutError(
            `Could not ${options.action} within ${timeoutMs} ms (${attempt + 1} tries). ` +
              `The last one: ${reason}`,
            { cause: error, attempts: attempt + 1 },
          )
        }
        if (reaction.refresh === 'coordinator') options.onCoordinatorMoved?.()
        if (reaction.refresh === 'metadata') {
          this.refreshMetadata(`an error asks for it`).catch(() => undefined)
        }
        await this.sleep(pauseMs, options.signal)
      }
    }
  }

  /** Waits; a signal, or closing the client, ends the wait early. */
  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs <= 0 || this.#isClosed || signal?.aborted === true) return
    const { timers } = this.environment
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        timers.clear(sleep.timer)
        this.#sleeps.delete(sleep)
        release()
        resolve()
      }
      const sleep = { wake, timer: timers.set(delayMs, wake) }
      this.#sleeps.add(sleep)
      const release = onAbort(signal, wake)
    })
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) throw new UsageError('This client is closed.')
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.environment.timers.clear(this.#ageTimer)
    for (const sleep of [...this.#sleeps]) sleep.wake()
    this.#listeners.clear()
    this.#pool.close()
  }
}

function noSuchTopic(name: string, cause: BrokerError): UsageError {
  return new UsageError(
    `The cluster has no topic "${name}". Check its name, or create it first (for instance with ` +
      'admin.createTopics).',
    { code: cause.code, cause },
  )
}

function isSameKnowledge(before: ClusterMetadata, after: ClusterMetadata): boolean {
  if (before === after) return true
  if (before.brokers.size !== after.brokers.size || before.topics.size !== after.topics.size) {
    return false
  }
  for (const [name, topic] of after.topics) {
    const known = before.topics.get(name)
    if (known?.topicId !== topic.topicId) return false
    if (known.partitions.length !== topic.partitions.length) return false
    for (const { partition, leader, leaderEpoch } of topic.partitions) {
      const was = known.partitions[partition]
      if (was?.leader !== leader || was.leaderEpoch !== leaderEpoch) return false
    }
  }
  return true
}
