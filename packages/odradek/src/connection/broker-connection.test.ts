import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { type AnyApi, apis } from '@odradek/protocol'
import { ConnectionError, TimeoutError } from '../errors/errors.ts'
import type { SaslOptions } from '../options/client-options.ts'
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts'
import { FakeCluster } from './fake-cluster.test-kit.ts'

interface Setting {
  readonly world: VirtualWorld
  readonly cluster: FakeCluster
  readonly connect: (options?: Partial<BrokerConnectionOptions>) => BrokerConnection
  readonly closed: (Error | undefined)[]
  readonly throttled: number[]
}

async function play(scene: (setting: Setting) => Promise<void>): Promise<void> {
  const world = new VirtualWorld({ seed: 7 })
  const cluster = new FakeCluster(world)
  await cluster.start(1)
  const client = world.process('client')
  const closed: (Error | undefined)[] = []
  const throttled: number[] = []
  const made: BrokerConnection[] = []
  const connect = (options: Partial<BrokerConnectionOptions> = {}): BrokerConnection => {
    const connection = new BrokerConnection(client.environment, {
      host: 'broker-1',
      port: 9092,
      clientId: 'test',
      tls: undefined,
      sasl: undefined,
      setupTimeoutMs: 5000,
      requestTimeoutMs: 1000,
      maxResponseBytes: 1_000_000,
      onClose: (error) => closed.push(error),
      onThrottle: (_api, ms) => throttled.push(ms),
      ...options,
    })
    made.push(connection)
    return connection
  }
  await world.run(scene({ world, cluster, connect, closed, throttled }), { timeoutMs: 3_600_000 })
  for (const connection of made) connection.close()
  await world.advance(100)
  assert.deepEqual(
    Object.entries(client.leaks()).filter(([, count]) => count > 0),
    [],
  )
}

const read = (connection: BrokerConnection, topics: readonly string[] = []) =>
  connection.request(apis.Metadata, 12, { topics: topics.map((name) => ({ name })) })

const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof Error, 'it was expected to fail')
  return outcome
}

test('requests go out together and answers find their own', () =>
  play(async ({ world, cluster, connect }) => {
    for (let at = 0; at < 20; at++) cluster.createTopic(`topic-${at}`, at + 1)
    const connection = connect()
    await connection.open()
    const before = world.now
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => read(connection, [`topic-${at}`])),
    )
    assert.deepEqual(
      answers.map(({ topics }) => topics[0]?.partitions.length),
      Array.from({ length: 20 }, (_, at) => at + 1),
    )
    assert.equal(world.now - before, 2, 'one round trip for all')
  }))

test('the newest common version is used, and what is not common is an error that says so', () =>
  play(async ({ cluster, connect }) => {
    cluster.maxVersions.set('Metadata', 5)
    cluster.maxVersions.set('Fetch', 3)
    const connection = connect()
    await connection.open()
    assert.equal(connection.versions.negotiate(apis.Metadata), 5)
    assert.equal(connection.versions.negotiate(apis.ListOffsets), apis.ListOffsets.versions.max)
    assert.equal(connection.versions.find(apis.Metadata as AnyApi, 3), 3)
    assert.throws(() => connection.versions.negotiate(apis.Fetch), {
      code: 'UNSUPPORTED_VERSION',
      message: /the broker speaks 4-3, the client speaks 4-/,
    })
  }))

test('a broker that does not know our ApiVersions is asked again in the one it knows', () =>
  play(async ({ cluster, connect }) => {
    let asked = 0
    cluster.maxVersions.set('ApiVersions', 2)
    cluster.fault = ({ api, version }) => {
      if (api !== 'ApiVersions') return undefined
      asked++
      return version > 2 ? { errorCode: 35, answerVersion: 0 } : undefined
    }
    const connection = connect()
    await connection.open()
    assert.equal(asked, 2)
  }))

test('a deadline that passes fails its request, and closes a connection that says nothing', () =>
  play(async ({ world, cluster, connect, closed }) => {
    const connection = connect()
    await connection.open()
    cluster.fault = () => ({ do: 'swallow' })
    const before = world.now
    const [first, second] = [failure(read(connection)), failure(read(connection))]
    assert.ok((await first) instanceof TimeoutError)
    assert.match((await first).message, /did not answer Metadata within 1000 ms/)
    assert.equal(world.now - before, 1000)
    assert.ok((await second) instanceof Error)
    assert.equal(connection.isClosed, true)
    assert.equal(closed.length, 1)
  }))

