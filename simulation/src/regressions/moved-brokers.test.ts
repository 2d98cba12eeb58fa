/**
 * All brokers come back under other addresses, and the old ones are mute: what is on its way there
 * vanishes, and no connection to them ends. The bootstrap servers' name leads to the new ones.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '@odradek/broker'
import { VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import { Kafka, type KafkaOptions } from 'odradek'

const NODES = [1, 2, 3]
const PORT = 9092

interface Scene {
  readonly world: VirtualWorld
  readonly kafka: Kafka
  /** Moves every broker; from then on the client's old connections are mute. */
  readonly move: () => Promise<void>
  readonly committed: () => number
}

async function play(
  scene: (scene: Scene) => Promise<void>,
  options: Partial<KafkaOptions> = {},
): Promise<void> {
  await loadCodecs()
  const world = new VirtualWorld({ seed: 1, link: { latencyMs: [1, 1] } })
  let prefix = 'old'
  const hostOf = (nodeId: number): string => `${prefix}-${nodeId}`
  const main = async (): Promise<void> => {
    const cluster = await startBroker(
      {
        brokers: NODES.length,
        topics: { orders: { partitions: 3, replicationFactor: 3 } },
        host: hostOf,
        port: NODES.map(() => PORT),
      },
      {
        environment: world.process('cluster').environment,
        environmentOf: (nodeId) => world.process(hostOf(nodeId)).environment,
      },
    )
    world.network.name('kafka', NODES.map(hostOf))
    const { environment } = world.process('client')
    const kafka = new Kafka({ bootstrapServers: `kafka:${PORT}`, ...options }, { environment })
    await scene({
      world,
      kafka,
      move: async () => {
        for (const nodeId of NODES) world.network.partition('client', hostOf(nodeId))
        for (const nodeId of NODES) await cluster.stop(nodeId)
        prefix = 'new'
        for (const nodeId of NODES) await cluster.start(nodeId)
        world.network.name('kafka', NODES.map(hostOf))
      },
      committed: () =>
        [0, 1, 2].reduce(
          (sum, partition) =>
            sum + (cluster.committedOffset('billing', 'orders', partition)?.offset ?? 0),
          0,
        ),
    })
    await kafka.close()
    await cluster.close()
  }
  await world.run(main, { timeoutMs: 1_200_000 })
}

const records = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: `${from + at}`, value: `${from + at}` }))

for (const groupProtocol of ['classic', 'consumer'] as const) {
  test(`a producer and a group find brokers under other addresses (${groupProtocol})`, () =>
    play(async ({ world, kafka, move, committed }) => {
      const producer = kafka.producer({ lingerMs: 0 })
      const seen = new Map<string, number>()
      const consumer = kafka.consumer({
        groupId: 'billing',
        topics: ['orders'],
        startFrom: 'earliest',
        groupProtocol,
        autoCommitIntervalMs: 1000,
      })
      const running = consumer.run(({ value }) => {
        const text = String(value)
        seen.set(text, (seen.get(text) ?? 0) + 1)
      })
      await producer.send('orders', records(0, 30))
      await world.sleep(10_000)
      assert.equal(seen.size, 30)
      await move()
      const movedAt = world.now
      await producer.send('orders', records(30, 30))
      const sentMs = world.now - movedAt
      while (seen.size < 60) await world.sleep(100)
      const readMs = world.now - movedAt
      while (committed() < 60) await world.sleep(100)
      const committedMs = world.now - movedAt
      // A heartbeat's timeout (15 s) tells that its coordinator is mute; the rest is quick.
      const took = `sent ${sentMs} ms, read ${readMs} ms, committed ${committedMs} ms`
      assert.ok(Math.max(sentMs, readMs, committedMs) < 30_000, took)
      await consumer.close()
      await running
    }))
}
