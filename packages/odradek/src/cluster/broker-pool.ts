/**
 * Connections to brokers: one per broker and purpose, because a broker reads the next request of a
 * connection only after it answered the last, and a parked join or fetch must not starve a
 * heartbeat. Reconnecting is paced per broker with jitter, whatever the purpose; idle connections
 * are closed.
 */
import type { ClientTlsOptions, Environment, Timer } from '@odradek/environment'
import { BrokerConnection } from '../connection/broker-connection.ts'
import { closedError } from '../errors/closed-error.ts'
import { ConnectionError, type ConnectionStage } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { ServerAddress } from '../options/bootstrap-servers.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { backoffMs } from './backoff.ts'

type SharedPurpose = 'fetch' | 'produce' | 'membership' | 'heartbeat' | 'general'

/**
 * What a connection is for. Some belong to one consumer alone (`membership:3`): two members of one
 * group in one client must not wait behind each other's joins.
 */
export type Purpose = SharedPurpose | `${SharedPurpose}:${number}`

interface Slot {
  readonly address: BrokerAddress
  opening: Promise<BrokerConnection>
  connection: BrokerConnection | undefined
  /** The broker has another address now: this one is not connected to any more. */
  isLeft?: boolean
  /** Ends the wait for the connection with this error. */
  leave: (error: ConnectionError) => void
}

/** How a broker was to connect to lately. */
interface Pace {
  failures: number
  nextAttemptAt: number
  /** After a failure one attempt goes first; the others wait for its outcome. */
  probe: Promise<unknown> | undefined
}

/** An address, and the broker behind it if the cluster itself said so. */
export interface BrokerAddress extends ServerAddress {
  readonly nodeId?: number | undefined
}

const REAP_INTERVAL_MS = 30_000

export class BrokerPool {
  readonly #environment: Environment
  readonly #options: EffectiveKafkaOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #slots = new Map<string, Slot>()
  readonly #paces = new Map<string, Pace>()
  readonly #pauses = new Set<{ readonly timer: Timer; readonly wake: () => void }>()
  #reaper: Timer | undefined
  #isClosed = false

  constructor(
    environment: Environment,
    options: EffectiveKafkaOptions,
    emitter: TypedEmitter<ClientEvents>,
  ) {
    this.#environment = environment
    this.#options = options
    this.#emitter = emitter
  }

