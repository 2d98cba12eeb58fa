/**
 * Peers for tests of either environment: an echo server, and a client that records what it
 * receives.
 */
import type {
  Connection,
  ConnectOptions,
  Environment,
  Listener,
  NetworkError,
  ServerTlsOptions,
} from './environment.ts'

export interface Peer {
  readonly connection: Connection
  readonly received: string[]
  readonly closed: Promise<NetworkError | undefined>
}

export interface Server {
  readonly listener: Listener
  readonly accepted: Peer[]
}

/** A server that records what it receives and, with `isEcho`, sends it back. */
export async function serve(
  environment: Environment,
  host: string,
  port: number,
  {
    isEcho = true,
    tls,
  }: { readonly isEcho?: boolean; readonly tls?: ServerTlsOptions | undefined } = {},
): Promise<Server> {
  const accepted: Peer[] = []
  const listener = await environment.network.listen({ host, port, tls }, (connection) => {
    const { peer, onData, onClose } = remember(connection)
    accepted.push(peer)
    return {
      onData: (buffer, length) => {
        onData(buffer, length)
        if (isEcho) connection.write([Buffer.from(buffer.subarray(0, length))])
      },
      onClose,
    }
  })
  return { listener, accepted }
}

export function remember(connection: Connection): {
  readonly peer: Peer
  readonly onData: (buffer: Uint8Array, length: number) => void
  readonly onClose: (error?: NetworkError) => void
} {
  const received: string[] = []
  let onClose: (error?: NetworkError) => void = () => undefined
  const closed = new Promise<NetworkError | undefined>((resolve) => {
    onClose = resolve
  })
  const onData = (buffer: Uint8Array, length: number): void => {
    received.push(Buffer.from(buffer.subarray(0, length)).toString('latin1'))
  }
  return { peer: { connection, received, closed }, onData, onClose }
}

/** Resolves once connected, rejects when that fails. */
export function dial(
  environment: Environment,
  options: ConnectOptions,
  onConnect?: (connection: Connection) => void,
): Promise<Peer> {
  return new Promise((resolve, reject) => {
    let kept: ReturnType<typeof remember> | undefined
    const connection = environment.network.connect(options, {
      onConnect: () => {
        kept = remember(connection)
        onConnect?.(connection)
        resolve(kept.peer)
      },
      onData: (buffer, length) => kept?.onData(buffer, length),
      onClose: (error) => {
        if (kept === undefined) reject(error ?? new Error('closed before it was open'))
        else kept.onClose(error)
      },
    })
  })
}

/** Waits, by turns of the event loop, until a condition holds; the test's timeout is the limit. */
export async function until(environment: Environment, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      environment.timers.set(1, resolve)
    })
  }
}
