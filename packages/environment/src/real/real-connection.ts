/** One socket, plain or TLS, as a `Connection`: every event of the socket has a listener. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Connection, ConnectionHandler, NetworkError } from '../environment.ts'

export interface RealConnectionOptions {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

type Stage = NonNullable<NetworkError['stage']>

export class RealConnection implements Connection {
  readonly remoteHost: string
  readonly remotePort: number
  handler: ConnectionHandler | undefined
  readonly #socket: Socket
  readonly #isTls: boolean
  #stage: Stage = 'established'
  #error: Error | undefined
  #isPaused = false

  constructor(
    socket: Socket,
    handler: ConnectionHandler | undefined,
    { host, port, isTls }: RealConnectionOptions,
  ) {
    this.#socket = socket
    this.handler = handler
    this.remoteHost = host
    this.remotePort = port
    this.#isTls = isTls
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('drain', () => this.handler?.onDrain?.())
    socket.on('close', () => this.#closed())
    // The peer has ended: brokers and clients do not use half-closed connections.
    socket.on('end', () => socket.end())
  }

  /** Called for connections that this end opens: names the stage of a failure, and its deadline. */
  watchConnect(timeoutMs: number | undefined): void {
    const socket = this.#socket
    this.#stage = 'tcp'
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            const error = new Error(`no connection after ${timeoutMs} ms`)
            socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
          }, timeoutMs)
    socket.once('connect', () => {
      if (this.#isTls) this.#stage = 'tls'
    })
    socket.once('close', () => clearTimeout(timer))
    socket.once(this.#isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      this.#stage = 'established'
      this.handler?.onConnect?.()
    })
  }

  /** Bytes arrived; returns whether reading may continue. */
  deliver(buffer: Uint8Array, length: number): boolean {
    this.handler?.onData(buffer, length)
    return !this.#isPaused
  }

  get peerSubject(): string | undefined {
    const socket = this.#socket as TLSSocket
    if (!this.#isTls || !socket.authorized) return undefined
    return distinguishedName(socket.getPeerCertificate()?.subject)
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) return true
    if (chunks.length === 1) return socket.write(chunks[0] as Uint8Array)
    socket.cork()
    let hasRoom = true
    for (const chunk of chunks) hasRoom = socket.write(chunk)
    socket.uncork()
    return hasRoom
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #closed(): void {
    const handler = this.handler
    this.handler = undefined
    if (this.#error === undefined && this.#stage === 'established') handler?.onClose()
    else {
      const error: Error = this.#error ?? new Error('the peer closed the connection')
      handler?.onClose(Object.assign(error, { stage: this.#stage }) as NetworkError)
    }
  }
}

/** A subject as in Kafka's principals (RFC 2253): the most specific part first. */
function distinguishedName(subject: object | undefined): string | undefined {
  if (subject === undefined) return undefined
  const parts = Object.entries(subject as Record<string, string | string[]>).flatMap(
    ([key, value]) => [value].flat().map((one) => `${key}=${escapeValue(one)}`),
  )
  return parts.length === 0 ? undefined : parts.toReversed().join(',')
}

function escapeValue(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]| $/g, (char) => `\\${char}`)
}
