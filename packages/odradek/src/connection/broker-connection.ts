/**
 * One connection to one broker: requests go out pipelined, answers come back in the same order.
 * Every request has a deadline of its own; a deadline that passes rejects its request, and kills
 * the connection only when nothing at all came back since (a broker that still answers others is
 * slow, not gone). A timer that fires late, after a blocked loop, lets waiting input be read
 * before it judges. A throttle, or a re-authentication, holds requests back in order.
 */
import type { ClientTlsOptions, Connection, Environment, Timer } from '@odradek/environment'
import {
  type AnyApi,
  decodeResponse,
  encodeRequest,
  FrameReader,
  KafkaError,
  peekCorrelationId,
  ProtocolError,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import {
  ConnectionError,
  type ConnectionStage,
  TimeoutError,
  UsageError,
} from '../errors/errors.ts'
import type { SaslOptions } from '../options/client-options.ts'
import { describeFailure, describeTimeout, type FailureContext } from './describe-failure.ts'
import { HeldRequests } from './held-requests.ts'
import { type BrokerVersions, negotiateVersions } from './negotiate-versions.ts'
import { authenticate } from './sasl.ts'

export interface BrokerConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly tls: ClientTlsOptions | undefined
  readonly sasl: SaslOptions | undefined
  readonly setupTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxResponseBytes: number
  /** Set when the cluster itself gave this address for a broker. */
  readonly nodeId?: number | undefined
  /** The connection is over; requests in flight have been rejected. */
  readonly onClose: (error: KafkaError | undefined) => void
  readonly onThrottle: (api: string, throttleTimeMs: number) => void
  /** The broker answered the first request after the connection was set up. */
  readonly onAnswer?: (() => void) | undefined
}

export interface SendOptions {
  /** How long the broker may take; the connection's own default when absent. */
  readonly timeoutMs?: number | undefined
  /** False for produce requests with acks=0, which no broker answers. */
  readonly expectsResponse?: boolean | undefined
}

interface InFlight {
  readonly api: AnyApi
  readonly version: number
  readonly correlationId: number
  readonly sentAt: number
  readonly timeoutMs: number
  timer: Timer | undefined
  settle: ((error: KafkaError | undefined, body?: unknown) => void) | undefined
}

export class BrokerConnection {
  readonly #environment: Environment
  readonly #options: BrokerConnectionOptions
  readonly #inFlight: InFlight[] = []
  readonly #frames: FrameReader
  #connection: Connection | undefined
  #versions: BrokerVersions | undefined
  #nextCorrelationId = 1
  #lastAnswerAt = 0
  #lastUseAt = 0
  #hasServed = false
  #isClosed = false
  #closeReason: KafkaError | undefined
  #mutedUntil = 0
  readonly #held = new HeldRequests()
  #reauthenticationTimer: Timer | undefined
  #throttleTimer: Timer | undefined
  #openTimer: Timer | undefined
  #hasAnswered = false
  #stage: ConnectionStage = 'dns'
  #rejectOpening: ((error: KafkaError) => void) | undefined

  constructor(environment: Environment, options: BrokerConnectionOptions) {
    this.#environment = environment
    this.#options = options
    this.#frames = new FrameReader(options.maxResponseBytes, (frame) => this.#answer(frame))
  }

