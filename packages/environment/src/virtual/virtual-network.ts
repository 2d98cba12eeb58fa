/**
 * The network between virtual processes: who listens where, what names mean, and how each link
 * behaves. Links are directed and named by processes (`*` is everybody): a rule for `a -> b` alone
 * makes a one-way fault. A partition keeps bytes as TCP does and delivers them once it heals.
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
import { networkError } from './network-error.ts'
import { SeededRandom } from './seeded-random.ts'
import { connectPair, VirtualConnection } from './virtual-connection.ts'
import type { VirtualProcess } from './virtual-process.ts'
import type { VirtualWorld } from './virtual-world.ts'

export interface LinkRule {
  /** Delay of each delivery, drawn evenly from the range. */
  readonly latencyMs?: readonly [min: number, max: number] | undefined
  /** Bytes per millisecond; unlimited when absent. */
  readonly bytesPerMs?: number | undefined
  /** Nothing passes until the rule changes. */
  readonly isPartitioned?: boolean | undefined
  /** Deliveries are cut into pieces of random size up to this. */
  readonly maxChunkBytes?: number | undefined
}

interface VirtualListener {
  readonly process: VirtualProcess
  readonly options: ListenOptions
  readonly accept: (connection: Connection) => ConnectionHandler
}

const FIRST_EPHEMERAL_PORT = 49_152

export class VirtualNetwork {
  readonly random: SeededRandom
  readonly #world: VirtualWorld
  readonly #listeners = new Map<string, VirtualListener>()
  readonly #rules = new Map<string, LinkRule>()
  readonly #names = new Map<string, readonly string[] | Error>()
  readonly #connections = new Set<VirtualConnection>()
  #nextPort = FIRST_EPHEMERAL_PORT

  constructor(world: VirtualWorld, defaults: LinkRule) {
    this.#world = world
    this.random = new SeededRandom(world.seed, 'network')
    this.#rules.set('*>*', defaults)
  }

  /** Sets (or, without a rule, removes) how bytes travel from one process to another. */
  link(from: string, to: string, rule?: LinkRule): void {
    const key = `${from}>${to}`
    if (rule === undefined) this.#rules.delete(key)
    else this.#rules.set(key, rule)
    // Healed links deliver what waited.
    for (const connection of this.#connections) connection.pump()
  }

  /** Cuts two processes off from each other until `heal`. */
  partition(a: string, b: string): void {
    this.link(a, b, { isPartitioned: true })
    this.link(b, a, { isPartitioned: true })
  }

  heal(a: string, b: string): void {
    this.link(a, b)
    this.link(b, a)
  }

  /** Breaks all connections between two processes with a reset. */
  reset(a: string, b: string): void {
    for (const connection of [...this.#connections]) {
      if (connection.process.name === a && connection.peer?.process.name === b) connection.break()
    }
  }

  /** What a host name resolves to; an error makes the look-up fail. */
  name(host: string, addresses: readonly string[] | Error): void {
    this.#names.set(host, addresses)
  }

  /** @internal */
  ruleOf(from: VirtualProcess, to: VirtualProcess): LinkRule {
    const rules = this.#rules
    return {
      ...rules.get('*>*'),
      ...rules.get(`*>${to.name}`),
      ...rules.get(`${from.name}>*`),
      ...rules.get(`${from.name}>${to.name}`),
    }
  }

  /** @internal */
  latency(rule: LinkRule): number {
    const [min, max] = rule.latencyMs ?? [0, 0]
    return max > min ? min + this.random.integer(max - min + 1) : min
  }

  /** @internal */
  register(connection: VirtualConnection): void {
    this.#connections.add(connection)
    connection.process.connections.add(connection)
  }

  /** @internal */
  unregister(connection: VirtualConnection): void {
    this.#connections.delete(connection)
    connection.process.connections.delete(connection)
  }

  /** @internal */
  closeListeners(process: VirtualProcess): void {
    for (const key of process.listenerKeys) this.#listeners.delete(key)
    process.listenerKeys.clear()
  }

  /** @internal The network as one process sees it. */
  of(process: VirtualProcess): Network {
    return {
      connect: (options, handler) => this.#connect(process, options, handler),
      listen: (options, accept) => this.#listen(process, options, accept),
      resolve: (host) => this.#resolve(process, host),
    }
  }

  async #resolve(process: VirtualProcess, host: string): Promise<readonly string[]> {
    await new Promise<void>((resolve) => {
      process.schedule(this.#world.now, PHASE.input, resolve)
    })
    const known = this.#names.get(host)
    if (known instanceof Error) throw known
    if (known !== undefined) return known
    const listens = [...this.#listeners.keys()].some((key) => key.startsWith(`${host}:`))
    if (listens || /^[\d.]+$/.test(host) || this.#world.hasProcess(host)) return [host]
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
      code: 'ENOTFOUND',
      stage: 'dns',
    })
  }

  async #listen(
    process: VirtualProcess,
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
    process: VirtualProcess,
    options: ConnectOptions,
    handler: ConnectionHandler,
  ): Connection {
    const world = this.#world
    const { host, port, timeoutMs } = options
    const connection = new VirtualConnection(this, process, handler, { host, port })
    if (!process.isAlive) return connection
    this.register(connection)
    const key = `${host}:${port}`
    const deadline = timeoutMs === undefined ? undefined : world.now + timeoutMs
    const attempt = (): void => {
      if (connection.isClosed) return
      const listener = this.#listeners.get(key)
      const target = listener?.process
      const isCut =
        target !== undefined &&
        (this.ruleOf(process, target).isPartitioned === true ||
          this.ruleOf(target, process).isPartitioned === true)
      if (isCut) {
        // Like lost handshake packets: tried again until the caller gives up.
        if (deadline === undefined || world.now < deadline) {
          process.schedule(world.now + 500, PHASE.input, attempt)
        }
        return
      }
      if (listener === undefined) {
        connection.fail(networkError(`connect ECONNREFUSED ${key}`, 'ECONNREFUSED', 'tcp'))
        return
      }
      this.#establish(connection, listener, options)
    }
    const target = this.#listeners.get(key)?.process
    const delay = target === undefined ? 0 : 2 * this.latency(this.ruleOf(process, target))
    process.schedule(world.now + delay, PHASE.input, attempt)
    if (deadline !== undefined) {
      const timer = process.schedule(deadline, PHASE.timer, () => {
        connection.failUnlessOpen(
          networkError(`no connection after ${timeoutMs} ms`, 'ETIMEDOUT', 'tcp'),
        )
      })
      connection.onceOpenOrClosed(() => {
        timer.isCancelled = true
      })
    }
    return connection
  }

  #establish(
    connection: VirtualConnection,
    listener: VirtualListener,
    options: ConnectOptions,
  ): void {
    const clientSpeaksTls = options.tls !== undefined
    const serverSpeaksTls = listener.options.tls !== undefined
    if (clientSpeaksTls && !serverSpeaksTls) {
      connection.fail(networkError('the peer did not answer in TLS', 'ECONNRESET', 'tls'))
      return
    }
    const { process } = listener
    const accepted = new VirtualConnection(this, process, undefined, {
      host: connection.process.name,
      port: 0,
    })
    if (!clientSpeaksTls && serverSpeaksTls) accepted.answersWithTlsAlert = true
    this.register(accepted)
    connectPair(connection, accepted)
    accepted.handler = listener.accept(accepted)
    connection.open()
  }
}
