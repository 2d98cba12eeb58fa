import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { apis, BrokerError, ErrorCode, findCoordinator, ProtocolError } from '@odradek/protocol'
import { FakeCluster } from '../connection/fake-cluster.test-kit.ts'
import { ConnectionError, TimeoutError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import { TypedEmitter } from '../events/emitter.ts'
import {
  CLIENT_OPTIONS,
  type EffectiveKafkaOptions,
  type KafkaOptions,
} from '../options/client-options.ts'
import { parseOptions } from '../options/option-table.ts'
import { Cluster } from './cluster.ts'

interface Setting {
  readonly world: VirtualWorld
  readonly brokers: FakeCluster
  readonly cluster: Cluster
  readonly emitter: TypedEmitter<ClientEvents>
}

/** Two brokers and one client, which must leave nothing behind. */
async function play(
  scene: (setting: Setting) => Promise<void>,
  options: Partial<KafkaOptions> = {},
  seed = 3,
): Promise<void> {
  const world = new VirtualWorld({ seed })
  const brokers = new FakeCluster(world)
  await brokers.start(1)
  await brokers.start(2)
  const client = world.process('client')
  const emitter = new TypedEmitter<ClientEvents>()
  const given = { bootstrapServers: brokers.bootstrapServers, ...options }
  const parsed = parseOptions<EffectiveKafkaOptions>(CLIENT_OPTIONS, given, 'test')
  const cluster = new Cluster(client.environment, parsed, emitter)
  await world.run(scene({ world, brokers, cluster, emitter }), { timeoutMs: 7_200_000 })
  cluster.close()
  await world.advance(100)
  assert.deepEqual(
    Object.entries(client.leaks()).filter(([, count]) => count > 0),
    [],
  )
}

const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof Error, 'it was expected to fail')
  return outcome
}

const heard = <K extends keyof ClientEvents>(emitter: TypedEmitter<ClientEvents>, name: K) => {
  const events: ClientEvents[K][] = []
  emitter.on(name, (event) => events.push(event))
  return events
}

test('callers share a refresh, and a topic that comes meanwhile is in the next, at once', () =>
  play(async ({ world, brokers, cluster }) => {
    brokers.createTopic('a', 1)
    brokers.createTopic('b', 1)
    const before = world.now
    const [a, again, b] = await Promise.all([
      cluster.topic('a', 1000),
      cluster.topic('a', 1000),
      cluster.topic('b', 1000),
    ])
    assert.deepEqual([a.name, again.name, b.name], ['a', 'a', 'b'])
    assert.ok(brokers.count('Metadata') <= 2)
    assert.ok(world.now - before < 50, `it took ${world.now - before} ms`)
  }))

test('metadata is fetched again when it is old, and more often when that fails', () =>
  play(
    async ({ world, brokers, cluster }) => {
      await cluster.refreshMetadata('test')
      const count = (): number => brokers.count('Metadata')
      await world.sleep(59_000)
      assert.equal(count(), 1)
      await world.sleep(2000)
      assert.equal(count(), 2)
      brokers.fault = () => ({ do: 'drop' })
      await world.sleep(120_000)
      brokers.fault = () => undefined
      const failed = count()
      await world.sleep(20_000)
      assert.ok(count() > failed, 'it did not wait a whole age after a failure')
    },
    { metadataMaxAgeMs: 60_000 },
  ))

test('refreshes that tell nothing new are paced', () =>
  play(async ({ world, brokers, cluster }) => {
    const until = world.now + 30_000
    while (world.now < until) await cluster.refreshMetadata('again and again')
    const count = brokers.count('Metadata')
    assert.ok(count >= 30 && count <= 50, `${count} refreshes in 30 s`)
  }))

test('each purpose has its own connection, made once however many ask', () =>
  play(async ({ brokers, cluster }) => {
    await cluster.refreshMetadata('test')
    const { connections: before = 0 } = brokers.nodes.get(1) ?? {}
    const purposes = ['fetch', 'produce', 'membership', 'heartbeat'] as const
    await Promise.all(
      [...purposes, ...purposes].map((purpose) =>
        cluster.request(apis.Metadata, 1, { topics: [] }, { purpose }),
      ),
    )
    assert.equal((brokers.nodes.get(1)?.connections ?? 0) - before, purposes.length)
  }))

