/** The entry: one object per cluster. Making it does no I/O; the first use connects. */
import { type Environment, realEnvironment } from '@odradek/environment'
import type { AnyApi, RequestInput, ResponseOf } from '@odradek/protocol'
import { Admin } from './admin/admin.ts'
import { Cluster, type RequestOptions } from './cluster/cluster.ts'
import { Consumer } from './consumer/consumer.ts'
import type { ConsumerOptions, TopicInput } from './consumer/options/consumer-options.ts'
import { ShareConsumer } from './share-consumer/share-consumer.ts'
import type { ShareConsumerOptions } from './share-consumer/share-consumer-options.ts'
import type { ClientEvents } from './events/client-events.ts'
import { publish } from './events/diagnostics.ts'
import { type Listener, TypedEmitter } from './events/emitter.ts'
import { EVENT_NAMES } from './events/event-names.ts'
import { warnUnheard } from './events/warn-unheard.ts'
import { UsageError } from './errors/errors.ts'
import { errorInResponse } from './errors/response-errors.ts'
import { shown } from './errors/shown.ts'
import { parseBootstrapServers } from './options/bootstrap-servers.ts'
import {
  CLIENT_OPTIONS,
  type EffectiveKafkaOptions,
  type KafkaOptions,
  redactClientOptions,
  settleClientOptions,
} from './options/client-options.ts'
import { closeOnSignal } from './close-on-signal.ts'
import {
  CLOSE_ON_SIGNAL_OPTIONS,
  CLOSE_OPTIONS,
  type CloseOnSignalOptions,
  type CloseOptions,
  REQUEST_OPTIONS,
} from './options/call-options.ts'
import {
  ADMIN_NAMES,
  CONSUMER_NAMES,
  explainForeignNames,
  KAFKA_NAMES,
  PRODUCER_NAMES,
  SHARE_CONSUMER_NAMES,
  TRANSACTION_NAMES,
} from './options/foreign-names.ts'
import { checkOptions, parseOptions } from './options/option-table.ts'
import { DeadLetters } from './dead-letters.ts'
import { Producer } from './producer/producer.ts'
import type { ProducerOptions } from './producer/producer-options.ts'
import { Transaction } from './producer/transactions/transaction.ts'

explainForeignNames(Producer, 'producer', PRODUCER_NAMES)
explainForeignNames(Consumer, 'consumer', CONSUMER_NAMES)
explainForeignNames(Transaction, 'tx', TRANSACTION_NAMES)
explainForeignNames(Admin, 'admin', ADMIN_NAMES)
explainForeignNames(ShareConsumer, 'shareConsumer', SHARE_CONSUMER_NAMES)

/** What simulations and tests put in place of the real world; unstable, see `odradek/internal`. */
export interface KafkaInternals {
  readonly environment?: Environment | undefined
}

/** The options of `kafka.request(...)`. */
export interface RawRequestOptions extends RequestOptions {
  /** The broker to ask; the least busy one by default. */
  readonly nodeId?: number | undefined
  /** True to read error codes in the response, where it would be thrown otherwise. */
  readonly returnErrors?: boolean | undefined
}

/** What a `Kafka` makes, and closes when it is closed. */
interface Part {
  close(options?: { timeoutMs?: number }): Promise<unknown>
}

/**
 * A Kafka cluster, and everything that is made from it: producers, consumers, administrators, which
 * share its connections. Making it does no I/O; the first use connects. Options that are unknown,
 * wrong or contradictory are refused here, with a sentence.
 *
 * @example
 * await using kafka = new Kafka({ bootstrapServers: 'localhost:9092', clientId: 'shop' })
 * const { offset } = await kafka.producer().send('orders', { key: 'o-1', value: 'paid' })
 */
export class Kafka {
  readonly #cluster: Cluster
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #options: EffectiveKafkaOptions
  readonly #parts = new Set<Part>()
  readonly #signalStops = new Set<() => void>()
  #isClosed = false