  /** An open connection; made, or waited for, if need be. */
  connection(address: BrokerAddress, purpose: Purpose): Promise<BrokerConnection> {
    if (this.#isClosed) return Promise.reject(closedError('client'))
    const key = keyOf(address, purpose)
    const known = this.#slots.get(key)
    if (known !== undefined) return known.opening
    const slot = { address, connection: undefined } as Slot
    this.#slots.set(key, slot)
    const left = new Promise<never>((_, reject) => {
      slot.leave = reject
    })
    slot.opening = Promise.race([this.#open(slot, address, purpose), left])
    this.#armReaper()
    return slot.opening
  }

  /** Whether a connection could be tried at once, without waiting out a pause. */
  isReachable({ host, port }: ServerAddress): boolean {
    const pace = this.#paces.get(`${host}:${port}`)
    return pace === undefined || pace.nextAttemptAt <= this.#environment.clock.monotonic()
  }

  /** Requests under way to this broker on an open connection, or undefined without one. */
  loadOf(address: ServerAddress, purpose: Purpose): number | undefined {
    const connection = this.#slots.get(keyOf(address, purpose))?.connection
    return connection?.stage === 'established' ? connection.inFlightCount : undefined
  }

  /** What connections are being made, for people who wait for one. */
  progress(): string | undefined {
    for (const { connection } of this.#slots.values()) {
      if (connection === undefined || connection.stage === 'established') continue
      return `Still connecting to broker ${connection.broker} (${connection.stage}).`
    }
    return undefined
  }

  async #open(slot: Slot, address: BrokerAddress, purpose: Purpose): Promise<BrokerConnection> {
    const key = keyOf(address, purpose)
    const broker = `${address.host}:${address.port}`
    const pace = this.#paceOf(broker)
    try {
      while (pace.probe !== undefined) await pace.probe
      const opening = this.#attempt(slot, pace, address, purpose)
      if (pace.failures > 0) {
        const probe = opening.then(
          () => undefined,
          () => undefined,
        )
        pace.probe = probe
        void probe.then(() => {
          pace.probe = undefined
        })
      }
      const connection = await opening
      this.#emitter.emit('connected', { broker, purpose })
      return connection
    } catch (error) {
      if (this.#slots.get(key) === slot) this.#slots.delete(key)
      throw error
    }
  }

  #paceOf(broker: string): Pace {
    let pace = this.#paces.get(broker)
    if (pace === undefined) {
      pace = { failures: 0, nextAttemptAt: 0, probe: undefined }
      this.#paces.set(broker, pace)
    }
    return pace
  }

  async #attempt(
    slot: Slot,
    pace: Pace,
    address: BrokerAddress,
    purpose: Purpose,
  ): Promise<BrokerConnection> {
    const { clock } = this.#environment
    await this.#pause(pace.nextAttemptAt - clock.monotonic())
    if (this.#isClosed) throw closedError('client')
    if (slot.isLeft === true) throw movedError(address, 'tcp')
    const connection = this.#make(address, purpose)
    // Closing the pool must find a connection that is still being opened.
    slot.connection = connection
    try {
      await connection.open()
    } catch (error) {
      if (this.#isClosed) throw closedError('client', error)
      this.#slowDown(pace)
      const broker = `${address.host}:${address.port}`
      this.#emitter.emit('connectionFailed', { broker, purpose, error: error as Error })
      throw error
    }
    if (!this.#isClosed) return connection
    connection.close()
    throw closedError('client')
  }

  #slowDown(pace: Pace): void {
    const { reconnectBackoffMs: initialMs, reconnectBackoffMaxMs: maxMs } = this.#options
    const { clock, random } = this.#environment
    pace.nextAttemptAt = clock.monotonic() + backoffMs({ initialMs, maxMs }, pace.failures, random)
    pace.failures++
  }

  #make(address: BrokerAddress, purpose: Purpose): BrokerConnection {
    const options = this.#options
    const { clock } = this.#environment
    const { host, port, nodeId } = address
    const broker = `${host}:${port}`
    const key = keyOf(address, purpose)
    const pace = this.#paceOf(broker)
    const madeAt = clock.monotonic()
    const connection: BrokerConnection = new BrokerConnection(this.#environment, {
      host,
      port,
      nodeId,
      clientId: options.clientId,
      tls: tlsOptions(options.tls),
      sasl: options.sasl,
      setupTimeoutMs: options.connectionSetupTimeoutMs,
      requestTimeoutMs: options.requestTimeoutMs,
      maxResponseBytes: options.maxResponseBytes,
      onClose: (error) => {
        if (this.#slots.get(key)?.connection === connection) this.#slots.delete(key)
        if (connection.stage !== 'established') return
        const isShortLived = clock.monotonic() - madeAt < options.reconnectBackoffMaxMs
        // A listener that takes connections and drops them is paced like one that takes none.
        if (error !== undefined && isShortLived && !this.#isClosed) this.#slowDown(pace)
        this.#emitter.emit('disconnected', {
          broker,
          purpose,
          ...(error === undefined ? {} : { error }),
        })
      },
      onThrottle: (api, throttleTimeMs) =>
        this.#emitter.emit('throttled', { broker, api, throttleTimeMs }),
      onAnswer: () => {
        pace.failures = 0
        pace.nextAttemptAt = 0
      },
    })
    return connection
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0) return
    await new Promise<void>((resolve) => {
      const pause = {
        wake: resolve,
        timer: this.#environment.timers.set(delayMs, () => {
          this.#pauses.delete(pause)
          resolve()
        }),
      }
      this.#pauses.add(pause)
    })
  }

  #armReaper(): void {
    if (this.#reaper !== undefined || this.#isClosed) return
    const { timers, clock } = this.#environment
    const maxIdleMs = this.#options.connectionsMaxIdleMs
    this.#reaper = timers.set(Math.min(REAP_INTERVAL_MS, maxIdleMs), () => {
      this.#reaper = undefined
      for (const { connection } of [...this.#slots.values()]) {
        if (connection === undefined || connection.inFlightCount > 0) continue
        if (clock.monotonic() - connection.lastUseAt >= maxIdleMs) connection.close()
      }
      if (this.#slots.size > 0) this.#armReaper()
    })
    this.#reaper.unref()
  }

  /** Closes the connections that were for this purpose alone, or the one to this address. */
  closePurpose(purpose: Purpose, address?: ServerAddress): void {
    for (const [key, { connection }] of [...this.#slots]) {
      const isMeant = address === undefined || key === keyOf(address, purpose)
      if (isMeant && key.endsWith(` ${purpose}`)) connection?.close()
    }
  }

  /** Closes the connections on which nothing is under way. */
  closeIdle(): void {
    for (const { connection } of [...this.#slots.values()]) {
      if (connection?.inFlightCount === 0) connection.close()
    }
  }

  /** Closes every connection (those to other addresses than `keep`, when given). */
  closeConnections(keep: (address: ServerAddress) => boolean = () => false): void {
    for (const { address, connection } of [...this.#slots.values()]) {
      if (!keep(address)) connection?.close()
    }
  }

  /**
   * Brokers moved to other addresses: connections to the old ones, which may be mute, are closed.
   * What is in flight on them fails, retriably, and is sent again to the new address.
   */
  leave(addresses: readonly BrokerAddress[]): void {
    for (const [key, slot] of [...this.#slots]) {
      const { host, port } = slot.address
      const left = addresses.find((one) => one.host === host && one.port === port)
      if (left === undefined) continue
      if (this.#slots.get(key) === slot) this.#slots.delete(key)
      slot.isLeft = true
      const { connection } = slot
      // Without a connection it waits out a pause, or for the outcome of another attempt.
      if (connection === undefined) slot.leave(movedError(left, 'tcp'))
      else connection.close(movedError(left, connection.stage))
    }
  }

  close(): void {
    this.#isClosed = true
    this.#environment.timers.clear(this.#reaper)
    for (const { timer, wake } of this.#pauses) {
      this.#environment.timers.clear(timer)
      wake()
    }
    this.#pauses.clear()
    for (const slot of [...this.#slots.values()]) {
      slot.connection?.close(
        new ConnectionError('This client was closed while a request was under way.', 'established'),
      )
    }
    this.#slots.clear()
  }
}

function keyOf({ host, port }: ServerAddress, purpose: Purpose): string {
  return `${host}:${port} ${purpose}`
}

function movedError({ host, port, nodeId }: BrokerAddress, stage: ConnectionStage) {
  return new ConnectionError(
    `Broker ${nodeId ?? 'behind the bootstrap server'} has another address now: the connection ` +
      `to ${host}:${port} is replaced.`,
    stage,
  )
}

function tlsOptions(tls: EffectiveKafkaOptions['tls']): ClientTlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined
  return tls === true ? {} : tls
}
