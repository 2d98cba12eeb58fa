import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { ClientTlsOptions, NetworkError, ServerTlsOptions } from '../environment.ts'
import { dial, type Peer, type Server, serve, until } from '../peers.test-kit.ts'
import { type Certificates, makeCertificates, whyNoCertificates } from './certificates.test-kit.ts'
import { realEnvironment } from './real-environment.ts'

let made: Certificates | undefined
const skip = whyNoCertificates() ?? false

function tlsTest(name: string, body: (certificates: Certificates) => Promise<void>): void {
  test(name, { skip, timeout: 20_000 }, () => {
    made ??= makeCertificates()
    return body(made)
  })
}

const start = (tls: ServerTlsOptions): Promise<Server> =>
  serve(realEnvironment, '127.0.0.1', 0, { tls })

const dialTls = ({ listener }: Server, tls: ClientTlsOptions): Promise<Peer> =>
  dial(realEnvironment, { host: '127.0.0.1', port: listener.port, tls, timeoutMs: 10_000 })

const failureOf = (attempt: Promise<unknown>): Promise<NetworkError> =>
  attempt.then(
    () => assert.fail('it should not connect'),
    (error: NetworkError) => error,
  )

tlsTest('a server is checked against its authority, by name and by address', async (made) => {
  const server = await start(made.server)
  for (const servername of ['localhost', '127.0.0.1', undefined]) {
    const peer = await dialTls(server, { ca: made.ca, servername })
    peer.connection.write([Buffer.from('hello')])
    await until(realEnvironment, () => peer.received.join('') === 'hello')
    assert.equal(peer.connection.peerSubject, 'CN=server')
    peer.connection.end()
    assert.equal(await peer.closed, undefined)
  }
  await server.listener.close()
})

tlsTest(
  'a wrong name, an unknown authority: refused at the TLS stage, unless told not to',
  async (made) => {
    const server = await start(made.server)
    const wrong = await failureOf(dialTls(server, { ca: made.ca, servername: 'elsewhere' }))
    assert.equal(wrong.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
    assert.equal(wrong.stage, 'tls')
    const unknown = await failureOf(dialTls(server, { servername: 'localhost' }))
    assert.equal(unknown.stage, 'tls')
    const peer = await dialTls(server, { rejectUnauthorized: false })
    assert.equal(peer.connection.peerSubject, undefined, 'what is not verified has no name')
    peer.connection.destroy()
    await server.listener.close()
  },
)

tlsTest(
  'mutual TLS: the server knows the client by its subject, as Kafka writes it',
  async (made) => {
    const server = await start({ ...made.server, ca: made.ca, requestCert: true })
    const peer = await dialTls(server, { ca: made.ca, servername: 'localhost', ...made.client })
    await until(realEnvironment, () => server.accepted.length === 1)
    const [accepted] = server.accepted as [Peer]
    assert.equal(accepted.connection.peerSubject, 'CN=client,OU=Mail,O=Acme\\, Inc.,C=DE')
    peer.connection.destroy()
    await peer.closed
    await accepted.closed
    assert.doesNotThrow(() => accepted.connection.peerSubject)
    await server.listener.close()
  },
)

tlsTest(
  'requested but not required: strangers and the nameless come in without a name',
  async (made) => {
    const server = await start({ ...made.server, ca: made.ca, requestCert: true })
    for (const identity of [{}, made.stranger]) {
      const peer = await dialTls(server, { ca: made.ca, servername: 'localhost', ...identity })
      await until(realEnvironment, () => server.accepted.length > 0)
      assert.equal(server.accepted.pop()?.connection.peerSubject, undefined)
      peer.connection.destroy()
      await peer.closed
    }
    await server.listener.close()
  },
)

tlsTest('required: strangers and the nameless are refused', async (made) => {
  const required = { requestCert: true, rejectUnauthorized: true }
  const server = await start({ ...made.server, ca: made.ca, ...required })
  for (const minVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const identity of [{}, made.stranger]) {
      // In TLS 1.3 the client believes to be connected until the server has looked at its papers.
      await dialTls(server, { ca: made.ca, minVersion, ...identity }).then(
        ({ closed }) => closed,
        (failure: NetworkError) => assert.equal(failure.stage, 'tls'),
      )
    }
  }
  assert.equal(server.accepted.length, 0)
  const peer = await dialTls(server, { ca: made.ca, servername: 'localhost', ...made.client })
  peer.connection.destroy()
  await server.listener.close()
})

tlsTest('a handshake that fails, or never comes, concerns nobody else', async (made) => {
  const server = await start(made.server)
  const rubbish = connect(server.listener.port, '127.0.0.1')
  const silent = connect(server.listener.port, '127.0.0.1')
  rubbish.on('error', () => undefined)
  rubbish.write('GET / HTTP/1.1\r\n\r\n')
  await new Promise((resolve) => rubbish.once('close', resolve))
  const peer = await dialTls(server, { ca: made.ca, servername: 'localhost' })
  await until(realEnvironment, () => server.accepted.length === 1)
  peer.connection.destroy()
  silent.destroy()
  await server.listener.close()
})

test('a TLS handshake without a response ends at its deadline', {
  timeout: 20_000,
}, async () => {
  const mute = await serve(realEnvironment, '127.0.0.1', 0, { isEcho: false })
  const error = await failureOf(
    dial(realEnvironment, { host: '127.0.0.1', port: mute.listener.port, tls: {}, timeoutMs: 100 }),
  )
  assert.equal(error.code, 'ETIMEDOUT')
  assert.equal(error.stage, 'tls')
  await mute.listener.close()
})