test('a request may be given more time than the others', () =>
  play(async ({ world, cluster, connect }) => {
    const connection = connect()
    await connection.open()
    cluster.fault = () => ({ delayMs: 4000 })
    const before = world.now
    await connection.request(apis.Metadata, 12, { topics: [] }, { timeoutMs: 5000 })
    assert.ok(world.now - before >= 4000)
  }))

test('a deadline alone does not close a connection that still answers others', () =>
  play(async ({ world, cluster, connect }) => {
    const connection = connect()
    await connection.open()
    let asked = 0
    cluster.fault = () => (asked++ === 0 ? { delayMs: 900 } : { delayMs: 500 })
    const first = read(connection)
    await world.sleep(100)
    const second = failure(read(connection))
    await first
    assert.ok((await second) instanceof TimeoutError)
    assert.equal(connection.isClosed, false, 'the first was answered after the second was sent')
    cluster.fault = () => undefined
    await read(connection)
  }))

test('after a blocked loop, answers that are there are read before timers judge', () =>
  play(async ({ world, connect }) => {
    const connection = connect()
    await connection.open()
    const answer = read(connection)
    world.process('client').blockLoop(10_000)
    assert.ok((await answer).brokers.length > 0)
    assert.equal(connection.isClosed, false)
  }))

test('a throttle is honoured: what follows waits, in order, and no longer than it must', () =>
  play(async ({ world, cluster, connect, throttled }) => {
    const connection = connect()
    await connection.open()
    cluster.fault = ({ api }) =>
      api === 'Metadata' ? { answer: { throttleTimeMs: 700 } } : undefined
    await read(connection)
    cluster.fault = () => undefined
    const before = world.now
    const seen = cluster.seen.length
    await Promise.all([read(connection, ['a']), read(connection, ['b'])])
    assert.deepEqual(throttled, [700])
    const times = cluster.seen.slice(seen).map(({ at }) => at - before)
    assert.deepEqual(times, [701, 701])
    const asked = cluster.seen.slice(seen).map(({ body }) => body['topics'])
    assert.deepEqual(
      asked.map((topics) => (topics as { name: string }[])[0]?.name),
      ['a', 'b'],
    )
  }))

test('a broken connection fails what is under way, and says that it may have arrived', () =>
  play(async ({ cluster, connect }) => {
    const connection = connect()
    await connection.open()
    cluster.fault = () => ({ do: 'applyThenDrop' })
    const error = await failure(read(connection))
    assert.ok(error instanceof ConnectionError)
    assert.equal(error.stage, 'established')
    const later = await failure(read(connection))
    assert.ok(later instanceof ConnectionError)
    assert.equal(later.stage, 'tcp', 'what was never sent cannot have arrived')
  }))

test('an answer out of turn closes the connection and fails everything under way', () =>
  play(async ({ cluster, connect }) => {
    const connection = connect()
    await connection.open()
    let asked = 0
    cluster.fault = () => (asked++ === 0 ? { do: 'skip' } : undefined)
    const [first, second] = await Promise.all([
      failure(read(connection)),
      failure(read(connection)),
    ])
    assert.match(first.message, /Answer 3 came where 2 was due/)
    assert.ok(second instanceof ConnectionError)
  }))

test('a silent server is told apart from a closed port, an unknown name and a firewall', () =>
  play(async ({ world, cluster, connect }) => {
    cluster.fault = () => ({ do: 'swallow' })
    const silent = await failure(connect().open())
    assert.match(silent.message, /accepted the connection, and did not answer within 5000 ms/)
    const closed = await failure(connect({ port: 1 }).open())
    assert.match(closed.message, /broker-1:1: nothing listens on that port \(ECONNREFUSED\)/)
    const unknown = await failure(connect({ host: 'nowhere' }).open())
    assert.match(unknown.message, /cannot be resolved \(ENOTFOUND\)/)
    world.network.partition('client', 'broker-1')
    const before = world.now
    const cut = await failure(connect().open())
    assert.match(cut.message, /no connection after 5000 ms \(ETIMEDOUT\)/)
    assert.equal(world.now - before, 5000)
    const stages = [silent, closed, unknown, cut].map((error) => (error as ConnectionError).stage)
    assert.deepEqual(stages, ['apiVersions', 'tcp', 'dns', 'tcp'])
  }))

