/**
 * A client for tests that knows only frames: it sends given requests and returns the responses,
 * over any environment.
 */
import type { Connection, Environment, NetworkError } from '@odradek/environment'
import {
  type AnyApi,
  decodeResponse,
  encodeRequest,
  FrameReader,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'

export class DisconnectedError extends Error {}

const MAX_FRAME_BYTES = 100_000_000

interface Pending {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

export class RawClient {
  readonly #connection: Connection
  readonly #pending: Pending[] = []
  readonly #closed: Promise<void>
  readonly clientId: string
  #isClosed = false
  #nextCorrelationId = 1

  private constructor(
    environment: Environment,
    address: string,
    { clientId, ca, onConnect }: RawClientOptions & { onConnect: (error?: Error) => void },
  ) {
    const [host = '', port = ''] = address.split(':')
    this.clientId = clientId ?? 'raw'
    let settleClosed: () => void
    this.#closed = new Promise((resolve) => {
      settleClosed = resolve
    })
    const reader = new FrameReader(MAX_FRAME_BYTES, (frame) => {
      this.#pending.shift()?.resolve(frame)
    })
    this.#connection = environment.network.connect(
      {
        host,
        port: Number(port),
        ...(ca === undefined ? {} : { tls: { ca, servername: 'localhost' } }),
      },
      {
        onConnect: () => onConnect(),
        onData: (buffer, length) => reader.push(buffer, length),
        onClose: (error?: NetworkError) => {
          this.#isClosed = true
          onConnect(error ?? new DisconnectedError('closed'))
          settleClosed()
          for (const { reject } of this.#pending.splice(0)) {
            reject(new DisconnectedError('disconnected'))
          }
        },
      },
    )
  }

  static connect(
    environment: Environment,
    address: string,
    options: RawClientOptions = {},
  ): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const client: RawClient = new RawClient(environment, address, {
        ...options,
        onConnect: (error) => (error === undefined ? resolve(client) : reject(error)),
      })
    })
  }

  /** Resolves when the connection has ended. */
  get closed(): Promise<void> {
    return this.#closed
  }

  request<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInput<A>,
  ): Promise<ResponseOf<A>> {
    const correlationId = this.#nextCorrelationId++
    const frame = encodeRequest(api, version, { correlationId, clientId: this.clientId, body })
    return this.raw(frame.chunks).then((answer) => {
      const decoded = decodeResponse(api, version, answer)
      if (decoded.correlationId !== correlationId) throw new Error('answers are out of order')
      return decoded.body
    })
  }

  /** Sends bytes as they are; the next frame is the response. */
  raw(chunks: readonly Uint8Array[]): Promise<Buffer> {
    if (this.#isClosed) return Promise.reject(new DisconnectedError('disconnected'))
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      this.#connection.write(chunks)
    })
  }

  destroy(): void {
    this.#connection.destroy()
  }
}

export interface RawClientOptions {
  readonly clientId?: string
  /** Use TLS, and trust this certificate. */
  readonly ca?: string
}
