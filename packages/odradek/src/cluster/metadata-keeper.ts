/**
 * Keeps what is known of the cluster fresh: refreshes that callers share and that are paced, topics
 * that somebody needs, the age limit, and the way back to the bootstrap servers when the brokers
 * that are known give nothing (KIP-899, KIP-1102).
 */
import type { Environment, Timer } from '@odradek/environment'
import {
  BrokerError,
  KafkaError,
  metadata as metadataApi,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import { firstOf } from '../async/first-of.ts'
import { ConnectionError } from '../errors/errors.ts'
import { throwIfError } from '../errors/reaction.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { ServerAddress } from '../options/bootstrap-servers.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { retryPauseMs } from './backoff.ts'
import type { BrokerAddress } from './broker-pool.ts'
import {
  applyLeaderHint,
  applyMetadata,
  type Broker,
  type ClusterMetadata,
  isSameKnowledge,
  type LeaderHint,
  NO_METADATA,
} from './metadata.ts'
import { type MetadataCandidate, MetadataCandidates } from './metadata-candidates.ts'
import { MetadataRecovery } from './metadata-recovery.ts'
import type { Retrier } from './retrier.ts'

type MetadataResponse = ResponseOf<typeof metadataApi>

interface FetchedMetadata {
  readonly response: MetadataResponse
  /** What was known before is forgotten: it may be another cluster, or the same one restored. */
  readonly isFresh: boolean
}

/** What the keeper needs of the cluster around it. */
export interface MetadataSource {
  readonly bootstrap: readonly ServerAddress[]
  readonly request: (
    address: BrokerAddress,
    body: (version: number) => RequestInput<typeof metadataApi>,
    /** On a connection of its own: the open one may be mute, or busy with something long. */
    isNewConnection: boolean,
  ) => Promise<MetadataResponse>
  /** How near a broker is: 0 with an open connection, 2 while it has to be left alone. */
  readonly rank: (address: ServerAddress) => number
  readonly closeConnections: () => void
  /** Brokers have other addresses now: these are the ones before. */
  readonly replaceConnections: (addresses: readonly Broker[]) => void
  readonly onRebootstrap: () => void
}

/** What a broker told, or a bootstrap server. */
interface Told {
  readonly response: MetadataResponse
  readonly isKnown: boolean
}

/** A broker that has given nothing for this long is not waited for alone. */
const SILENCE_MS = 2000
/** Requests end by themselves before. */
const LONGEST_ROUND_MS = 0x7fff_ffff

/** An idle client whose refresh failed tries again after so many of the longest pauses. */
const FAILED_REFRESH_PAUSES = 10

export class MetadataKeeper {
  readonly #environment: Environment
  readonly #options: EffectiveKafkaOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #retrier: Retrier
  readonly #source: MetadataSource
  readonly #recovery: MetadataRecovery
  readonly #interests = new Map<string, number>()
  readonly #listeners = new Set<(metadata: ClusterMetadata) => void>()
  #askedTopics: ReadonlySet<string> = new Set()
  #allTopicsInterests = 0
  #hasAskedForAll = false
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
    parts: { readonly retrier: Retrier; readonly source: MetadataSource },
  ) {
    this.#environment = environment
    this.#options = options
    this.#emitter = emitter
    this.#retrier = parts.retrier
    this.#source = parts.source
    const triggerMs = options.metadataRecoveryRebootstrapTriggerMs
    this.#recovery = new MetadataRecovery(environment.clock, triggerMs)
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

  /** Keeps all topics that there are in every refresh, until the answer is called. */
  needAllTopics(): () => void {
    this.#allTopicsInterests++
    let isReleased = false
    return () => {
      if (!isReleased) this.#allTopicsInterests--
      isReleased = true
    }
  }

  /** A broker told who leads a partition now (KIP-951). */
  hintLeader(topic: string, partition: number, hint: LeaderHint): void {
    const advanced = applyLeaderHint(this.#metadata, topic, partition, hint)
    if (advanced !== this.#metadata) this.#become(advanced)
  }

  /** Brokers that an answer names, and the metadata does not know yet (KIP-951). */
  learnBrokers(endpoints: readonly Broker[]): void {
    const unknown = endpoints.filter(({ nodeId }) => !this.#metadata.brokers.has(nodeId))
    if (unknown.length === 0) return
    const brokers = new Map(this.#metadata.brokers)
    for (const broker of unknown) brokers.set(broker.nodeId, broker)
    this.#metadata = { ...this.#metadata, brokers }
  }

  /** Asks for metadata now, or soon if it was asked a moment ago; callers share one request. */
  refreshMetadata(reason: string): Promise<void> {
    const refreshing = this.#refreshing
    // One that began before a topic was asked for does not tell of it.
    if (refreshing !== undefined && this.#hasNewTopics()) {
      return refreshing.catch(() => undefined).then(() => this.refreshMetadata(reason))
    }
    this.#refreshing ??= this.#refresh(reason).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  #hasNewTopics(): boolean {
    if (this.#allTopicsInterests > 0 && !this.#hasAskedForAll) return true
    for (const name of this.#interests.keys()) if (!this.#askedTopics.has(name)) return true
    return false
  }

  async #refresh(reason: string): Promise<void> {
    const { clock } = this.#environment
    if (!this.#hasNewTopics()) {
      const paced = { options: this.#options, environment: this.#environment }
      const pauseMs = retryPauseMs(paced, this.#fruitlessRefreshes)
      await this.#retrier.sleep(this.#lastRefreshAt + pauseMs - clock.monotonic())
    }
    this.#retrier.refuseIfClosed()
    const names = [...this.#interests.keys()]
    this.#askedTopics = new Set(names)
    this.#hasAskedForAll = this.#allTopicsInterests > 0
    const before = this.#metadata
    try {
      if (this.#hasAskedForAll) await this.#refreshAll(names)
      else this.#accept(await this.#fetchMetadata(names), names)
    } finally {
      this.#lastRefreshAt = clock.monotonic()
      this.#fruitlessRefreshes = isSameKnowledge(before, this.#metadata)
        ? this.#fruitlessRefreshes + 1
        : 0
    }
    this.#emitter.emit('metadataRefreshed', {
      reason,
      brokers: this.#metadata.brokers.size,
      topics: this.#metadata.topics.size,
    })
    this.#armAgeTimer(this.#options.metadataMaxAgeMs)
  }

  /** An answer about all topics is silent on those that are not, or not for us: ask for these. */
  async #refreshAll(names: readonly string[]): Promise<void> {
    const all = await this.#fetchMetadata(null)
    const found = new Set(all.response.topics.map(({ name }) => name ?? ''))
    const missing = names.filter((name) => !found.has(name))
    const more = missing.length === 0 ? undefined : await this.#fetchMetadata(missing)
    const topics = [...all.response.topics, ...(more?.response.topics ?? [])]
    const { isFresh } = all
    this.#accept({ response: { ...all.response, topics }, isFresh }, [...names, ...found])
  }

  #accept({ response, isFresh }: FetchedMetadata, names: readonly string[]): void {
    const known = isFresh ? NO_METADATA : this.#metadata
    this.#become(applyMetadata(known, response, new Set(names)))
  }

  #become(metadata: ClusterMetadata): void {
    const moved = movedBrokers(this.#metadata, metadata)
    this.#metadata = metadata
    if (moved.length > 0) this.#source.replaceConnections(moved)
    for (const listener of [...this.#listeners]) listener(metadata)
  }

  /**
   * Asks known brokers, those within reach first, then the bootstrap servers; a mute one is not
   * waited for before the next is asked. Without names it asks for all topics.
   */
  async #fetchMetadata(names: readonly string[] | null): Promise<FetchedMetadata> {
    const failures: KafkaError[] = []
    const recovery = this.#recovery
    const hasKnown = this.#metadata.brokers.size > 0
    if (hasKnown) recovery.begin()
    let why = 'no known broker was reachable'
    if (!recovery.isOverdue) {
      const limitMs = hasKnown ? recovery.remainingMs : LONGEST_ROUND_MS
      const found = await this.#ask(names, failures, limitMs)
      if (found !== undefined) return this.#found(found, hasKnown, why)
    }
    if (hasKnown && recovery.isOverdue) {
      why = recovery.isDemanded ? 'a broker asked for it' : 'no broker gave metadata for too long'
      // Connections that are open and give nothing are of no use (KIP-1102).
      this.#source.closeConnections()
      const found = await this.#ask(names, failures, LONGEST_ROUND_MS, true)
      if (found !== undefined) return this.#found(found, hasKnown, why, true)
      recovery.restart()
    }
    throw noneReached(failures)
  }

  #found(
    { response, isKnown }: Told,
    hasKnown: boolean,
    why: string,
    isOverdue = false,
  ): FetchedMetadata {
    this.#recovery.succeeded()
    if (isKnown) return { response, isFresh: false }
    if (hasKnown) this.#beginAgain(why)
    return { response, isFresh: isOverdue || !isOfCluster(response, this.#metadata.clusterId) }
  }

  /** One round; undefined when none told. `failures` gets the errors. */
  async #ask(
    names: readonly string[] | null,
    failures: KafkaError[],
    limitMs: number,
    isFromBootstrapAlone = false,
  ): Promise<Told | undefined> {
    const { bootstrap } = this.#source
    const known = isFromBootstrapAlone ? [] : [...this.#metadata.brokers.values()]
    const candidates = new MetadataCandidates(this.#byReach(known), this.#byReach(bootstrap))
    const { clusterId } = this.#metadata
    try {
      return await firstOf<MetadataCandidate, Told>(this.#environment, {
        next: (isAfterSilence) => candidates.next(isAfterSilence),
        ask: async ({ address, isKnown, isNewConnection }) => {
          const response = await this.#askForMetadata(address, names, isNewConnection)
          if (isKnown && !isOfCluster(response, clusterId)) throw anotherCluster(address)
          return { response, isKnown }
        },
        tolerate: (error, candidate) => {
          const isDemand = error instanceof BrokerError && error.code === 'REBOOTSTRAP_REQUIRED'
          if (candidate.isKnown && isDemand) throw error
          candidates.failed(candidate)
          failures.push(toleratedFailure(error))
        },
        silenceMs: SILENCE_MS,
        limitMs,
      })
    } catch (error) {
      const isDemand = error instanceof BrokerError && error.code === 'REBOOTSTRAP_REQUIRED'
      if (!isDemand || isFromBootstrapAlone) throw error
      this.#recovery.demand()
      return undefined
    }
  }

  async #askForMetadata(
    address: BrokerAddress,
    names: readonly string[] | null,
    isNewConnection: boolean,
  ): Promise<MetadataResponse> {
    this.#retrier.refuseIfClosed()
    const body = (version: number): RequestInput<typeof metadataApi> => ({
      topics: names?.map((name) => ({ name })) ?? null,
      ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
    })
    const response = await this.#source.request(address, body, isNewConnection)
    throwIfError(response.errorCode, 'read metadata')
    return response
  }

  #beginAgain(reason: string): void {
    this.#source.onRebootstrap()
    this.#emitter.emit('rebootstrapped', { reason })
  }

  /** Those with an open connection first, those that must wait out a pause last. */
  #byReach<T extends ServerAddress>(addresses: readonly T[]): readonly T[] {
    const start = this.#environment.random.integer(Math.max(1, addresses.length))
    const rotated = [...addresses.slice(start), ...addresses.slice(0, start)]
    return rotated.sort((a, b) => this.#source.rank(a) - this.#source.rank(b))
  }

  #armAgeTimer(delayMs: number): void {
    const { timers } = this.#environment
    timers.clear(this.#ageTimer)
    if (this.#isClosed) return
    this.#ageTimer = timers.set(delayMs, () => {
      this.refreshMetadata('it is old').catch(() => {
        const { metadataMaxAgeMs, retryBackoffMaxMs } = this.#options
        this.#armAgeTimer(Math.min(metadataMaxAgeMs, retryBackoffMaxMs * FAILED_REFRESH_PAUSES))
      })
    })
    this.#ageTimer.unref()
  }

  close(): void {
    this.#isClosed = true
    this.#environment.timers.clear(this.#ageTimer)
    this.#listeners.clear()
  }
}

/** What may be no more than this one broker's trouble; anything else is thrown on. */
function toleratedFailure(error: unknown): KafkaError {
  if (!(error instanceof KafkaError) || !error.retriable) throw error
  return error
}

function isOfCluster({ clusterId }: MetadataResponse, known: string | null): boolean {
  return known === null || clusterId === null || clusterId === known
}

function anotherCluster({ host, port }: ServerAddress): ConnectionError {
  return new ConnectionError(`The broker at ${host}:${port} is of another cluster now.`, 'tcp')
}

function noneReached(failures: readonly KafkaError[]): ConnectionError {
  const last = failures.at(-1)
  const texts = [...new Set(failures.map(({ message }) => message))]
  return new ConnectionError(
    texts.length === 1 ? (texts[0] as string) : `No broker could be reached. ${texts.join(' ')}`,
    last instanceof ConnectionError ? last.stage : 'tcp',
    { cause: last },
  )
}

/** The addresses before of brokers that have another one now. */
function movedBrokers(before: ClusterMetadata, now: ClusterMetadata): readonly Broker[] {
  return [...before.brokers.values()].filter(({ nodeId, host, port }) => {
    const next = now.brokers.get(nodeId)
    return next !== undefined && (next.host !== host || next.port !== port)
  })
}
