/**
 * The one door between Odradek and the world. Everything that depends on when, by chance, over
 * which socket or in which thread something happens goes through an `Environment`; the rest of the
 * code is a function of what came through this door. So the same client runs on a real machine
 * and, with a virtual environment, in a simulated world where a seed decides everything and an
 * hour passes in milliseconds.
 *
 * An environment stands for one *process* of a world. It can be killed (its timers and sockets
 * vanish without a word), paused, its loop blocked, its clocks skewed; `virtual/virtual-process.ts`
 * has the handles.
 */
export interface Environment {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly network: Network
  readonly threads: Threads
  readonly signals: Signals
}

/** Signals that a process gets from outside: `SIGTERM`, `SIGINT` and so on. */
export interface Signals {
  /**
   * Calls `listener` at each one; the answer takes it off again. Where somebody listens the signal
   * does not end the process any more. Listening does not keep a process alive.
   */
  on(signal: string, listener: () => void): () => void
}

export interface Clock {
  /**
   * Milliseconds since the epoch, as people see it. It may jump; use it for record timestamps only.
   */
  now(): number
  /** Milliseconds since some point in the past; never goes back. Deadlines and durations use it. */
  monotonic(): number
}

/** A pending timer. Opaque: hand it back to `clear`. */
export interface Timer {
  /** Lets the process end although this timer is pending. No effect in a virtual world. */
  unref(): void
}

export interface Timers {
  /**
   * Calls `callback` once, `delayMs` from now (at least; late after a blocked loop). Delays are
   * whole milliseconds, one at least and 2^31 - 1 (24.8 days) at most.
   */
  set(delayMs: number, callback: () => void): Timer
  clear(timer: Timer | undefined): void
  /**
   * Resolves after one turn of the event loop, in which sockets are drained and due timers fire.
   * Long computations and loops of resolved awaits yield by count, so that heartbeats stay alive.
   */
  turn(): Promise<void>
  /** Like `turn` with a callback: runs it after pending input was read, before timers due later. */
  soon(callback: () => void): void
}

export interface Random {
  /** Cryptographically strong in the real environment, seeded in a virtual one. */
  bytes(count: number): Buffer
  /** An integer in `[0, bound)`; `bound` is at most 2^32. */
  integer(bound: number): number
  /** A number in `[0, 1)` with 32 bits of chance. */
  fraction(): number
}

export interface Network {
  /**
   * Starts to connect and returns at once; `handler` hears what becomes of it, never synchronously.
   * The host is an address or a name; names are resolved by the caller with `resolve`, so that each
   * address can be tried and a failure names its stage.
   */
  connect(options: ConnectOptions, handler: ConnectionHandler): Connection
  /** Resolves to the listener once it accepts connections. Port 0 picks a free one. */
  listen(
    options: ListenOptions,
    accept: (connection: Connection) => ConnectionHandler,
  ): Promise<Listener>
  /** All addresses of a host name, in the resolver's order. An address resolves to itself. */
  resolve(host: string): Promise<readonly string[]>
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /**
   * Speak TLS from the first byte. `servername` is sent as SNI and checked against the certificate.
   */
  readonly tls?: ClientTlsOptions | undefined
  /** Give up, with an `ETIMEDOUT` error, when neither connected nor failed after so long. */
  readonly timeoutMs?: number | undefined
}

export interface ClientTlsOptions {
  readonly servername?: string | undefined
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly passphrase?: string | undefined
  /** `false` accepts any certificate: for tests alone. */
  readonly rejectUnauthorized?: boolean | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly tls?: ServerTlsOptions | undefined
}

export interface ServerTlsOptions {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  readonly requestCert?: boolean | undefined
  readonly rejectUnauthorized?: boolean | undefined
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting. Connections that were accepted live on until they are closed. */
  close(): Promise<void>
}

/** What a connection tells its owner. Called with no owner's code on the stack. */
export interface ConnectionHandler {
  /** The connection (with its TLS handshake, if any) is ready. Not called for accepted ones. */
  onConnect?(): void
  /** `buffer[0, length)` arrived; it is valid during the call only, copy what must last. */
  onData(buffer: Uint8Array, length: number): void
  /** `write` returned false before; now there is room again. */
  onDrain?(): void
  /** The last word: nothing is called after it. `error` is absent after an orderly end. */
  onClose(error?: NetworkError): void
}

/** Why a connection failed; `stage` is the step it had reached. */
export interface NetworkError extends Error {
  readonly code?: string | undefined
  readonly stage?: 'dns' | 'tcp' | 'tls' | 'established' | undefined
}

export interface Connection {
  readonly remoteHost: string
  readonly remotePort: number
  /** The subject of the peer's verified certificate (`CN=client,O=Acme`), when TLS has one. */
  readonly peerSubject: string | undefined
  /**
   * Queues bytes, also before the connection is ready; several chunks leave in one write. They must
   * not change while `bufferedBytes` counts them. Returns false when the owner should wait for
   * `onDrain`. After `end` and after the connection closed, bytes are dropped without a word:
   * `onClose` has said, or will say, what there is to say.
   */
  write(chunks: readonly Uint8Array[]): boolean
  /** Bytes that were accepted by `write` and that the network still looks at. */
  readonly bufferedBytes: number
  /** Stops `onData` until `resume`: back-pressure reaches the peer. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes; `onClose` follows once the peer has ended too. */
  end(): void
  /** Closes at once, dropping what is queued. `onClose` follows, never synchronously. */
  destroy(): void
}

/**
 * Threads run a module of ours beside the event loop. In a virtual world they run inline, on their
 * own environment, which stays alive while their parent's loop is blocked.
 */
export interface Threads {
  /** Whether this runtime can start threads at all. */
  readonly available: boolean
  start(options: ThreadOptions): Thread
}

/** A file, or the source of a CommonJS script that needs no other file. */
export type ThreadModule = URL | { readonly source: string }

export interface ThreadOptions {
  /**
   * The module. It exports `run(context: ThreadContext)` and, from this package, `threadContext`:
   * the thread begins with `run(threadContext())`. A source does that itself.
   */
  readonly module: ThreadModule
  /** The same entry as a function: what a virtual world calls in place of loading the module. */
  readonly inline: (context: ThreadContext) => void
  /** Plain data, cloned; shared array buffers are shared. */
  readonly data: unknown
}

export interface Thread {
  /** Messages are cloned; they wait until the thread listens. */
  post(message: unknown): void
  /** Listen before messages can come: with the start of the thread, in the same turn. */
  onMessage(listener: (message: unknown) => void): void
  /** The thread is gone; `error` says why when it was not terminated. */
  onExit(listener: (error?: Error) => void): void
  terminate(): Promise<void>
}

export interface ThreadContext {
  readonly environment: Environment
  readonly data: unknown
  post(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
}