test('a parked request does not hold up another purpose', () =>
  play(async ({ world, brokers, cluster }) => {
    await cluster.refreshMetadata('test')
    brokers.fault = ({ body }) => (body['topics'] === null ? { delayMs: 5000 } : undefined)
    const parked = cluster.request(apis.Metadata, 1, { topics: null }, { purpose: 'fetch' })
    await world.sleep(10)
    const before = world.now
    await cluster.request(apis.Metadata, 1, { topics: [] }, { purpose: 'heartbeat' })
    assert.ok(world.now - before < 50)
    await parked
  }))

test("a request's own wait is added to the broker's time", () =>
  play(
    async ({ brokers, cluster }) => {
      await cluster.refreshMetadata('test')
      brokers.fault = () => ({ delayMs: 4000 })
      const ask = (brokerWaitMs: number) =>
        cluster.request(apis.Metadata, 1, { topics: [] }, { brokerWaitMs })
      await ask(3500)
      assert.ok((await failure(ask(0))) instanceof TimeoutError)
    },
    { requestTimeoutMs: 1000 },
  ))

test('idle connections are closed, and made again when needed', () =>
  play(
    async ({ world, cluster, emitter }) => {
      const ended = heard(emitter, 'disconnected')
      await cluster.refreshMetadata('test')
      await world.sleep(55_000)
      assert.equal(ended.length, 0)
      await world.sleep(40_000)
      assert.equal(ended.length, 1)
      assert.equal(ended[0]?.error, undefined)
      await cluster.refreshMetadata('test')
    },
    { connectionsMaxIdleMs: 60_000 },
  ))

test('a broken connection is replaced, and reconnecting to a dead broker is paced', () =>
  play(async ({ world, brokers, cluster, emitter }) => {
    await cluster.refreshMetadata('test')
    const failed = heard(emitter, 'connectionFailed')
    brokers.kill(1)
    await world.sleep(10)
    const until = world.now + 60_000
    const ask = async (purpose: 'fetch' | 'produce' | 'heartbeat'): Promise<void> => {
      while (world.now < until) {
        await cluster.request(apis.Metadata, 1, { topics: [] }, { purpose }).catch(() => undefined)
      }
    }
    await Promise.all([ask('fetch'), ask('produce'), ask('heartbeat')])
    const count = failed.filter(({ broker }) => broker === 'broker-1:9092').length
    assert.ok(count >= 50 && count <= 85, `${count} attempts in 60 s, whatever the purpose`)
    await brokers.start(1)
    await world.sleep(1500)
    await cluster.request(apis.Metadata, 1, { topics: [] }, { purpose: 'fetch' })
  }))

test('a broker that takes connections and drops them is paced too', () =>
  play(async ({ world, brokers, cluster }) => {
    await cluster.refreshMetadata('test')
    brokers.fault = ({ api, nodeId }) =>
      api === 'Metadata' && nodeId === 1 ? { do: 'drop' } : undefined
    const before = brokers.nodes.get(1)?.connections ?? 0
    const until = world.now + 30_000
    while (world.now < until) {
      await cluster
        .request(apis.Metadata, 1, { topics: [] }, { purpose: 'fetch' })
        .catch(() => undefined)
    }
    const made = (brokers.nodes.get(1)?.connections ?? 0) - before
    assert.ok(made >= 25 && made <= 50, `${made} connections in 30 s`)
  }))

test('when all known brokers are gone the bootstrap servers are asked again', () =>
  play(
    async ({ world, brokers, cluster, emitter }) => {
      world.network.name('kafka', ['broker-1', 'broker-2'])
      const again = heard(emitter, 'rebootstrapped')
      brokers.createTopic('orders', 2)
      await cluster.topic('orders', 1000)
      for (const nodeId of [1, 2]) brokers.kill(nodeId)
      brokers.nodes.clear()
      await brokers.start(1, 'moved-1')
      await brokers.start(2, 'moved-2')
      world.network.name('kafka', ['moved-1'])
      cluster.needTopics(['orders'])
      await cluster.retry(() => cluster.refreshMetadata('test'), { action: 'find them' })
      assert.equal(cluster.metadata.brokers.get(2)?.host, 'moved-2')
      assert.deepEqual(again, [{ reason: 'no known broker was reachable' }])
    },
    { bootstrapServers: 'kafka:9092' },
  ))

