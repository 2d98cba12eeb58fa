import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, Listener, NetworkError } from '../environment.ts'
import { realEnvironment } from './real-environment.ts'

const { network } = realEnvironment

async function echo(): Promise<Listener> {
  return network.listen({ host: '127.0.0.1', port: 0 }, (connection) => ({
    onData: (buffer, length) => void connection.write([Buffer.from(buffer.subarray(0, length))]),
    onClose: () => undefined,
  }))
}

test('any number of bytes travels both ways, in order', async () => {
  const listener = await echo()
  const size = 3_000_000
  const sent = realEnvironment.random.bytes(size)
  const received: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    let total = 0
    const connection: Connection = network.connect(
      { host: '127.0.0.1', port: listener.port },
      {
        onConnect: () => void connection.write([sent.subarray(0, 10), sent.subarray(10)]),
        onData: (buffer, length) => {
          received.push(Buffer.from(buffer.subarray(0, length)))
          total += length
          if (total === size) connection.end()
        },
        onClose: (error) => (error === undefined ? resolve() : reject(error)),
      },
    )
  })
  assert.equal(Buffer.compare(Buffer.concat(received), sent), 0)
  await listener.close()
})

test('a closed port is refused at the TCP stage', async () => {
  const listener = await echo()
  await listener.close()
  const error = await failure({ host: '127.0.0.1', port: listener.port })
  assert.equal(error?.code, 'ECONNREFUSED')
  assert.equal(error?.stage, 'tcp')
})

test('TLS to a peer without TLS fails at the TLS stage', async () => {
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => ({
    onData: () => connection.destroy(),
    onClose: () => undefined,
  }))
  const error = await failure({ host: '127.0.0.1', port: listener.port, tls: {} })
  assert.equal(error?.stage, 'tls')
  await listener.close()
})

function failure(
  options: Parameters<typeof network.connect>[0],
): Promise<NetworkError | undefined> {
  return new Promise((resolve) => {
    network.connect(options, { onData: () => undefined, onClose: resolve })
  })
}
