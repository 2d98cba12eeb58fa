// A first join meets connections that have gone silent: nothing is refused, nothing is answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '@odradek/environment'
import { FakeCluster, type SeenRequest } from '../../connection/fake-cluster.test-kit.ts'
import { Kafka } from '../../kafka.ts'

interface Silence {
  /** When the last join was written, by the clock of a member that began at 0. */
  readonly joinedAfterMs: number
  readonly joins: readonly SeenRequest[]
}

/** A member joins a classic group; the first request of `api` is never answered. */
async function meetSilence(api: string, joinVersion?: number): Promise<Silence> {
  const world = new VirtualWorld({ seed: 11, link: { latencyMs: [1, 2] } })
  const cluster = new FakeCluster(world)
  await cluster.start(1)
  cluster.createTopic('orders', 1)
  if (joinVersion !== undefined) cluster.maxVersions.set('JoinGroup', joinVersion)
  let isSilent = false
  cluster.fault = (request) => {
    if (request.api !== api || isSilent) return undefined
    isSilent = true
    return { do: 'swallow' }
  }
  cluster.handlers.set('JoinGroup', () => ({
    ...{ throttleTimeMs: 0, errorCode: 79, generationId: -1, protocolType: null },
    ...{ protocolName: '', leader: '', skipAssignment: false, memberId: 'm-1', members: [] },
  }))
  const { environment } = world.process('member')
  const kafka = new Kafka({ bootstrapServers: cluster.bootstrapServers }, { environment })
  const consumer = kafka.consumer({
    ...{ groupId: 'g', topics: ['orders'], startFrom: 'earliest', groupProtocol: 'classic' },
  })
  const startedAt = world.now
  consumer[Symbol.asyncIterator]()
    .next()
    .catch(() => undefined)
  const joins = (): readonly SeenRequest[] => cluster.seen.filter((one) => one.api === 'JoinGroup')
  const isThrough = (): boolean => joins().length > (api === 'JoinGroup' ? 1 : 0)
  while (!isThrough() && world.now - startedAt < 200_000) await world.advance(100)
  const joinedAfterMs = (joins().at(-1)?.at ?? 0) - startedAt
  await world.run(kafka.close({ timeoutMs: 1000 }))
  return { joinedAfterMs, joins: joins() }
}

test('a coordinator that cannot be found in a third of the session is looked for again', async () => {
  const { joinedAfterMs } = await meetSilence('FindCoordinator')
  assert.ok(joinedAfterMs > 14_000 && joinedAfterMs < 17_000, `${joinedAfterMs} ms`)
})

test('the first join of a dynamic member is written again after a third of the session', async () => {
  const { joinedAfterMs } = await meetSilence('JoinGroup')
  assert.ok(joinedAfterMs > 14_000 && joinedAfterMs < 17_000, `${joinedAfterMs} ms`)
})

test('brokers that give no ids park the first join as any other, and are waited for', async () => {
  const { joinedAfterMs } = await meetSilence('JoinGroup', 3)
  assert.ok(joinedAfterMs > 64_000 && joinedAfterMs < 70_000, `${joinedAfterMs} ms`)
})