test('brokers that answer nothing are given up after the trigger, however long requests may take', () =>
  play(
    async ({ world, brokers, cluster, emitter }) => {
      world.network.name('kafka', ['broker-1'])
      await cluster.refreshMetadata('test')
      const again = heard(emitter, 'rebootstrapped')
      // The brokers that are known hang; the name leads to new ones.
      brokers.fault = ({ nodeId }) => (nodeId < 10 ? { do: 'swallow' } : undefined)
      brokers.nodes.delete(1)
      brokers.nodes.delete(2)
      await brokers.start(11, 'new-11')
      world.network.name('kafka', ['new-11'])
      const before = world.now
      await cluster.retry(() => cluster.refreshMetadata('test'), { action: 'find them' })
      const tookMs = world.now - before
      assert.ok(tookMs >= 5000 && tookMs < 7000, `it took ${tookMs} ms`)
      assert.deepEqual([...cluster.metadata.brokers.keys()], [11])
      assert.deepEqual(again, [{ reason: 'no broker gave metadata for too long' }])
    },
    { bootstrapServers: 'kafka:9092', metadataRecoveryRebootstrapTriggerMs: 5000 },
  ))

test('a broker may ask for a new beginning', () =>
  play(async ({ brokers, cluster, emitter }) => {
    await cluster.refreshMetadata('test')
    const again = heard(emitter, 'rebootstrapped')
    let demands = 0
    brokers.fault = ({ api }) =>
      api === 'Metadata' && ++demands === 1
        ? { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED }
        : undefined
    await cluster.refreshMetadata('test')
    assert.deepEqual(again, [{ reason: 'a broker asked for it' }])
    assert.equal(cluster.metadata.brokers.size, 2)
  }))

test('bootstrap servers that are gone do not keep a client from brokers that come back', () =>
  play(
    async ({ world, brokers, cluster }) => {
      world.network.name('kafka', ['broker-1'])
      await cluster.refreshMetadata('test')
      world.network.name('kafka', new Error('gone'))
      brokers.fault = () => ({ do: 'drop' })
      await failure(
        cluster.retry(() => cluster.refreshMetadata('test'), { action: 'x', timeoutMs: 30_000 }),
      )
      brokers.fault = () => undefined
      await cluster.retry(() => cluster.refreshMetadata('test'), { action: 'x', timeoutMs: 30_000 })
    },
    { bootstrapServers: 'kafka:9092', metadataRecoveryRebootstrapTriggerMs: 5000 },
  ))

test('a known address that became another cluster is not believed; a bootstrap server is', () =>
  play(async ({ brokers, cluster }) => {
    brokers.createTopic('orders', 1)
    cluster.needTopics(['orders'])
    await cluster.refreshMetadata('test')
    brokers.moveLeader('orders', 0, 2)
    await cluster.refreshMetadata('test')
    brokers.clusterId = 'cluster-2'
    brokers.partition('orders', 0).leaderEpoch = 0
    brokers.partition('orders', 0).leader = 1
    await cluster.refreshMetadata('test')
    assert.equal(cluster.metadata.clusterId, 'cluster-2')
    assert.equal(cluster.metadata.topics.get('orders')?.partitions[0]?.leader, 1)
  }))

test('a coordinator is looked up once, and again after it moved', () =>
  play(async ({ brokers, cluster }) => {
    const ask = async (): Promise<number | undefined> => {
      await cluster.requestCoordinator('group', 'billing', apis.Metadata, { topics: [] })
      return brokers.seen.at(-1)?.nodeId
    }
    assert.equal(await ask(), 1)
    assert.equal(await ask(), 1)
    assert.equal(brokers.count(findCoordinator.name), 1)
    brokers.coordinator = 2
    cluster.forgetCoordinator('group', 'billing')
    assert.equal(await ask(), 2)
    brokers.coordinator = 1
    brokers.kill(2)
    await failure(ask())
    assert.equal(await ask(), 1, 'a coordinator that cannot be reached is looked up anew')
  }))