  /** @throws UsageError for options that are unknown, wrong or missing. */
  constructor(options: KafkaOptions, internals: KafkaInternals = {}) {
    this.#options = settleClientOptions(
      parseOptions<EffectiveKafkaOptions>(CLIENT_OPTIONS, options, 'new Kafka(...)'),
    )
    parseBootstrapServers(this.#options.bootstrapServers)
    const environment = internals.environment ?? realEnvironment
    const onUnheard = internals.environment === undefined ? warnUnheard : undefined
    const { clientId } = this.#options
    this.#emitter = new TypedEmitter(undefined, {
      names: EVENT_NAMES,
      onUnheard,
      publish: (name, event) => publish(clientId, name, event),
    })
    this.#cluster = new Cluster(environment, this.#options, this.#emitter)
  }

  /** What is in force: what was given, and the defaults; passwords and keys are `[redacted]`. */
  get effectiveOptions(): EffectiveKafkaOptions {
    return redactClientOptions(this.#options)
  }

  /**
   * Calls `listener` at every such event of this client and all its parts; the answer takes it off
   * again. A listener that throws hurts nobody: it is reported as `listenerError`.
   *
   * @example
   * kafka.on('connectionFailed', ({ broker, error }) => console.warn(broker, error.message))
   */
  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    return this.#emitter.on(name, listener)
  }

  /**
   * A producer; see `Producer`. It connects with its first record.
   *
   * @throws UsageError for options that are unknown, wrong or contradictory.
   */
  producer(options: ProducerOptions = {}): Producer {
    this.#refuseIfClosed()
    return this.#makeProducer(options)
  }

  /** Handlers that finish while their consumer closes may still write dead letters. */
  #makeProducer(options: ProducerOptions = {}): Producer {
    return this.#own((onClosed) => new Producer(this.#cluster, this.#emitter, options, onClosed))
  }

  /**
   * A member of a consumer group; see `Consumer`. It joins when it is first read.
   *
   * @throws UsageError for options that are unknown, wrong, missing or contradictory.
   */
  consumer<const T extends TopicInput = string>(options: ConsumerOptions<T>): Consumer<T> {
    this.#refuseIfClosed()
    const { unknownTopicGraceMs } = options ?? {}
    const deadLetters = new DeadLetters(() => this.#makeProducer({ unknownTopicGraceMs }))
    return this.#own(
      (onClosed) =>
        new Consumer<T>(this.#cluster, this.#emitter, options, { onClosed, deadLetters }),
    )
  }

  /**
   * A member of a share group; see `ShareConsumer`. It joins when it is first read.
   *
   * @throws UsageError for options that are unknown, wrong, missing or contradictory.
   */
  shareConsumer<const T extends TopicInput>(options: ShareConsumerOptions<T>): ShareConsumer<T> {
    this.#refuseIfClosed()
    return this.#own(
      (onClosed) => new ShareConsumer<T>(this.#cluster, this.#emitter, options, onClosed),
    )
  }

  /** An administrator of the cluster; see `Admin`. */
  admin(): Admin {
    this.#refuseIfClosed()
    return this.#own((onClosed) => new Admin(this.#cluster, onClosed))
  }

  #refuseIfClosed(): void {
    if (!this.#isClosed) return
    throw new UsageError('This Kafka is closed: make a new one with new Kafka(...).', {
      code: 'CLOSED',
    })
  }

  /**
   * Keeps what was made until it is closed. When the last one is, connections are closed, too, so
   * that a process can end without `kafka.close()`; the next use makes new ones.
   */
  #own<T extends Part>(make: (onClosed: () => void) => T): T {
    const part: T = make(() => {
      this.#parts.delete(part)
      if (this.#parts.size === 0) this.#cluster.rest()
    })
    this.#parts.add(part)
    return part
  }

  /**
   * Sends any request, typed, to a broker by its node id or to the one that is least busy, and
   * returns the response. One attempt: nothing is sent again; if no `nodeId` is given, unreachable
   * brokers are skipped. The body may be a function of the version that both ends speak; 64-bit
   * numbers are given as `number` or `bigint`.
   *
   * @throws BrokerError for the first error code in the response, unless `returnErrors` is true;
   * ConnectionError, AuthenticationError, TimeoutError; ProtocolError `UNSUPPORTED_VERSION` when
   * there is no common version.
   * @example
   * const { brokers } = await kafka.request(apis.Metadata, { topics: [] })
   */
  async request<A extends AnyApi>(
    api: A,
    body: RequestInput<A> | ((version: number) => RequestInput<A>),
    options: RawRequestOptions = {},
  ): Promise<ResponseOf<A>> {
    checkOptions(REQUEST_OPTIONS, options, 'kafka.request(...)')
    checkRequest(api, body)
    const { nodeId, returnErrors = false } = options
    if (nodeId !== undefined && !this.#cluster.metadata.brokers.has(nodeId)) {
      await this.#cluster.refreshMetadata(`broker ${nodeId} is not known`)
    }
    const response = await (nodeId === undefined
      ? this.#cluster.requestAny(api, body, options)
      : this.#cluster.request(api, nodeId, body, options))
    const error = returnErrors ? undefined : errorInResponse(response, `${api.name} by hand`)
    if (error !== undefined) throw error
    return response
  }

  /**
   * Closes everything, as `close` does, when the process is told to end: at the first `SIGTERM` or
   * `SIGINT` consumers take no more records, finish what is in hand, commit, and leave their group
   * (static members remain); producers deliver what was sent; loops over consumers end. The process
   * then ends by itself with its own exit code, once nothing else keeps it alive. A second signal
   * ends it at once. `closedOnSignal` tells how it went. The answer stops listening; so does
   * `close`.
   *
   * @throws UsageError for options that are unknown or wrong.
   * @example
   * kafka.closeOnSignal()
   * for await (const record of consumer) await handle(record)
   */
  closeOnSignal(options: CloseOnSignalOptions = {}): () => void {
    checkOptions(CLOSE_ON_SIGNAL_OPTIONS, options, 'kafka.closeOnSignal(...)')
    const { environment } = this.#cluster
    const close = (limits: CloseOptions): Promise<void> => this.close(limits)
    const stop = closeOnSignal({ environment, emitter: this.#emitter, close }, options)
    this.#signalStops.add(stop)
    return () => {
      this.#signalStops.delete(stop)
      stop()
    }
  }

  /**
   * Closes everything that was made from this object, gracefully: first what reads (records in hand
   * are finished, so their handlers may still send; consumers commit and leave), then producers
   * (they deliver what was sent) and admins, then the connections. Idempotent. What takes longer
   * than `timeoutMs` in all (default: 30,000 for each part) is cut short, and its callers are told.
   *
   * @throws PartialError with what `write()` could not deliver, if nobody heard of it.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkOptions(CLOSE_OPTIONS, options, 'kafka.close(...)')
    for (const stop of this.#signalStops) stop()
    this.#isClosed = true
    const { timeoutMs } = options
    const { clock } = this.#cluster.environment
    const deadline = clock.monotonic() + (timeoutMs ?? 0)
    const closeAll = (
      parts: readonly Part[],
    ): Promise<readonly PromiseSettledResult<unknown>[]> => {
      const leftMs = Math.max(0, Math.ceil(deadline - clock.monotonic()))
      const limits = timeoutMs === undefined ? {} : { timeoutMs: leftMs }
      // One that ends badly does not cut the others short.
      return Promise.allSettled(parts.map((part) => part.close(limits)))
    }
    const isUsedByHandlers = (part: Part): boolean =>
      part instanceof Producer || part instanceof Admin
    const readers = await closeAll([...this.#parts].filter((part) => !isUsedByHandlers(part)))
    const ends = [...readers, ...(await closeAll([...this.#parts]))]
    this.#cluster.close()
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

explainForeignNames(Kafka, 'kafka', KAFKA_NAMES)

function checkRequest(api: unknown, body: unknown): void {
  const isApi =
    typeof (api as { readonly apiKey?: unknown } | null | undefined)?.apiKey === 'number'
  if (isApi && ((typeof body === 'object' && body !== null) || typeof body === 'function')) return
  throw new UsageError(
    'kafka.request(...) takes an API and its body, as in ' +
      `kafka.request(apis.Metadata, { topics: [] }); its ${isApi ? 'body' : 'API'} is ` +
      `${shown(isApi ? body : api)}.`,
  )
}
