/**
 * Connections to brokers: one per broker and purpose, because a broker reads the next request of a
 * connection only after it answered the last, and a parked join or fetch must not starve a
 * heartbeat. Reconnecting is paced per broker with jitter, whatever the purpose; idle connections
 * are closed.
 */
import type { ClientTlsOptions, Environment, Timer } from '@odradek/environment'
import { BrokerConnection } from '../connection/broker-connection.ts'
import { ConnectionError, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { ServerAddress } from '../options/bootstrap-servers.ts'
import type { EffectiveKafkaOptions } from '../options/client-options.ts'
import { backoffMs } from './backoff.ts'

export type Purpose = 'fetch' | 'produce' | 'membership' | 'heartbeat' | 'general'

interface Slot {
  readonly address: ServerAddress
  readonly opening: Promise<BrokerConnection>
  connection: BrokerConnection | undefined
}

interface Pace {
  failures: number
  nextAttemptAt: number
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
  connection(address: ServerAddress, purpose: Purpose): Promise<BrokerConnection> {
    if (this.#isClosed) return Promise.reject(new UsageError('This client is closed.'))
    const key = `${address.host}:${address.port} ${purpose}`
    const slot = this.#slots.get(key)
    if (slot !== undefined) return slot.opening
    const opening = this.#open(key, address, purpose)
    this.#slots.set(key, { address, opening, connection: undefined })
    this.#armReaper()
    return opening
  }

  /** Whether a connection could be tried at once, without waiting out a pause. */
  isReachable(address: ServerAddress): boolean {
    const pace = this.#paces.get(`${address.host}:${address.port}`)
    return pace === undefined || pace.nextAttemptAt <= this.#environment.clock.monotonic()
  }

  /** Requests under way to this broker on an open connection, or undefined without one. */
  loadOf(address: ServerAddress, purpose: Purpose): number | undefined {
    const connection = this.#slots.get(`${address.host}:${address.port} ${purpose}`)?.connection
    return connection?.inFlightCount
  }

  async #open(key: string, address: ServerAddress, purpose: Purpose): Promise<BrokerConnection> {
    const broker = `${address.host}:${address.port}`
    const pace = this.#paces.get(broker) ?? { failures: 0, nextAttemptAt: 0 }
    this.#paces.set(broker, pace)
    let connection: BrokerConnection | undefined
    try {
      await this.#pause(pace.nextAttemptAt - this.#environment.clock.monotonic())
      if (this.#isClosed) throw new UsageError('This client is closed.')
      connection = this.#make(key, address, purpose)
      // Closing the pool must find a connection that is still being opened.
      this.#track(key, connection)
      await connection.open()
    } catch (error) {
      this.#slots.delete(key)
      const { reconnectBackoffMs: initialMs, reconnectBackoffMaxMs: maxMs } = this.#options
      const { clock, random } = this.#environment
      pace.nextAttemptAt =
        clock.monotonic() + backoffMs({ initialMs, maxMs }, pace.failures, random)
      pace.failures++
      throw error
    }
    if (this.#isClosed) {
      connection.close()
      throw new UsageError('This client is closed.')
    }
    pace.failures = 0
    pace.nextAttemptAt = 0
    this.#emitter.emit('connected', { broker, purpose })
    return connection
  }

  #track(key: string, connection: BrokerConnection): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined) slot.connection = connection
  }

  #make(key: string, address: ServerAddress, purpose: Purpose): BrokerConnection {
    const options = this.#options
    const broker = `${address.host}:${address.port}`
    const connection: BrokerConnection = new BrokerConnection(this.#environment, {
      ...address,
      clientId: options.clientId,
      tls: tlsOptions(options.tls),
      sasl: options.sasl,
      setupTimeoutMs: options.connectionSetupTimeoutMs,
      requestTimeoutMs: options.requestTimeoutMs,
      maxResponseBytes: options.maxResponseBytes,
      onClose: (error) => {
        if (this.#slots.get(key)?.connection === connection) this.#slots.delete(key)
        this.#emitter.emit('disconnected', {
          broker,
          purpose,
          ...(error === undefined ? {} : { error }),
        })
      },
      onThrottle: (api, throttleTimeMs) =>
        this.#emitter.emit('throttled', { broker, api, throttleTimeMs }),
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

  /** Closes every connection (those to other addresses than `keep`, when given). */
  closeConnections(keep: (address: ServerAddress) => boolean = () => false): void {
    for (const { address, connection } of [...this.#slots.values()]) {
      if (!keep(address)) connection?.close()
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

function tlsOptions(tls: EffectiveKafkaOptions['tls']): ClientTlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined
  return tls === true ? {} : tls
}