test('retries pause longer and longer, with jitter, up to the longest pause', () =>
  play(async ({ world, cluster }) => {
    const at: number[] = []
    const error = await failure(
      cluster.retry(
        () => {
          at.push(world.now)
          return Promise.reject(new BrokerError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS))
        },
        { action: 'try', timeoutMs: 20_000 },
      ),
    )
    const pauses = at.slice(1).map((time, index) => time - (at[index] as number))
    for (const [index, pause] of pauses.entries()) {
      const middle = Math.min(1000, 100 * 2 ** index)
      assert.ok(pause >= middle * 0.79 && pause <= Math.min(1000, middle * 1.21), pauses.join(' '))
    }
    assert.ok(new Set(pauses).size > 5, 'they are not all the same')
    assert.ok(error instanceof TimeoutError)
    assert.equal(error.attempts, at.length)
    assert.match(
      error.message,
      /Could not try within 20000 ms \(\d+ tries\). The last one: .*COORD/,
    )
  }))

test('what cannot go away is not tried again', () =>
  play(async ({ cluster }) => {
    for (const reason of [
      new BrokerError(ErrorCode.TOPIC_AUTHORIZATION_FAILED),
      new ProtocolError('nonsense'),
      new TypeError('a bug'),
    ]) {
      let tries = 0
      const attempt = (): Promise<never> => {
        tries++
        return Promise.reject(reason)
      }
      assert.equal(await failure(cluster.retry(attempt, { action: 'try' })), reason)
      assert.equal(tries, 1)
    }
  }))

test('unknown codes are tried again on reads, and fail where the outcome matters', () =>
  play(async ({ cluster }) => {
    let tries = 0
    const attempt = (): Promise<number> =>
      ++tries < 3 ? Promise.reject(new BrokerError(9999)) : Promise.resolve(tries)
    assert.equal(await cluster.retry(attempt, { action: 'read' }), 3)
    tries = 0
    await failure(cluster.retry(attempt, { action: 'write', isRead: false }))
    assert.equal(tries, 1)
  }))

test('a deadline and a signal end a call at once, whatever is under way', () =>
  play(async ({ world, cluster }) => {
    const hang = (): Promise<never> => new Promise(() => undefined)
    const before = world.now
    const late = await failure(cluster.retry(hang, { action: 'wait', timeoutMs: 500 }))
    assert.ok(late instanceof TimeoutError)
    assert.equal(world.now - before, 500)
    const reason = new Error('enough')
    const controller = new AbortController()
    const aborted = failure(cluster.retry(hang, { action: 'wait', signal: controller.signal }))
    await world.sleep(10)
    controller.abort(reason)
    assert.equal(await aborted, reason)
    const paused = failure(
      cluster.retry(() => Promise.reject(new ConnectionError('x', 'tcp')), {
        action: 'pause',
        signal: AbortSignal.any([controller.signal]),
      }),
    )
    assert.equal(await paused, reason)
  }))

test('a call that never got through says what it was waiting for', () =>
  play(
    async ({ world, cluster }) => {
      world.network.partition('client', 'broker-1')
      const error = await failure(cluster.topic('orders', 2000))
      assert.match(error.message, /within 2000 ms \(1 try\)\. Still connecting to broker broker-1/)
    },
    { bootstrapServers: 'broker-1:9092' },
  ))

test('wrong credentials fail at once, not at the deadline', () =>
  play(
    async ({ world, brokers, cluster }) => {
      brokers.password = 'right'
      const before = world.now
      const error = await failure(cluster.topic('orders', 60_000))
      assert.match(error.message, /refused the PLAIN credentials of "alice"/)
      assert.ok(world.now - before < 100)
    },
    { sasl: { mechanism: 'plain', username: 'alice', password: 'wrong' } },
  ))

