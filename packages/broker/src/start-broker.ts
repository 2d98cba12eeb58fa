/** The entry: options in, a cluster that accepts connections out. */
import { type Environment, realEnvironment } from '@odradek/environment'
import { ClusterState } from './cluster/cluster-state.ts'
import { EmbeddedCluster } from './embedded-cluster.ts'
import type { BrokerOptions } from './options/broker-options.ts'
import { resolveOptions } from './options/resolve-options.ts'
import { newTopicOf } from './options/topic-options.ts'
import { Stores } from './services/stores.ts'

/** Where a cluster runs; by default with the machine's own clock and sockets. */
export interface BrokerWorld {
  /** Times what the cluster does as a whole. It should outlive the brokers. */
  readonly environment: Environment
  /** The process of each broker, called at each start. The cluster's environment by default. */
  readonly environmentOf?: ((nodeId: number) => Environment) | undefined
}

/**
 * Starts an embedded Kafka cluster and resolves once all its brokers accept connections.
 *
 * Everything is kept in memory and discarded by `close()`. Node ids are 1, 2, 3 and so on.
 *
 * @throws UsageError for an option that is unknown or wrong, before anything is started.
 * @example
 * ```ts
 * const broker = await startBroker({ brokers: 3, topics: { orders: 6 } })
 * // ... connect clients to broker.bootstrapServers
 * await broker.close()
 * ```
 */
export async function startBroker(
  options: BrokerOptions = {},
  world: BrokerWorld = { environment: realEnvironment },
): Promise<EmbeddedCluster> {
  const resolved = resolveOptions(options)
  const { environment, environmentOf = () => environment } = world
  const state = new ClusterState(resolved, environment)
  for (const [name, topic] of Object.entries(resolved.topics)) {
    state.createTopic(newTopicOf(name, topic, resolved))
  }
  const cluster = new EmbeddedCluster(state, new Stores(), environmentOf)
  try {
    for (const nodeId of state.nodeIds) await cluster.start(nodeId)
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}
