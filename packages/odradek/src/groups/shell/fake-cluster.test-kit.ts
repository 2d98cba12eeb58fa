/** As much of a cluster as a membership needs: what is asked goes to whoever plays the brokers. */
import type { VirtualProcess } from '@odradek/environment'
import type { AnyApi } from '@odradek/protocol'
import type { AttemptOptions } from '../../cluster/cluster.ts'
import { type ClusterMetadata, NO_METADATA, type TopicMetadata } from '../../cluster/metadata.ts'
import { ConnectionError, TimeoutError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'

export interface FakeBrokers {
  readonly topics: ReadonlyMap<string, number>
  /** Topics that metadata knows nothing of for the moment. */
  readonly hiddenTopics: ReadonlySet<string>
  /** Requests fail as if no broker were there. */
  readonly isUnreachable: boolean
  /** The coordinator answers when it likes, or not at all. */
  handle(api: AnyApi, body: object, answer: (body: object) => void): void
  /** Any broker answers. */
  handleAny(api: AnyApi, body: object): object
}

type Body = object | ((version: number) => object)

const LATENCY_MS = 2
const UNKNOWN_TOPIC = 3

export class FakeCluster {
  readonly #brokers: FakeBrokers
  readonly #process: VirtualProcess
  readonly environment
  readonly emitter = new TypedEmitter<ClientEvents>()
  readonly options = { requestTimeoutMs: 5000, retryBackoffMs: 100, retryBackoffMaxMs: 1000 }
  readonly isClosed = false
  readonly needed = new Map<string, number>()
  metadata: ClusterMetadata = NO_METADATA
  forgotten = 0
  readonly #listeners = new Set<(metadata: ClusterMetadata) => void>()
  /** By which connection each API went last. */
  readonly purposes = new Map<string, string>()

  constructor(brokers: FakeBrokers, process: VirtualProcess) {
    this.#brokers = brokers
    this.#process = process
    this.environment = process.environment
  }

  needTopics(names: readonly string[]): () => void {
    for (const name of names) this.needed.set(name, (this.needed.get(name) ?? 0) + 1)
    return () => {
      for (const name of names) this.needed.set(name, (this.needed.get(name) ?? 0) - 1)
    }
  }

  onMetadata(listener: (metadata: ClusterMetadata) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async refreshMetadata(_reason: string): Promise<void> {
    await this.#reach()
    const topics = new Map(this.metadata.topics)
    const topicErrors = new Map<string, number>()
    for (const [name, uses] of this.needed) {
      if (uses <= 0 || this.#brokers.hiddenTopics.has(name)) continue
      const count = this.#brokers.topics.get(name)
      if (count === undefined) topicErrors.set(name, UNKNOWN_TOPIC)
      else topics.set(name, topicOf(name, count))
    }
    const namesById = new Map([...topics.values()].map(({ topicId, name }) => [topicId, name]))
    this.metadata = { ...this.metadata, topics, topicErrors, namesById }
    for (const listener of [...this.#listeners]) listener(this.metadata)
  }

  forgetCoordinator(): void {
    this.forgotten++
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.environment.timers.set(delayMs, resolve)
      signal?.addEventListener('abort', () => {
        this.environment.timers.clear(timer)
        resolve()
      })
    })
  }

  async requestAny(api: AnyApi, body: Body): Promise<unknown> {
    await this.#reach()
    return this.#brokers.handleAny(api, inputOf(api, body))
  }

  requestCoordinator(
    _type: string,
    _key: string,
    api: AnyApi,
    body: Body,
    options: Pick<AttemptOptions, 'purpose' | 'timeoutMs' | 'brokerWaitMs'> = {},
  ): Promise<unknown> {
    const { timers } = this.environment
    this.purposes.set(api.name, options.purpose ?? 'general')
    const { brokerWaitMs = 0 } = options
    const waitMs =
      typeof brokerWaitMs === 'function' ? brokerWaitMs(api.versions.max) : brokerWaitMs
    const timeoutMs = (options.timeoutMs ?? this.options.requestTimeoutMs) + waitMs
    return new Promise((resolve, reject) => {
      const timer = timers.set(timeoutMs, () => {
        timers.soon(() => reject(new TimeoutError(`${api.name} was not answered.`)))
      })
      const settle = (action: () => void): void => {
        timers.set(LATENCY_MS, () => {
          timers.clear(timer)
          action()
        })
      }
      if (this.#brokers.isUnreachable) {
        settle(() => reject(new ConnectionError('No broker.', 'tcp')))
        return
      }
      timers.set(LATENCY_MS, () => {
        if (!this.#process.isAlive) return
        this.#brokers.handle(api, inputOf(api, body), (answer) => settle(() => resolve(answer)))
      })
    })
  }

  async #reach(): Promise<void> {
    await this.sleep(LATENCY_MS)
    if (this.#brokers.isUnreachable) throw new ConnectionError('No broker.', 'tcp')
  }
}

function inputOf(api: AnyApi, body: Body): object {
  return typeof body === 'function' ? body(api.versions.max) : body
}

function topicOf(name: string, count: number): TopicMetadata {
  return {
    name,
    topicId: `id-of-${name}`,
    isInternal: false,
    partitions: Array.from({ length: count }, (_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
    })),
  }
}
