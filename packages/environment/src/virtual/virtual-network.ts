/**
 * The network between virtual processes: listeners, host names, and network faults. A partition
 * keeps bytes as TCP does and delivers them once it heals. Kernels do the handshakes: a paused or
 * blocked process can be connected to, and accepts later.
 */
import type {
  Connection,
  ConnectionHandler,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from '../environment.ts'
import { PHASE } from './event-queue.ts'
import { type LinkRule, Links } from './links.ts'
import { networkError } from './network-error.ts'
import type { ProcessHandle } from './process-handle.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualConnection } from './virtual-connection.ts'
import type { WorldHandle } from './world-handle.ts'

interface VirtualListener {
  readonly process: ProcessHandle
  readonly options: ListenOptions
  readonly accept: (connection: Connection) => ConnectionHandler
}

const FIRST_EPHEMERAL_PORT = 49_152
/** The interval and the limit of retries of lost handshake packets (Linux's 6 tries). */
const HANDSHAKE_RETRY_MS = 500
const HANDSHAKE_TIMEOUT_MS = 127_000
/** The interval of retries of an unacknowledged segment. */
const RETRANSMIT_MS = 1000

export class VirtualNetwork {
  /** @internal */
  readonly random: SeededRandom
  readonly #world: WorldHandle
  readonly #links: Links
  readonly #listeners = new Map<string, VirtualListener>()
  /**
   * Addresses of listeners on machines without power: connects get no response, not even a refusal.
   */
  readonly #poweredOff = new Map<string, string>()
  readonly #names = new Map<string, readonly string[] | Error>()
  readonly #connections = new Set<VirtualConnection>()
  /** Ends on machines without power, to which bytes are being sent. */
  readonly #unacknowledged = new Set<VirtualConnection>()
  #nextPort = FIRST_EPHEMERAL_PORT

  /** @internal */
  constructor(world: WorldHandle, defaults: LinkRule) {
    this.#world = world
    this.#links = new Links(defaults)
    this.random = new SeededRandom(world.seed, 'network')
  }

  /** Sets (or, without a rule, removes) how bytes travel from one process to another. */
  link(from: string, to: string, rule?: LinkRule): void {
    this.#links.set(from, to, rule)
    this.#wake()
  }

  /** Cuts two processes off from each other, or one way only, until `heal`. */
  partition(from: string, to: string, options: { readonly oneWay?: boolean } = {}): void {
    this.#links.cut(from, to)
    if (options.oneWay !== true) this.#links.cut(to, from)
  }

  /** Ends the partition between two processes, or all partitions. */
  heal(a?: string, b?: string): void {
    if (a === undefined || b === undefined) this.#links.healAll()
    else {
      this.#links.heal(a, b)
      this.#links.heal(b, a)
    }
    this.#wake()
  }

  /** Breaks all connections between two processes: both ends get a reset. */
  reset(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      connection.break()
      connection.peer?.break()
    }
  }

  /**
   * A device in between drops the connections of two processes silently: both ends stay open, what
   * is written is lost, nothing arrives. New connections work.
   */
  swallow(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      connection.deafen()
      connection.peer?.deafen()
    }
  }

  /** The connections become half open: `b` gets a reset, and `a` is never notified. */
  halfOpen(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      connection.deafen()
      connection.peer?.deafen()
      connection.peer?.break()
    }
  }

  /** Sets what a host name resolves to; an error makes the look-up fail. */
  name(host: string, addresses: readonly string[] | Error): void {
    this.#names.set(host, addresses)
  }

  /** @internal */
  unregister(connection: VirtualConnection): void {
    this.#connections.delete(connection)
    connection.process.connections.delete(connection)
  }

  /** @internal */
  closeListeners(process: ProcessHandle, silently: boolean): void {
    for (const key of process.listenerKeys) {
      this.#listeners.delete(key)
      if (silently) this.#poweredOff.set(key, process.host.name)
    }
    process.listenerKeys.clear()
  }

  /** @internal The machine has power again: it refuses connections to ports without a listener. */
  powerOn(name: string): void {
    for (const [key, owner] of this.#poweredOff) {
      if (owner === name) this.#poweredOff.delete(key)
    }
    for (const to of this.#unacknowledged) {
      if (to.process.host.name === name) this.#kernel(RETRANSMIT_MS, () => this.#disown(to))
    }
  }

  /** @internal Bytes were sent to a machine without power; they are sent repeatedly. */
  retransmit(to: VirtualConnection): void {
    if (to.process.isAlive || this.#unacknowledged.has(to)) return
    this.#unacknowledged.add(to)
    if (this.#world.isRunning(to.process.host.name)) this.#disown(to)
  }

  /** The machine runs again without the connection: it responds with a reset. */
  #disown(to: VirtualConnection): void {
    const from = to.peer
    if (from === undefined || from.isClosed) this.#unacknowledged.delete(to)
    else if (this.#link(from.process, to.process).isCut) {
      this.#kernel(RETRANSMIT_MS, () => this.#disown(to))
    } else {
      this.#unacknowledged.delete(to)
      this.#kernel(this.#roundTrip(from.process, to.process), () => from.break())
    }
  }

  /** @internal The network as one process sees it. */
  of(process: ProcessHandle): Network {
    return {
      connect: (options, handler) => this.#connect(process, options, handler),
      listen: (options, accept) => this.#listen(process, options, accept),
      resolve: (host) => this.#resolve(process, host),
    }
  }

  /** The ends at `a` of the connections with `b`. */
  #between(a: string, b: string): VirtualConnection[] {
    return [...this.#connections].filter(
      ({ process, peer }) => process.host.name === a && peer?.process.host.name === b,
    )
  }

  #link(from: ProcessHandle, to: ProcessHandle) {
    return this.#links.between(from.host.name, to.host.name)
  }

  /** Healed links deliver what was queued. */
  #wake(): void {
    for (const connection of this.#connections) connection.wake()
  }

  /** Runs something that the kernel does, not a process. */
  #kernel(delayMs: number, action: () => void): void {
    this.#world.at(this.#world.now + delayMs, action)
  }

  #register(connection: VirtualConnection): void {
    this.#connections.add(connection)
    connection.process.connections.add(connection)
  }

  async #resolve(process: ProcessHandle, host: string): Promise<readonly string[]> {
    await new Promise<void>((resolve) => {
      process.schedule(this.#world.now, PHASE.input, resolve)
    })
    const known = this.#names.get(host)
    if (known instanceof Error) throw known
    if (known !== undefined) return known
    const keys = [...this.#listeners.keys(), ...this.#poweredOff.keys()]
    const isKnown = keys.some((key) => key.startsWith(`${host}:`)) || this.#world.hasProcess(host)
    if (isKnown || /^[\d.]+$|:/.test(host)) return [host]
    throw networkError(`getaddrinfo ENOTFOUND ${host}`, 'ENOTFOUND', 'dns')
  }

  async #listen(
    process: ProcessHandle,
    options: ListenOptions,
    accept: (connection: Connection) => ConnectionHandler,
  ): Promise<Listener> {
    const port = options.port === 0 ? this.#nextPort++ : options.port
    const key = `${options.host}:${port}`
    if (this.#listeners.has(key)) {
      throw Object.assign(new Error(`listen EADDRINUSE ${key}`), { code: 'EADDRINUSE' })
    }
    if (process.isAlive) {
      this.#listeners.set(key, { process, options, accept })
      this.#poweredOff.delete(key)
      process.listenerKeys.add(key)
    }
    return {
      host: options.host,
      port,
      close: async () => {
        if (this.#listeners.get(key)?.process === process) this.#listeners.delete(key)
        process.listenerKeys.delete(key)
      },
    }
  }

  #connect(
    process: ProcessHandle,
    options: ConnectOptions,
    handler: ConnectionHandler,
  ): Connection {
    const world = this.#world
    const { host, port, timeoutMs } = options
    const connection = new VirtualConnection(this, process, handler, { host, port })
    if (!process.isAlive) return connection
    this.#register(connection)
    const key = `${host}:${port}`
    const givesUpAt = world.now + HANDSHAKE_TIMEOUT_MS
    const fail = (message: string, code: string): void => {
      process.schedule(world.now, PHASE.input, () =>
        connection.fail(networkError(message, code, 'tcp')),
      )
    }
    const attempt = (): void => {
      if (connection.isClosed) return
      const listener = this.#listeners.get(key)
      const isLost =
        listener === undefined
          ? this.#poweredOff.has(key)
          : this.#link(process, listener.process).isCut ||
            this.#link(listener.process, process).isCut
      if (isLost) {
        if (world.now < givesUpAt) this.#kernel(HANDSHAKE_RETRY_MS, attempt)
        else fail(`connect ETIMEDOUT ${key}`, 'ETIMEDOUT')
      } else if (listener === undefined) fail(`connect ECONNREFUSED ${key}`, 'ECONNREFUSED')
      else this.#establish(connection, listener, options)
    }
    const target = this.#listeners.get(key)?.process
    this.#kernel(target === undefined ? 0 : this.#roundTrip(process, target), attempt)
    if (timeoutMs !== undefined) {
      connection.deadline = process.schedule(world.now + timeoutMs, PHASE.timer, () =>
        connection.failUnlessOpen(`no connection after ${timeoutMs} ms`),
      )
    }
    return connection
  }

  #roundTrip(a: ProcessHandle, b: ProcessHandle): number {
    return this.#link(a, b).latency(this.random) + this.#link(b, a).latency(this.random)
  }

  #establish(
    connection: VirtualConnection,
    listener: VirtualListener,
    options: ConnectOptions,
  ): void {
    const { now } = this.#world
    const client = connection.process
    const server = listener.process
    const clientSpeaksTls = options.tls !== undefined
    const serverSpeaksTls = listener.options.tls !== undefined
    if (clientSpeaksTls && !serverSpeaksTls) {
      const error = networkError('the peer did not respond with TLS', 'ECONNRESET', 'tls')
      client.schedule(now, PHASE.input, () => connection.fail(error))
      return
    }
    const accepted = new VirtualConnection(this, server, undefined, { host: client.name, port: 0 })
    accepted.answersWithTlsAlert = serverSpeaksTls && !clientSpeaksTls
    this.#register(accepted)
    connection.pair(accepted, this.#link(server, client))
    accepted.pair(connection, this.#link(client, server))
    server.schedule(now, PHASE.input, () => {
      if (!accepted.answersWithTlsAlert) accepted.handler = listener.accept(accepted)
      accepted.accepted()
      // A TLS handshake needs the server's loop; a TCP handshake was done by its kernel.
      if (clientSpeaksTls) {
        this.#kernel(this.#roundTrip(client, server), () => {
          client.schedule(this.#world.now, PHASE.input, () => connection.open())
        })
      }
    })
    if (!clientSpeaksTls) client.schedule(now, PHASE.input, () => connection.open())
  }
}
