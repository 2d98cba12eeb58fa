/** What holds in every environment: the same assertions against real sockets and virtual ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ClientTlsOptions,
  type Environment,
  realEnvironment,
  type ServerTlsOptions,
  VirtualWorld,
} from './index.ts'
import { dial, serve, until } from './peers.test-kit.ts'
import { makeCertificates, whyNoCertificates } from './real/certificates.test-kit.ts'

interface Place {
  readonly client: Environment
  readonly server: Environment
  readonly host: string
  readonly tls?: { readonly client: ClientTlsOptions; readonly server: ServerTlsOptions }
}

const REAL: Place = { client: realEnvironment, server: realEnvironment, host: '127.0.0.1' }
const timeout = 20_000
const whyNoTls = whyNoCertificates()
const made = whyNoTls === undefined ? makeCertificates() : undefined

function everywhere(name: string, body: (place: Place) => Promise<void>): void {
  test(`${name} (real)`, { timeout }, () => body(REAL))
  test(`${name} (real, TLS)`, { timeout, skip: whyNoTls ?? false }, async () => {
    if (made === undefined) return
    await body({ ...REAL, tls: { client: { ca: made.ca }, server: made.server } })
  })
  test(`${name} (virtual)`, { timeout }, () => {
    const world = new VirtualWorld({ seed: 1, link: { latencyMs: [1, 5], bytesPerMs: 10_000 } })
    const client = world.process('client').environment
    const server = world.process('server').environment
    return world.run(body({ client, server, host: 'server' }), { timeoutMs: 3_600_000 })
  })
}

everywhere(
  'bytes arrive in order, also those written before the connection is ready',
  async (at) => {
    const { listener } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
    const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4000)
    const received: Buffer[] = []
    let length = 0
    const connection = at.client.network.connect(
      { host: at.host, port: listener.port, tls: at.tls?.client },
      {
        onData: (buffer, count) => {
          received.push(Buffer.from(buffer.subarray(0, count)))
          length += count
        },
        onClose: () => undefined,
      },
    )
    connection.write([Buffer.from(letters.slice(0, 5)), Buffer.from(letters.slice(5, 10))])
    connection.write([Buffer.from(letters.slice(10))])
    await until(at.client, () => length === letters.length)
    assert.equal(Buffer.concat(received).toString(), letters)
    assert.equal(connection.bufferedBytes, 0)
    connection.destroy()
    await listener.close()
  },
)

everywhere('an orderly end is heard on both sides, without an error', async (at) => {
  const { listener, accepted } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
  const peer = await dial(at.client, { host: at.host, port: listener.port, tls: at.tls?.client })
  peer.connection.write([Buffer.from('last words')])
  peer.connection.end()
  assert.equal(await peer.closed, undefined)
  assert.equal(await accepted[0]?.closed, undefined)
  assert.equal(accepted[0]?.received.join(''), 'last words')
  peer.connection.write([Buffer.from('nobody hears this')])
  peer.connection.end()
  peer.connection.destroy()
  await listener.close()
})

everywhere('destroy is heard by its owner later, never at once, and by the peer', async (at) => {
  const { listener, accepted } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
  const peer = await dial(at.client, { host: at.host, port: listener.port, tls: at.tls?.client })
  await until(at.client, () => accepted.length === 1)
  let isClosed = false
  void peer.closed.then(() => (isClosed = true))
  peer.connection.destroy()
  assert.equal(isClosed, false)
  await Promise.all([peer.closed, accepted[0]?.closed])
  await listener.close()
})

everywhere('nobody listening is a refusal at the TCP stage', async (at) => {
  const { listener } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
  await listener.close()
  await assert.rejects(dial(at.client, { host: at.host, port: listener.port, timeoutMs: 5000 }), {
    code: 'ECONNREFUSED',
    stage: 'tcp',
  })
})

everywhere('a listener that closes keeps what it accepted', async (at) => {
  const { listener, accepted } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
  const peer = await dial(at.client, { host: at.host, port: listener.port, tls: at.tls?.client })
  await until(at.client, () => accepted.length === 1)
  await listener.close()
  peer.connection.write([Buffer.from('still here')])
  await until(at.client, () => peer.received.join('') === 'still here')
  peer.connection.destroy()
  await peer.closed
})

everywhere('a port is taken once', async (at) => {
  const { listener } = await serve(at.server, at.host, 0, { tls: at.tls?.server })
  await assert.rejects(serve(at.server, at.host, listener.port), { code: 'EADDRINUSE' })
  await listener.close()
})

everywhere('a paused reader makes the writer wait; resuming lets both go on', async (at) => {
  const size = 32 * 1024 * 1024
  const { listener, accepted } = await serve(at.server, at.host, 0, {
    tls: at.tls?.server,
    isEcho: false,
  })
  let drains = 0
  const connection = at.client.network.connect(
    { host: at.host, port: listener.port, tls: at.tls?.client },
    { onData: () => undefined, onDrain: () => void drains++, onClose: () => undefined },
  )
  await until(at.server, () => accepted.length === 1)
  accepted[0]?.connection.pause()
  const heard = (): number => (accepted[0]?.received ?? []).reduce((n, s) => n + s.length, 0)
  assert.equal(connection.write([Buffer.alloc(size)]), false)
  for (let turn = 0; turn < 50; turn++) await at.server.timers.turn()
  const before = heard()
  assert.ok(before < size, 'back-pressure')
  assert.ok(connection.bufferedBytes > 0)
  assert.equal(drains, 0)
  accepted[0]?.connection.resume()
  await until(at.server, () => heard() === size && drains === 1)
  assert.equal(connection.bufferedBytes, 0)
  connection.destroy()
  await listener.close()
})

everywhere('timers fire in the order of their times; what is cleared does not fire', async (at) => {
  const { timers, clock } = at.client
  const fired: string[] = []
  const started = clock.monotonic()
  timers.set(30, () => fired.push('third'))
  timers.set(10, () => fired.push('second'))
  timers.set(0.5, () => fired.push('first'))
  timers.clear(timers.set(5, () => fired.push('never')))
  timers.clear(undefined)
  timers.set(Number.POSITIVE_INFINITY, () => fired.push('never')).unref()
  timers.set(30 * 24 * 3_600_000, () => fired.push('never')).unref()
  await until(at.client, () => fired.length === 3)
  assert.deepEqual(fired, ['first', 'second', 'third'])
  // The engine's own timers round to whole milliseconds.
  assert.ok(clock.monotonic() - started >= 29)
  assert.ok(clock.now() > 1_700_000_000_000)
})

everywhere('a turn lets what is due come first', async (at) => {
  const { timers } = at.client
  const order: string[] = []
  timers.soon(() => order.push('soon'))
  await timers.turn()
  order.push('after the turn')
  assert.deepEqual(order, ['soon', 'after the turn'])
})

everywhere('chance keeps to its bounds', async (at) => {
  const { random } = at.client
  const seen = new Set<number>()
  for (let draw = 0; draw < 200; draw++) {
    const number = random.integer(3)
    assert.ok(number === 0 || number === 1 || number === 2)
    seen.add(number)
    const fraction = random.fraction()
    assert.ok(fraction >= 0 && fraction < 1)
  }
  assert.equal(seen.size, 3)
  assert.equal(random.integer(1), 0)
  assert.ok(random.integer(2 ** 32) < 2 ** 32)
  assert.equal(random.bytes(33).length, 33)
  assert.notDeepEqual(random.bytes(16), random.bytes(16))
})

everywhere('an address resolves to itself', async (at) => {
  assert.deepEqual(await at.client.network.resolve('127.0.0.1'), ['127.0.0.1'])
  assert.deepEqual(await at.client.network.resolve('::1'), ['::1'])
})