  get broker(): string {
    return `${this.#options.host}:${this.#options.port}`
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get inFlightCount(): number {
    return this.#inFlight.length
  }

  /** When something was last sent or received, by the monotonic clock. */
  get lastUseAt(): number {
    return this.#lastUseAt
  }

  get versions(): BrokerVersions {
    if (this.#versions === undefined) throw new Error('The connection is not open.')
    return this.#versions
  }

  /** How far it has come; `established` once requests may be sent. */
  get stage(): ConnectionStage {
    return this.#stage
  }

  get #context(): FailureContext {
    const { tls, sasl, nodeId } = this.#options
    const isTls = tls !== undefined
    return { broker: this.broker, stage: this.#stage, isTls, hasSasl: sasl !== undefined, nodeId }
  }

  /** Connects, finds common versions and authenticates, all within `setupTimeoutMs`. */
  open(): Promise<void> {
    const { timers } = this.#environment
    const { setupTimeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      this.#rejectOpening = reject
      this.#openTimer = timers.set(setupTimeoutMs, () =>
        timers.soon(() => {
          if (this.#rejectOpening === undefined) return
          this.close(describeTimeout(this.#context, setupTimeoutMs))
        }),
      )
      this.#setUp().then(
        () => {
          timers.clear(this.#openTimer)
          this.#rejectOpening = undefined
          resolve()
        },
        (error: unknown) => {
          this.close(error instanceof KafkaError ? error : undefined)
          reject(error)
        },
      )
    })
  }

  async #setUp(): Promise<void> {
    await this.#connect()
    this.#stage = 'apiVersions'
    this.#versions = await negotiateVersions(this.broker, (api, version, body) =>
      this.#send(api, version, body, { timeoutMs: this.#options.setupTimeoutMs }),
    )
    this.#refuseIfClosed()
    await this.#authenticate()
    this.#refuseIfClosed()
    this.#stage = 'established'
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) throw closedError(this.broker, this.#closeReason)
  }

  async #connect(): Promise<void> {
    const { network, clock } = this.#environment
    const { host, port, tls, setupTimeoutMs } = this.#options
    refuseNoPort(this.#options)
    const deadline = clock.monotonic() + setupTimeoutMs
    let addresses: readonly string[]
    try {
      addresses = await network.resolve(host)
    } catch (error) {
      throw describeFailure(error as Error, this.#context)
    }
    let failure: KafkaError | undefined
    for (const [index, address] of addresses.entries()) {
      this.#refuseIfClosed()
      this.#stage = 'tcp'
      // A dead address must leave time for the next one.
      const shareMs = (deadline - clock.monotonic()) / (addresses.length - index)
      const servername = tls?.servername ?? host
      try {
        await this.#connectTo(address, port, tls && { ...tls, servername }, Math.max(1, shareMs))
        this.#refuseIfClosed()
        return
      } catch (error) {
        // Whoever cannot be trusted is not asked again under another address.
        if (!(error instanceof KafkaError)) throw refusedTls(error)
        if (!(error instanceof ConnectionError)) throw error
        failure = error
      }
    }
    throw failure ?? new ConnectionError(`${host} has no address.`, 'dns')
  }

  #connectTo(
    host: string,
    port: number,
    tls: ClientTlsOptions | undefined,
    timeoutMs: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let isOpen = false
      this.#connection = this.#environment.network.connect(
        { host, port, tls, timeoutMs: Math.ceil(timeoutMs) },
        {
          onConnect: () => {
            isOpen = true
            this.#lastUseAt = this.#environment.clock.monotonic()
            resolve()
          },
          onData: (buffer, length) => this.#receive(buffer, length),
          onClose: (error) => {
            const stage = isOpen ? this.#stage : (error?.stage ?? this.#stage)
            const hasServed = this.#hasServed
            const failure = describeFailure(error, { ...this.#context, stage, hasServed })
            if (isOpen) this.close(failure)
            else reject(failure)
          },
        },
      )
    })
  }

  async #authenticate(): Promise<void> {
    const { sasl, setupTimeoutMs } = this.#options
    if (sasl === undefined) return
    if (this.#stage !== 'established') this.#stage = 'sasl'
    const lifetimeMs = await authenticate(
      sasl,
      (api, body) => {
        const version = this.versions.negotiate(api)
        return this.#send(api, version, body, { timeoutMs: setupTimeoutMs })
      },
      this.#environment,
      this.broker,
    )
    if (lifetimeMs > 0 && !this.#isClosed) this.#scheduleReauthentication(lifetimeMs)
  }

  /** KIP-368: between 85 and 95 percent of the session's lifetime, on the same connection. */
  #scheduleReauthentication(lifetimeMs: number): void {
    const { timers, random } = this.#environment
    const percent = 85 + random.integer(11)
    // Brokers take no renewal within a second of the last.
    const earliestMs = Math.min(MIN_SESSION_MS, Math.floor(lifetimeMs * 0.95))
    const wishedMs = Math.max(earliestMs, Math.floor((lifetimeMs * percent) / 100))
    const delayMs = Math.min(MAX_DELAY_MS, wishedMs)
    this.#reauthenticationTimer = timers.set(delayMs, () => {
      this.#held.hold('reauthentication')
      const { setupTimeoutMs } = this.#options
      const limit = timers.set(setupTimeoutMs, () =>
        this.close(describeTimeout({ ...this.#context, stage: 'sasl' }, setupTimeoutMs)),
      )
      this.#reauthenticationTimer = limit
      this.#authenticate().then(
        () => {
          timers.clear(limit)
          this.#held.release('reauthentication')
        },
        (error: unknown) => {
          timers.clear(limit)
          this.close(error instanceof KafkaError ? error : undefined)
        },
      )
    })
    this.#reauthenticationTimer.unref()
  }

