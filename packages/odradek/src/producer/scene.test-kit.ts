/** Scenes with a cluster of two brokers and a client, in a virtual world. */
import assert from 'node:assert/strict'
import { VirtualWorld } from '@odradek/environment'
import { FakeCluster } from '../connection/fake-cluster.test-kit.ts'
import { Kafka } from '../kafka.ts'
import type { KafkaOptions } from '../options/client-options.ts'

export interface Setting {
  readonly world: VirtualWorld
  readonly cluster: FakeCluster
  readonly kafka: Kafka
}

/** Plays a scene with a cluster of two brokers and a client, which must leave nothing behind. */
export async function play(
  scene: (setting: Setting) => Promise<void>,
  options: Partial<KafkaOptions> = {},
  seed = 1,
): Promise<void> {
  const world = new VirtualWorld({ seed, link: { latencyMs: [1, 3] } })
  const cluster = new FakeCluster(world)
  await cluster.start(1)
  await cluster.start(2)
  const client = world.process('client')
  const { bootstrapServers } = cluster
  const kafka = new Kafka({ bootstrapServers, ...options }, { environment: client.environment })
  await world.run(scene({ world, cluster, kafka }), { timeoutMs: 600_000 })
  await world.run(
    kafka.close().catch(() => undefined),
    { timeoutMs: 60_000 },
  )
  await world.advance(1000)
  const left = Object.entries(client.leaks()).filter(([, count]) => count > 0)
  assert.deepEqual(left, [])
}

/** The values of records that a test numbers. */
export const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => String(from + at))

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof Error, 'it was expected to fail')
  return outcome as Error & Record<string, unknown>
}
