/**
 * One accepted connection. Requests are handled one at a time and in order: the next is handled
 * only when the last got its response, so a parked join or a long poll delays the requests behind
 * it, as in Kafka. Memory per peer is bounded: while requests queue up or the peer does not read
 * its responses, the connection is not read.
 */
import type { Connection, ConnectionHandler } from '@odradek/environment'
import { FrameReader, ProtocolError } from '@odradek/protocol'
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { ClientHandle } from '../cluster/client-handle.ts'
import { Authenticator } from '../security/authenticator.ts'
import type { Outcome } from './outcome.ts'

/** The broker that accepted the connection. */
export interface ConnectionOwner extends BrokerContext {
  dispatch(frame: Buffer, connection: ClientHandle): Outcome | Promise<Outcome>
  onConnectionClosed(connection: ClientConnection): void
}

/** Requests in a row after which other connections get their turn. */
const REQUESTS_PER_TURN = 64
const MAX_QUEUED_FRAMES = 256
const MAX_QUEUED_BYTES = 16 * 1024 * 1024

export class ClientConnection implements ClientHandle, ConnectionHandler {
  readonly id: number
  readonly authenticator: Authenticator
  readonly #owner: ConnectionOwner
  readonly #connection: Connection
  readonly #frames: Buffer[] = []
  readonly #reader: FrameReader
  readonly #closeListeners = new Set<() => void>()
  #queuedBytes = 0
  #isBusy = false
  #isPaused = false
  #hasRoom = true
  #isClosed = false

  constructor(owner: ConnectionOwner, connection: Connection, id: number) {
    const { cluster, environment } = owner
    this.id = id
    this.#owner = owner
    this.#connection = connection
    this.authenticator = new Authenticator(cluster.options.sasl, cluster.credentials, environment)
    this.#reader = new FrameReader(cluster.options.socketRequestMaxBytes, (frame) => {
      this.#frames.push(frame)
      this.#queuedBytes += frame.length
    })
  }

  get host(): string {
    return `/${this.#connection.remoteHost}`
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Calls back once when the connection ends; returns a function that removes the listener. */
  onceClosed(listener: () => void): () => void {
    if (this.#isClosed) listener()
    else this.#closeListeners.add(listener)
    return () => void this.#closeListeners.delete(listener)
  }

  onData(buffer: Uint8Array, length: number): void {
    if (this.#isClosed) return
    try {
      this.#reader.push(buffer, length)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.destroy()
      return
    }
    this.#pump()
  }

  onDrain(): void {
    this.#hasRoom = true
    this.#pump()
  }

  onClose(): void {
    this.#finish()
  }

  /** Cuts the connection; waiting requests get no response. */
  destroy(): void {
    this.#connection.destroy()
    this.#finish()
  }

  /** Sends what is queued and closes. */
  end(): void {
    this.#connection.end()
    this.#finish()
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#frames.length = 0
    this.#queuedBytes = 0
    this.#owner.onConnectionClosed(this)
    const listeners = [...this.#closeListeners]
    this.#closeListeners.clear()
    for (const listener of listeners) listener()
  }

  #pump(): void {
    let count = 0
    while (!this.#isBusy && this.#hasRoom && !this.#isClosed) {
      const frame = this.#frames.shift()
      if (frame === undefined) break
      this.#queuedBytes -= frame.length
      const outcome = this.#handle(frame)
      if (outcome instanceof Promise) {
        this.#isBusy = true
        void outcome.then((late) => this.#resume(late))
      } else {
        this.#act(outcome)
        if (++count === REQUESTS_PER_TURN) {
          this.#isBusy = true
          this.#owner.environment.timers.soon(() => this.#resume('nothing'))
        }
      }
    }
    this.#applyBackPressure()
  }

  #handle(frame: Buffer): Outcome | Promise<Outcome> {
    try {
      return this.#owner.dispatch(frame, this)
    } catch (error) {
      // Invalid bytes end this connection and do not affect others.
      if (!(error instanceof ProtocolError)) this.#owner.cluster.report(this.#owner.nodeId, error)
      return 'disconnect'
    }
  }

  #resume(outcome: Outcome): void {
    this.#isBusy = false
    this.#act(outcome)
    this.#pump()
  }

  #act(outcome: Outcome): void {
    if (this.#isClosed || outcome === 'nothing') return
    if (outcome === 'disconnect') {
      this.destroy()
      return
    }
    if (outcome === 'silence') {
      this.#isBusy = true
      return
    }
    this.#hasRoom = this.#connection.write(outcome.write)
    if (outcome.end === true) this.end()
    else if (outcome.muteMs !== undefined && outcome.muteMs > 0) {
      this.#isBusy = true
      this.#owner.later(outcome.muteMs, () => this.#resume('nothing'))
    }
  }

  #applyBackPressure(): void {
    if (this.#isClosed) return
    const isFull = this.#frames.length > MAX_QUEUED_FRAMES || this.#queuedBytes > MAX_QUEUED_BYTES
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.#connection.pause()
    else this.#connection.resume()
  }
}
