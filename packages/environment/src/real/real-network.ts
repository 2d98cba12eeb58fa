/**
 * Sockets of the operating system. Reading goes through `onread` into one reused buffer per
 * connection, which costs a quarter of 'data' events; where Node ignores `onread` (accepted
 * sockets) the 'data' events are adapted to the same shape.
 */
import { lookup } from 'node:dns/promises'
import { createServer, isIP, connect as netConnect, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type {
  Connection,
  ConnectionHandler,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from '../environment.ts'
import { RealConnection } from './real-connection.ts'

const READ_BUFFER_BYTES = 256 * 1024
const KEEP_ALIVE_MS = 30_000

/** Evaluated with the first secure connection: importing it takes five milliseconds. */
function tlsModule(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls')
}

export const realNetwork: Network = {
  connect,
  listen,
  resolve: async (host) => {
    if (isIP(host) !== 0) return [host]
    const found = await lookup(host, { all: true, verbatim: true })
    return found.map(({ address }) => address)
  },
}

function connect(options: ConnectOptions, handler: ConnectionHandler): Connection {
  const { host, port, tls } = options
  // `onread` needs its buffer before the connection exists; this variable connects the two.
  let connection: RealConnection | undefined
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    callback: (length: number, buffer: Uint8Array): boolean =>
      connection?.deliver(buffer, length) ?? true,
  }
  const common = { host, port, noDelay: true, keepAlive: true, onread }
  const socket: Socket =
    tls === undefined
      ? netConnect({ ...common, keepAliveInitialDelay: KEEP_ALIVE_MS })
      : tlsModule().connect({
          ...common,
          // Names are sent as SNI; an address is checked against the certificate's addresses.
          ...(tls.servername === undefined || isIP(tls.servername) !== 0
            ? {}
            : { servername: tls.servername }),
          ...(tls.ca === undefined ? {} : { ca: mutable(tls.ca) }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
          rejectUnauthorized: tls.rejectUnauthorized ?? true,
          minVersion: tls.minVersion ?? 'TLSv1.2',
        })
  connection = new RealConnection(socket, handler, { host, port, isTls: tls !== undefined })
  connection.watchConnect(options.timeoutMs)
  return connection
}

async function listen(
  options: ListenOptions,
  accept: (connection: Connection) => ConnectionHandler,
): Promise<Listener> {
  const onSocket = (socket: Socket): void => {
    const connection = new RealConnection(socket, undefined, {
      host: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      isTls: options.tls !== undefined,
    })
    connection.handler = accept(connection)
    socket.on('data', (chunk: Buffer) => connection.deliver(chunk, chunk.length))
  }
  const { tls } = options
  const server: Server =
    tls === undefined
      ? createServer({ noDelay: true }, onSocket)
      : tlsModule().createServer(
          {
            noDelay: true,
            cert: tls.cert,
            key: tls.key,
            requestCert: tls.requestCert ?? false,
            rejectUnauthorized: tls.rejectUnauthorized ?? false,
            ...(tls.ca === undefined ? {} : { ca: mutable(tls.ca) }),
          },
          (socket: TLSSocket) => onSocket(socket),
        )
  // A failed handshake ends that connection and does not affect others.
  server.on('tlsClientError', (_error, socket: Socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  server.on('error', () => undefined)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    host: options.host,
    port,
    close: async () => {
      // Accepted connections stay open, so the callback of `close` is not awaited.
      server.close()
    },
  }
}

function mutable<T>(value: T | readonly T[]): T | T[] {
  return Array.isArray(value) ? [...(value as readonly T[])] : (value as T)
}