  /** Sends a request and gives the decoded answer. `body` is encoded now. */
  request<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInput<A>,
    options: SendOptions = {},
  ): Promise<ResponseOf<A>> {
    if (!this.#held.isHolding) return this.#send(api, version, body, options)
    return new Promise((resolve, reject) => {
      this.#held.push(() => {
        this.#send(api, version, body, options).then(resolve, reject)
      })
    })
  }

  #send<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInput<A>,
    options: SendOptions,
  ): Promise<ResponseOf<A>> {
    return new Promise((resolve, reject) => {
      const connection = this.#connection
      if (this.#isClosed || connection === undefined) {
        reject(closedError(this.broker, this.#closeReason))
        return
      }
      const correlationId = this.#nextCorrelationId
      this.#nextCorrelationId = correlationId === 0x7fff_ffff ? 1 : correlationId + 1
      const { clientId, requestTimeoutMs } = this.#options
      // Encoding refuses a wrong body here, before anything is on its way.
      const frame = encodeRequest(api, version, { correlationId, clientId, body })
      const sentAt = this.#environment.clock.monotonic()
      this.#lastUseAt = sentAt
      connection.write(frame.chunks)
      if (options.expectsResponse === false) {
        resolve(undefined as unknown as ResponseOf<A>)
        return
      }
      const timeoutMs = Math.min(MAX_DELAY_MS, options.timeoutMs ?? requestTimeoutMs)
      const entry: InFlight = {
        api,
        version,
        correlationId,
        sentAt,
        timeoutMs,
        timer: undefined,
        settle: (error, answer) => {
          if (error === undefined) resolve(answer as ResponseOf<A>)
          else reject(error)
        },
      }
      const { timers } = this.#environment
      // A late timer lets one poll of the sockets come first, then judges.
      entry.timer = timers.set(timeoutMs, () => timers.soon(() => this.#expire(entry)))
      this.#inFlight.push(entry)
    })
  }

  #receive(buffer: Uint8Array, length: number): void {
    if (this.#isClosed) return
    this.#lastUseAt = this.#environment.clock.monotonic()
    try {
      this.#frames.push(buffer, length)
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error))
      this.close(describeFailure(cause, this.#context))
    }
  }

  #answer(frame: Buffer): void {
    if (this.#isClosed) return
    const [entry] = this.#inFlight
    if (this.#stage === 'established') this.#hasServed = true
    const correlationId = peekCorrelationId(frame)
    if (entry?.correlationId !== correlationId) {
      throw new ProtocolError(
        `Answer ${correlationId} came where ${entry?.correlationId ?? 'none'} was due`,
      )
    }
    this.#inFlight.shift()
    this.#lastAnswerAt = this.#environment.clock.monotonic()
    if (!this.#hasAnswered && this.#stage === 'established') {
      this.#hasAnswered = true
      this.#options.onAnswer?.()
    }
    this.#environment.timers.clear(entry.timer)
    const { settle } = entry
    entry.settle = undefined
    if (settle === undefined) return
    let body: unknown
    try {
      // Before versions are known the answer may be in the oldest format: its reader knows.
      body = decodeResponse(entry.api, answerVersion(entry, frame), frame).body
    } catch (error) {
      const failure = error instanceof KafkaError ? error : new ProtocolError(String(error))
      settle(failure)
      throw failure
    }
    const throttleTimeMs = (body as { throttleTimeMs?: number }).throttleTimeMs ?? 0
    if (throttleTimeMs > 0) this.#mute(entry.api.name, throttleTimeMs)
    settle(undefined, body)
  }

  #expire(entry: InFlight): void {
    const { settle } = entry
    if (settle === undefined || this.#isClosed) return
    entry.settle = undefined
    const error = new TimeoutError(
      `Broker ${this.broker} did not answer ${entry.api.name} within ${entry.timeoutMs} ms.`,
    )
    settle(error)
    const hasAnsweredSince = this.#lastAnswerAt > entry.sentAt
    if (!hasAnsweredSince) {
      this.close(new ConnectionError(error.message, 'established', { cause: error }))
    }
  }

  /** KIP-219: the broker has answered and reads no further for so long; neither do we send. */
  #mute(api: string, prescribedMs: number): void {
    this.#options.onThrottle(api, prescribedMs)
    const { clock, timers } = this.#environment
    const throttleTimeMs = Math.min(prescribedMs, LONGEST_THROTTLE_MS)
    const until = clock.monotonic() + throttleTimeMs
    if (until <= this.#mutedUntil) return
    this.#mutedUntil = until
    this.#held.hold('throttle')
    timers.clear(this.#throttleTimer)
    this.#throttleTimer = timers.set(throttleTimeMs, () => this.#held.release('throttle'))
  }

  /** Ends the connection; whatever is in flight is rejected with `error`. Idempotent. */
  close(error?: KafkaError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#closeReason = error
    const { timers } = this.#environment
    timers.clear(this.#openTimer)
    timers.clear(this.#reauthenticationTimer)
    timers.clear(this.#throttleTimer)
    this.#connection?.destroy()
    const failure =
      error ?? new ConnectionError(`The connection to ${this.broker} was closed.`, 'established')
    for (const entry of this.#inFlight.splice(0)) {
      timers.clear(entry.timer)
      entry.settle?.(asConnectionFailure(failure, this.#stage))
      entry.settle = undefined
    }
    this.#rejectOpening?.(failure)
    this.#rejectOpening = undefined
    this.#held.releaseAll()
    this.#options.onClose(error)
  }
}

/** Bootstrap servers are checked where they are given: this address is the cluster's own. */
function refuseNoPort({ host, port, nodeId }: BrokerConnectionOptions): void {
  if (port >= 1 && port <= LARGEST_PORT) return
  const which = nodeId === undefined ? 'A broker' : `Broker ${nodeId}`
  throw new ProtocolError(
    `${which} advertises the address ${host}:${port}, and ${port} is no port (1 to ` +
      `${LARGEST_PORT}): correct its advertised.listeners`,
    { retriable: true },
  )
}

const LARGEST_PORT = 65_535

/** A certificate or key that is none is found when it is first used. */
function refusedTls(error: unknown): UsageError {
  const reason = error instanceof Error ? error.message : String(error)
  return new UsageError(`The certificates in the option "tls" cannot be used: ${reason}`, {
    cause: error,
  })
}

/** Timers of Node overflow beyond this; nobody notices a session that is renewed early. */
const MAX_DELAY_MS = 0x7fff_ffff

const MIN_SESSION_MS = 1000

/**
 * A broker that still reads nothing from the connection after that is found out by the timeout of
 * the next request, and reached over another connection.
 */
const LONGEST_THROTTLE_MS = 60_000

/** Nothing of the request has left this process. */
function closedError(broker: string, cause: KafkaError | undefined): ConnectionError {
  const reason = cause === undefined ? '' : ` ${cause.message}`
  return new ConnectionError(`The connection to ${broker} is closed.${reason}`, 'tcp', { cause })
}

/** What was under way when the connection ended may have arrived, whatever ended it. */
function asConnectionFailure(error: KafkaError, stage: ConnectionStage): KafkaError {
  if (stage !== 'established') return error
  if (error instanceof ConnectionError && error.stage === stage) return error
  return new ConnectionError(error.message, stage, { cause: error })
}

const API_VERSIONS_KEY = 18
const UNSUPPORTED_VERSION = 35

/** A broker that does not know our version of ApiVersions answers in version 0. */
function answerVersion(entry: InFlight, frame: Buffer): number {
  const isRefused =
    entry.api.apiKey === API_VERSIONS_KEY &&
    frame.length >= 6 &&
    frame.readInt16BE(4) === UNSUPPORTED_VERSION
  return isRefused ? 0 : entry.version
}
