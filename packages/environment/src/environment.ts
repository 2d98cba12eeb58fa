/**
 * The one door between Odradek and the world. Everything that depends on time, randomness, sockets
 * or threads goes through an `Environment`; the rest of the code is a function of what comes
 * through this door. So the same client runs on a real machine and, with a virtual environment, in
 * a simulated world where a seed decides everything and an hour passes in milliseconds.
 *
 * An environment represents one *process* of a world. It can be killed (its timers and sockets are
 * discarded without a callback), paused, its loop blocked, its clocks skewed;
 * `virtual/virtual-process.ts` has the handles.
 */
export interface Environment {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly network: Network
  readonly threads: Threads
  readonly signals: Signals
}

/** Signals that are sent to the process: `SIGTERM`, `SIGINT` and so on. */
export interface Signals {
  /**
   * Calls `listener` for each signal; returns a function that removes it. A signal with a listener
   * does not end the process. Listeners do not keep a process alive.
   */
  on(signal: string, listener: () => void): () => void
}

export interface Clock {
  /**
   * Milliseconds since the epoch: the wall clock. It may jump; use it for record timestamps only.
   */
  now(): number
  /** Milliseconds since some point in the past; never goes back. Deadlines and durations use it. */
  monotonic(): number
}

/** A pending timer. Opaque: pass it to `clear`. */
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
   * Long computations and loops of resolved awaits yield by count, so that heartbeats are sent.
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
  /** A number in `[0, 1)` with 32 random bits. */
  fraction(): number
}

export interface Network {
  /**
   * Starts to connect and returns immediately; the result is reported to `handler`, never
   * synchronously. The host is an address or a name; names are resolved by the caller with
   * `resolve`, so that each address can be tried and a failure names its stage.
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
   * Use TLS from the first byte. `servername` is sent as SNI and checked against the certificate.
   */
  readonly tls?: ClientTlsOptions | undefined
  /** Fail with an `ETIMEDOUT` error if neither connected nor failed after this time. */
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
  /** Stops accepting. Accepted connections stay open until they are closed. */
  close(): Promise<void>
}

/** What a connection reports to its owner. Never called with code of the owner on the stack. */
export interface ConnectionHandler {
  /** The connection (with its TLS handshake, if any) is ready. Not called for accepted ones. */
  onConnect?(): void
  /** `buffer[0, length)` arrived; it is valid during the call only, copy what is needed later. */
  onData(buffer: Uint8Array, length: number): void
  /** `write` returned false before; now more can be written. */
  onDrain?(): void
  /** The last call. `error` is absent after an orderly end. */
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
   * `onDrain`. After `end` and after the connection closed, bytes are dropped silently: `onClose`
   * reports the end.
   */
  write(chunks: readonly Uint8Array[]): boolean
  /** Bytes that were accepted by `write` and that the network still uses. */
  readonly bufferedBytes: number
  /** Stops `onData` until `resume`: back-pressure reaches the peer. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes; `onClose` follows once the peer has ended too. */
  end(): void
  /** Closes immediately, dropping what is queued. `onClose` follows, never synchronously. */
  destroy(): void
}

/**
 * Threads run a module of ours beside the event loop. In a virtual world they run inline, on their
 * own environment, which runs while their parent's loop is blocked.
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
  /** The same entry as a function: what a virtual world calls instead of loading the module. */
  readonly inline: (context: ThreadContext) => void
  /** Plain data, cloned; shared array buffers are shared. */
  readonly data: unknown
}

export interface Thread {
  /** Messages are cloned; they are queued until the thread listens. */
  post(message: unknown): void
  /** Add the listener in the turn in which the thread is started, before messages can arrive. */
  onMessage(listener: (message: unknown) => void): void
  /** The thread has ended; `error` is the reason if it was not terminated. */
  onExit(listener: (error?: Error) => void): void
  terminate(): Promise<void>
}

export interface ThreadContext {
  readonly environment: Environment
  readonly data: unknown
  post(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
}