test('what any broker can answer is asked of the next one when one cannot be connected to', () =>
  play(async ({ world, brokers, cluster }) => {
    await cluster.refreshMetadata('test')
    brokers.kill(2)
    await world.sleep(100)
    // Whom it takes first is a matter of chance.
    for (let round = 0; round < 20; round++) {
      await cluster.requestAny(apis.Metadata, { topics: [] })
      cluster.rest()
    }
    brokers.kill(1)
    const error = await failure(cluster.requestAny(apis.Metadata, { topics: [] }))
    assert.ok(error instanceof ConnectionError, `${error}`)
  }))

test('an answer that is larger than allowed closes the connection and says so', () =>
  play(
    async ({ brokers, cluster }) => {
      brokers.createTopic('large', 1000)
      const error = await failure(cluster.topic('large', 1000))
      assert.match(error.message, /A frame claims \d+ bytes; at most 16384 are accepted/)
    },
    { maxResponseBytes: 16_384 },
  ))

test('closing at any moment ends what is under way and leaves nothing', async () => {
  for (let closeAfter = 0; closeAfter < 60; closeAfter += 3) {
    await play(async ({ world, brokers, cluster }) => {
      brokers.createTopic('orders', 1)
      brokers.fault = ({ api }) =>
        api === 'Metadata' ? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR } : { delayMs: 3 }
      const calls = [
        cluster.topic('orders', 60_000),
        cluster.refreshMetadata('test'),
        cluster.requestAny(apis.Metadata, { topics: [] }),
        cluster.requestCoordinator('group', 'g', apis.Metadata, { topics: [] }),
        cluster.retry(() => cluster.sleep(1000).then(() => Promise.reject(new BrokerError(14))), {
          action: 'x',
        }),
      ].map(failure)
      await world.sleep(closeAfter)
      cluster.close()
      const errors = await Promise.all(calls)
      for (const error of errors) assert.ok('code' in error, `${error}`)
      assert.equal(
        ((await failure(cluster.topic('orders', 1000))) as { code?: string }).code,
        'CLOSED',
      )
    })
  }
})

/** What a mute broker keeps waiting: well below any request's timeout. */
const SOON_MS = 5000

test('a mute broker does not hold up metadata that another broker has', () =>
  play(
    async ({ world, brokers, cluster }) => {
      await cluster.refreshMetadata('test')
      for (const nodeId of [1, 2]) await cluster.request(apis.Metadata, nodeId, { topics: [] })
      world.network.partition('client', 'broker-1')
      // Which of the two is asked first is random.
      for (let round = 0; round < 6; round++) {
        brokers.createTopic(`t${round}`, 1)
        const release = cluster.needTopics([`t${round}`])
        const before = world.now
        await cluster.refreshMetadata('test')
        const tookMs = world.now - before
        assert.ok(tookMs < SOON_MS, `it took ${tookMs} ms`)
        assert.equal(cluster.metadata.topics.has(`t${round}`), true)
        release()
      }
    },
    { requestTimeoutMs: 60_000 },
  ))

test('brokers that are all mute do not hold up metadata that a bootstrap server has', () =>
  play(
    async ({ world, brokers, cluster, emitter }) => {
      world.network.name('kafka', ['broker-1'])
      await cluster.refreshMetadata('test')
      const again = heard(emitter, 'rebootstrapped')
      for (const nodeId of [1, 2]) await cluster.request(apis.Metadata, nodeId, { topics: [] })
      for (const host of ['broker-1', 'broker-2']) world.network.partition('client', host)
      brokers.nodes.clear()
      await brokers.start(1, 'moved-1')
      await brokers.start(2, 'moved-2')
      world.network.name('kafka', ['moved-1'])
      const before = world.now
      await cluster.refreshMetadata('test')
      const tookMs = world.now - before
      assert.ok(tookMs < 2 * SOON_MS, `it took ${tookMs} ms`)
      assert.equal(cluster.metadata.brokers.get(2)?.host, 'moved-2')
      assert.equal(again.length, 1)
      await cluster.request(apis.Metadata, 2, { topics: [] })
    },
    { bootstrapServers: 'kafka:9092', requestTimeoutMs: 60_000 },
  ))
