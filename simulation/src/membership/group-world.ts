/**
 * A virtual world with three brokers and the members of one group, each in a process of its own.
 * What their hooks hear is written down, and at every look no partition may have two owners.
 */
import { type EmbeddedCluster, startBroker } from '@odradek/broker'
import { type VirtualProcess, VirtualWorld } from '@odradek/environment'
import { loadCodecs } from '@odradek/protocol'
import { type Consumer, type ConsumerOptions, Kafka } from 'odradek'

export const GROUP = 'readers'

export class GroupWorld {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster
  readonly members = new Map<string, GroupMember>()

  private constructor(world: VirtualWorld, cluster: EmbeddedCluster) {
    this.world = world
    this.cluster = cluster
  }

  static async start(seed: number, partitions = 6): Promise<GroupWorld> {
    // Loading modules takes time of the real world, of which a virtual one knows nothing.
    await loadCodecs()
    const world = new VirtualWorld({ seed })
    const cluster = await world.run(
      startBroker(
        { brokers: 3, topics: { orders: partitions } },
        {
          environment: world.process('cluster').environment,
          environmentOf: (nodeId) => world.process(`broker-${nodeId}`).environment,
        },
      ),
    )
    return new GroupWorld(world, cluster)
  }

  /** A member in a process of its own; a restarted one has another process, but its client id. */
  member(
    name: string,
    options: Partial<ConsumerOptions<string>> = {},
    clientId: string = name,
  ): GroupMember {
    const member = new GroupMember(this, name, options, clientId)
    this.members.set(name, member)
    return member
  }

  /** Lets time pass, and looks at the owners every so often. */
  async advance(durationMs: number): Promise<void> {
    const end = this.world.now + durationMs
    while (this.world.now < end) {
      await this.world.advance(Math.min(50, end - this.world.now))
      this.owners()
    }
  }

  owners(): ReadonlyMap<number, string> {
    const owners = new Map<number, string>()
    for (const [name, { host, owned }] of this.members) {
      if (!host.isAlive) continue
      for (const partition of owned) {
        const other = owners.get(partition)
        if (other !== undefined) throw new Error(`${partition} is read by ${other} and ${name}`)
        owners.set(partition, name)
      }
    }
    return owners
  }

  get generationId(): number {
    return this.cluster.group(GROUP)?.generationId ?? -1
  }
}

export class GroupMember {
  readonly host: VirtualProcess
  readonly kafka: Kafka
  readonly consumer: Consumer<string>
  readonly owned = new Set<number>()
  readonly heard: string[] = []
  /** How long `onRevoked` takes. */
  revokedMs = 0

  constructor(
    { world, cluster }: GroupWorld,
    name: string,
    options: Partial<ConsumerOptions<string>>,
    clientId: string,
  ) {
    this.host = world.process(name)
    const { bootstrapServers } = cluster
    const { environment } = this.host
    this.kafka = new Kafka({ bootstrapServers, clientId }, { environment })
    this.consumer = this.kafka.consumer({
      groupId: GROUP,
      topics: ['orders'],
      startFrom: 'earliest',
      sessionTimeoutMs: 9000,
      heartbeatIntervalMs: 1000,
      rebalanceTimeoutMs: 20_000,
      onAssigned: (partitions) => {
        this.heard.push(`assigned ${numbers(partitions)}`)
        for (const { partition } of partitions) this.owned.add(partition)
      },
      onRevoked: async (partitions) => {
        this.heard.push(`revoked ${numbers(partitions)}`)
        await world.sleep(this.revokedMs)
        for (const { partition } of partitions) this.owned.delete(partition)
      },
      onLost: (partitions) => {
        this.heard.push(`lost ${numbers(partitions)}`)
        for (const { partition } of partitions) this.owned.delete(partition)
      },
      ...options,
    })
    this.consumer
      .run(() => undefined)
      .catch((error: unknown) => {
        this.heard.push(`failed: ${String(error)}`)
      })
  }

  told(word: string): readonly string[] {
    return this.heard.filter((line) => line.startsWith(word))
  }

  async close(): Promise<void> {
    await this.kafka.close()
    this.owned.clear()
  }
}

function numbers(partitions: readonly { readonly partition: number }[]): string {
  return partitions.map(({ partition }) => partition).join(' ')
}