test('every address of a name is tried, and a dead one leaves time for the next', () =>
  play(async ({ world, connect }) => {
    world.network.name('cluster', ['dead', 'broker-1'])
    const host = world.process('dead').environment
    await host.network.listen({ host: 'dead', port: 9092 }, () => ({
      onData: () => undefined,
      onClose: () => undefined,
    }))
    world.network.partition('client', 'dead')
    const connection = connect({ host: 'cluster' })
    const before = world.now
    await connection.open()
    assert.ok(world.now - before < 3000, `it took ${world.now - before} ms`)
  }))

test('an address that the cluster gave is named as such', () =>
  play(async ({ connect }) => {
    const error = await failure(connect({ host: 'nowhere', nodeId: 3 }).open())
    assert.match(error.message, /broker 3 at nowhere:9092: its host name cannot be resolved/)
    assert.match(error.message, /advertised\.listeners of broker 3 is wrong for this client/)
    assert.equal((error as ConnectionError).stage, 'advertisedListener')
  }))

test('closing during each stage of opening leaves nothing and fails the opening', () =>
  play(async ({ world, cluster, connect }) => {
    cluster.password = 'secret'
    cluster.fault = () => ({ delayMs: 3 })
    const sasl: SaslOptions = { mechanism: 'plain', username: 'a', password: 'secret' }
    for (let closeAfter = 0; closeAfter < 30; closeAfter++) {
      const connection = connect({ sasl })
      const opened = connection.open().then(
        () => 'open',
        (error: unknown) => (error instanceof ConnectionError ? 'failed' : error),
      )
      await world.sleep(closeAfter)
      connection.close()
      assert.equal(await opened, closeAfter < 15 ? 'failed' : await opened)
    }
  }))

const PLAIN: SaslOptions = { mechanism: 'plain', username: 'alice', password: 'secret' }

test('a session is renewed on its connection before it ends, and others wait meanwhile', () =>
  play(async ({ world, cluster, connect }) => {
    cluster.password = 'secret'
    cluster.sessionLifetimeMs = 10_000
    const connection = connect({ sasl: PLAIN })
    await connection.open()
    const count = (): number => cluster.count('SaslAuthenticate')
    assert.equal(count(), 1)
    await world.sleep(8000)
    assert.equal(count(), 1)
    await world.sleep(1700)
    assert.equal(count(), 2, 'between 85 and 95 percent of its lifetime')
    await read(connection)
    await world.sleep(60_000)
    assert.ok(count() >= 7)
    assert.equal(new Set(cluster.seen.map((request) => request.connection)).size, 1)
    // Nothing comes between the two steps of a renewal.
    const names = cluster.seen.map(({ api }) => api)
    for (const [at, name] of names.entries()) {
      if (name === 'SaslHandshake') assert.equal(names[at + 1], 'SaslAuthenticate')
    }
  }))

test('a request that is made during a renewal is sent after it', () =>
  play(async ({ world, cluster, connect }) => {
    cluster.password = 'secret'
    cluster.sessionLifetimeMs = 10_000
    const connection = connect({ sasl: PLAIN })
    await connection.open()
    cluster.fault = ({ api }) => (api === 'SaslHandshake' ? { delayMs: 400 } : undefined)
    while (cluster.count('SaslHandshake') < 2) await world.sleep(1)
    await read(connection)
    assert.deepEqual(
      cluster.seen.slice(-3).map(({ api }) => api),
      ['SaslHandshake', 'SaslAuthenticate', 'Metadata'],
    )
  }))

test('a renewal that is refused ends the connection', () =>
  play(async ({ world, cluster, connect, closed }) => {
    cluster.password = 'secret'
    cluster.sessionLifetimeMs = 10_000
    const connection = connect({ sasl: PLAIN })
    await connection.open()
    cluster.password = 'changed'
    await world.sleep(10_000)
    assert.equal(connection.isClosed, true)
    assert.match(closed[0]?.message ?? '', /refused the PLAIN credentials of "alice"/)
  }))

test('a token provider that hangs, fails or gives nonsense is named', () =>
  play(async ({ connect }) => {
    const open = (token: () => Promise<never>): Promise<Error> =>
      failure(connect({ sasl: { mechanism: 'oauthbearer', token } }).open())
    const hanging = await open(() => new Promise(() => undefined))
    assert.match(hanging.message, /authentication did not end within 5000 ms/)
    const failing = await open(() => Promise.reject(new Error('no token today')))
    assert.match(failing.message, /provider of OAuth tokens \(sasl.token\) failed: no token today/)
    const strange = await open(() => Promise.resolve(undefined as never))
    assert.match(strange.message, /must give an object with a string "value"/)
  }))
