/** A world for one scenario: a broker or three, a topic, and clients in processes of their own. */
import { type BrokerOptions, type EmbeddedCluster, startBroker } from '@odradek/broker'
import { type LinkRule, type VirtualProcess, VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import {
  type Consumer,
  type ConsumerOptions,
  Kafka,
  type KafkaOptions,
  type Producer,
} from 'odradek'
import { brokerProcess } from '../plans/inflict.ts'

export interface SmallWorldOptions {
  readonly broker?: BrokerOptions
  readonly link?: LinkRule
  readonly seed?: number
}

export class SmallWorld {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster

  private constructor(world: VirtualWorld, cluster: EmbeddedCluster) {
    this.world = world
    this.cluster = cluster
  }

  /** Plays a scenario to its end. */
  static async play(
    scenario: (small: SmallWorld) => Promise<void>,
    { broker = {}, link = { latencyMs: [1, 1] }, seed = 1 }: SmallWorldOptions = {},
  ): Promise<void> {
    await loadCodecs()
    const world = new VirtualWorld({ seed, link })
    const main = async (): Promise<void> => {
      const brokers = broker.brokers ?? 1
      const cluster = await startBroker(
        {
          topics: { orders: 1 },
          ...broker,
          host: brokerProcess,
          port: Array.from({ length: brokers }, () => PORT),
        },
        {
          environment: world.process('cluster').environment,
          environmentOf: (nodeId) => world.process(brokerProcess(nodeId)).environment,
        },
      )
      await scenario(new SmallWorld(world, cluster))
    }
    await world.run(main, { timeoutMs: TIMEOUT_MS })
  }

  process(name: string): VirtualProcess {
    return this.world.process(name)
  }

  kafka(name: string, options: Partial<KafkaOptions> = {}): Kafka {
    const { bootstrapServers } = this.cluster
    const { environment } = this.process(name)
    return new Kafka({ bootstrapServers, clientId: name, ...options }, { environment })
  }

  producer(name = 'producer'): Producer {
    return this.kafka(name).producer({ lingerMs: 0 })
  }

  consumer(name: string, options: Partial<ConsumerOptions<string>> = {}): Consumer {
    return this.kafka(name).consumer({
      groupId: 'billing',
      topics: ['orders'],
      startFrom: 'earliest',
      ...options,
    })
  }
}

const PORT = 9092
const TIMEOUT_MS = 600_000
