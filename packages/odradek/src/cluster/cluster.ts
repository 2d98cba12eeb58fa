/**
 * The cluster as the rest of the client sees it: send this request to that broker, to whoever
 * coordinates that group, to anybody. Behind it are the connections, the metadata and its
 * refreshing, the coordinators, and the one retry policy.
 */
import type { Environment } from '@odradek/environment'
import {
  type AnyApi,
  BrokerError,
  ErrorCode,
  findCoordinator,
  metadata as metadataApi,
  ProtocolError,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import type { BrokerConnection } from '../connection/broker-connection.ts'
import { ConnectionError, TimeoutError, UsageError } from '../errors/errors.ts'
import { throwIfError } from '../errors/reaction.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import { parseBootstrapServers, type ServerAddress } from '../options/bootstrap-servers.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { type BrokerAddress, BrokerPool, type Purpose } from './broker-pool.ts'
import type { Broker, ClusterMetadata, LeaderHint, TopicMetadata } from './metadata.ts'
import { MetadataKeeper } from './metadata-keeper.ts'
import { Retrier, type RetryOptions } from './retrier.ts'

export type { RetryOptions } from './retrier.ts'

export interface RequestOptions {
  /** Which of a broker's connections; `general` by default. */
  readonly purpose?: Purpose | undefined
  /** How long the broker may take, beyond its own wait. */
  readonly timeoutMs?: number | undefined
  /** The request's own wait at the broker: a fetch's long poll, a join's rebalance timeout. */
  readonly brokerWaitMs?: number | undefined
  readonly maxVersion?: number | undefined
  readonly expectsResponse?: boolean | undefined
}

/** How long a request may wait at the broker can depend on the version that both speak. */
export interface AttemptOptions extends Omit<RequestOptions, 'brokerWaitMs'> {
  readonly brokerWaitMs?: number | ((version: number) => number) | undefined
}

export type Body<A extends AnyApi> = RequestInput<A> | ((version: number) => RequestInput<A>)

export type CoordinatorType = 'group' | 'transaction'
/** One look-up's answer; the next one's is another object, though it may say the same. */
interface FoundCoordinator {
  readonly nodeId: number
}

/** How many brokers are tried for what any can answer; each may take its whole set-up time. */
const ANY_BROKER_TRIES = 3

const COORDINATOR_TYPES: readonly CoordinatorType[] = ['group', 'transaction']

export class Cluster {
  readonly environment: Environment
  readonly options: EffectiveKafkaOptions
  readonly emitter: TypedEmitter<ClientEvents>
  readonly #pool: BrokerPool
  #ownPurposes = 0
  readonly #bootstrap: readonly ServerAddress[]
  readonly #coordinators = new Map<string, FoundCoordinator>()
  readonly #keeper: MetadataKeeper
  readonly #retrier: Retrier

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
    this.#retrier = new Retrier(environment, options, {
      refreshMetadata: () => {
        this.refreshMetadata('an error asks for it').catch(() => undefined)
      },
      progress: () => this.#pool.progress(),
      onTrouble: (stall) => emitter.emit('stalled', stall),
    })
    this.#keeper = new MetadataKeeper(environment, options, emitter, {
      retrier: this.#retrier,
      source: {
        bootstrap: this.#bootstrap,
        request: (address, body, isNewConnection) =>
          isNewConnection
            ? this.#requestOnNewConnection(metadataApi, address, body)
            : this.#requestAt(metadataApi, address, body, {}),
        rank: (address) => this.#rank(address),
        closeConnections: () => this.#pool.closeConnections(),
        replaceConnections: (moved) => this.#pool.leave(moved),
        onRebootstrap: () => this.#coordinators.clear(),
      },
    })
  }

  get isClosed(): boolean {
    return this.#retrier.isClosed
  }

  get metadata(): ClusterMetadata {
    return this.#keeper.metadata
  }

  /** Calls `listener` with every new metadata; the answer takes it off again. */
  onMetadata(listener: (metadata: ClusterMetadata) => void): () => void {
    return this.#keeper.onMetadata(listener)
  }

  /** Keeps topics in every refresh until the answer is called. */
  needTopics(names: readonly string[]): () => void {
    return this.#keeper.needTopics(names)
  }

  /** Keeps all topics that there are in every refresh, until the answer is called. */
  needAllTopics(): () => void {
    return this.#keeper.needAllTopics()
  }

  /** Asks for metadata now, or soon if it was asked a moment ago; callers share one request. */
  refreshMetadata(reason: string): Promise<void> {
    return this.#keeper.refreshMetadata(reason)
  }

  /** A broker told who leads a partition now (KIP-951). */
  hintLeader(topic: string, partition: number, hint: LeaderHint): void {
    this.#keeper.hintLeader(topic, partition, hint)
  }

  /** Brokers that an answer names, and the metadata does not know yet (KIP-951). */
  learnBrokers(endpoints: readonly Broker[]): void {
    this.#keeper.learnBrokers(endpoints)
  }

  /** THE retry policy; see `Retrier`. */
  retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
    return this.#retrier.retry(operation, options)
  }

  /** Waits; a signal, or closing the client, ends the wait early. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#retrier.sleep(delayMs, signal)
  }

  /** A purpose that is the caller's own: its connections are shared with nobody. */
  ownPurpose(shared: 'fetch' | 'membership'): Purpose {
    this.#ownPurposes++
    return `${shared}:${this.#ownPurposes}`
  }

  /** The connections for a purpose of one's own are needed no more; or the one to a broker. */
  closePurpose(purpose: Purpose, nodeId?: number): void {
    if (nodeId === undefined) this.#pool.closePurpose(purpose)
    const broker = nodeId === undefined ? undefined : this.metadata.brokers.get(nodeId)
    if (broker !== undefined) this.#pool.closePurpose(purpose, broker)
  }

  /** One attempt at one broker. */
  async request<A extends AnyApi>(
    api: A,
    nodeId: number,
    body: Body<A>,
    options: AttemptOptions = {},
  ): Promise<ResponseOf<A>> {
    const broker = this.metadata.brokers.get(nodeId)
    if (broker === undefined) {
      throw new ConnectionError(
        `Broker ${nodeId} is not in the cluster's metadata.`,
        'advertisedListener',
      )
    }
    return this.#requestAt(api, broker, body, options)
  }

  #isBootstrap(address: ServerAddress): boolean {
    return this.#bootstrap.some(({ host, port }) => host === address.host && port === address.port)
  }

  async #requestAt<A extends AnyApi>(
    api: A,
    address: BrokerAddress,
    body: Body<A>,
    options: AttemptOptions,
  ): Promise<ResponseOf<A>> {
    return this.#requestOn(await this.#connectionTo(address, options), api, body, options)
  }

  /** On a connection that nothing else uses, and that is closed afterwards. */
  async #requestOnNewConnection<A extends AnyApi>(
    api: A,
    address: BrokerAddress,
    body: Body<A>,
  ): Promise<ResponseOf<A>> {
    const purpose: Purpose = `general:${++this.#ownPurposes}`
    try {
      return await this.#requestAt(api, address, body, { purpose })
    } finally {
      this.#pool.closePurpose(purpose)
    }
  }

  #connectionTo(address: BrokerAddress, { purpose }: AttemptOptions): Promise<BrokerConnection> {
    const { host, port } = address
    const known = this.#isBootstrap(address) ? { host, port } : address
    return this.#pool.connection(known, purpose ?? 'general')
  }

  #requestOn<A extends AnyApi>(
    connection: BrokerConnection,
    api: A,
    body: Body<A>,
    options: AttemptOptions,
  ): Promise<ResponseOf<A>> {
    const version = this.#negotiate(connection, api, options.maxVersion)
    const input = typeof body === 'function' ? body(version) : body
    const fixedMs = options.timeoutMs ?? this.options.requestTimeoutMs
    const { brokerWaitMs = 0 } = options
    const waitMs = typeof brokerWaitMs === 'function' ? brokerWaitMs(version) : brokerWaitMs
    return connection.request(api, version, input, {
      timeoutMs: fixedMs + waitMs,
      expectsResponse: options.expectsResponse,
    })
  }

  /** What a broker speaks is asked once per connection: one that speaks too little is closed. */
  #negotiate(connection: BrokerConnection, api: AnyApi, maxVersion?: number): number {
    try {
      return connection.versions.negotiate(api, maxVersion)
    } catch (error) {
      if (connection.inFlightCount === 0) connection.close()
      throw error
    }
  }

  /** The version that a broker and this client would use; connects if need be. */
  async versionOf(
    api: AnyApi,
    nodeId: number,
    purpose: Purpose = 'general',
  ): Promise<number | undefined> {
    const broker = this.metadata.brokers.get(nodeId)
    if (broker === undefined) return undefined
    return (await this.#pool.connection(broker, purpose)).versions.find(api)
  }

  /**
   * One attempt at the least loaded broker. One that cannot be connected to has been asked nothing,
   * so that the next one is.
   */
  async requestAny<A extends AnyApi>(
    api: A,
    body: Body<A>,
    options: AttemptOptions = {},
  ): Promise<ResponseOf<A>> {
    if (this.metadata.brokers.size === 0) await this.refreshMetadata('first use')
    const tried = new Set<ServerAddress>()
    for (;;) {
      const address = this.#leastLoaded(tried)
      tried.add(address)
      let connection: BrokerConnection
      try {
        connection = await this.#connectionTo(address, options)
      } catch (error) {
        const isLast = tried.size >= Math.min(ANY_BROKER_TRIES, this.metadata.brokers.size)
        if (isLast && isUnreachable(error)) this.#lookAgain('no broker could be reached')
        if (isLast || !isUnreachable(error)) throw error
        continue
      }
      return this.#requestOn(connection, api, body, options)
    }
  }

  /** Brokers may have other addresses by now. */
  #lookAgain(reason: string): void {
    this.refreshMetadata(reason).catch(() => undefined)
  }

  /** Of brokers that are equally good, any: connected ones first, then those that may be tried. */
  #leastLoaded(except?: ReadonlySet<ServerAddress>): ServerAddress {
    const brokers = [...this.metadata.brokers.values()]
    const start = this.environment.random.integer(Math.max(1, brokers.length))
    const rotated = [...brokers.slice(start), ...brokers.slice(0, start)]
    let best: ServerAddress | undefined
    let bestLoad = Number.POSITIVE_INFINITY
    for (const broker of rotated) {
      if (except?.has(broker) === true) continue
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
    options: AttemptOptions = {},
  ): Promise<ResponseOf<A>> {
    if (this.metadata.brokers.size === 0) await this.refreshMetadata('first use')
    const controller = this.metadata.brokers.get(this.metadata.controllerId)
    return this.#requestAt(api, controller ?? this.#leastLoaded(), body, options)
  }

  /** One attempt at the broker that coordinates a group or a transactional id. */
  async requestCoordinator<A extends AnyApi>(
    type: CoordinatorType,
    key: string,
    api: A,
    body: Body<A>,
    options: AttemptOptions = {},
  ): Promise<ResponseOf<A>> {
    const found = await this.#coordinatorOf(type, key, options.timeoutMs)
    try {
      return await this.request(api, found.nodeId, body, options)
    } catch (error) {
      if (isUnreachable(error) || error instanceof TimeoutError) {
        // A mute one may be at another address by now, too.
        this.#lookAgain(`the coordinator of ${key} could not be reached`)
        // What was found since then is no older news than this failure.
        const isNewest = this.#coordinators.get(`${type} ${key}`) === found
        if (isNewest) this.forgetCoordinator(type, key)
      }
      throw error
    }
  }

  /** The level of a feature that the cluster has finalized, as the coordinator's broker told it. */
  async coordinatorFeature(type: CoordinatorType, key: string, feature: string): Promise<number> {
    const { nodeId } = await this.#coordinatorOf(type, key)
    const broker = this.metadata.brokers.get(nodeId)
    if (broker === undefined) return 0
    const { versions } = await this.#pool.connection(broker, 'general')
    return versions.features.levels.get(feature) ?? 0
  }

  forgetCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.delete(`${type} ${key}`)
  }

  /** `timeoutMs`: how long the caller's own request may take; to find out takes no longer. */
  async #coordinatorOf(
    type: CoordinatorType,
    key: string,
    timeoutMs = this.options.requestTimeoutMs,
  ): Promise<FoundCoordinator> {
    const cached = this.#coordinators.get(`${type} ${key}`)
    if (cached !== undefined && this.metadata.brokers.has(cached.nodeId)) return cached
    const keyType = COORDINATOR_TYPES.indexOf(type)
    const response = await this.requestAny(
      findCoordinator,
      (version) => (version >= 4 ? { keyType, coordinatorKeys: [key] } : { key, keyType }),
      { timeoutMs: Math.min(timeoutMs, this.options.requestTimeoutMs) },
    )
    const [found] = response.coordinators
    const { errorCode, errorMessage, nodeId, host, port } = found ?? response
    throwIfError(errorCode, `find the coordinator of ${type} ${key}`, errorMessage)
    this.learnBrokers([{ nodeId, host, port, rack: null }])
    const coordinator = { nodeId }
    this.#coordinators.set(`${type} ${key}`, coordinator)
    return coordinator
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
    const known = this.metadata.topics.get(name)
    if (known !== undefined) return known
    const { clock } = this.environment
    let unknownSince: number | undefined
    const release = this.needTopics([name])
    try {
      return await this.retry(
        async () => {
          await this.refreshMetadata(`topic ${name} is not known`)
          const found = this.metadata.topics.get(name)
          if (found !== undefined && found.partitions.length > 0) return found
          const errorCode = this.metadata.topicErrors.get(name) ?? ErrorCode.LEADER_NOT_AVAILABLE
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

  #rank(address: ServerAddress): number {
    // A busy connection may be mute.
    const load = this.#pool.loadOf(address, 'general')
    if (load !== undefined) return load === 0 ? 0 : 1
    return this.#pool.isReachable(address) ? 1 : 2
  }

  /** Nobody needs the cluster at the moment: idle connections are closed. */
  rest(): void {
    this.#pool.closeIdle()
  }

  close(): void {
    if (this.isClosed) return
    this.#retrier.close()
    this.#keeper.close()
    this.#pool.close()
  }
}

/** Nothing can be had from that broker now: it is not there, or its address is none. */
function isUnreachable(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ProtocolError && error.retriable)
}

function noSuchTopic(name: string, cause: BrokerError): UsageError {
  return new UsageError(
    `The cluster has no topic "${name}". Check its name, or create it first (for instance with ` +
      'admin.createTopics).',
    { code: cause.code, cause },
  )
}
