/**
 * Members of one group whose loops are blocked and whose processes are stopped, while a producer
 * writes numbers all the time. Everything that is read, committed and told is written down.
 */
import type { VirtualProcess } from '@odradek/environment'
import type { ClientEvents, Consumer, ConsumerOptions } from 'odradek'
import { SmallWorld, type SmallWorldOptions } from '../regressions/small-world.test-kit.ts'

export const GROUP = 'billing'
export const TOPIC = 'orders'

/** The same timings under KIP-848: there they are the broker's. */
const BROKERS_TIMINGS = {
  groupConsumerSessionTimeoutMs: 6000,
  groupConsumerHeartbeatIntervalMs: 1000,
} as const

/** For members of a KIP-848 group. */
export const CONSUMER_PROTOCOL: Partial<ConsumerOptions<string>> = {
  groupProtocol: 'consumer',
  sessionTimeoutMs: undefined,
  heartbeatIntervalMs: undefined,
}

export class LivenessWorld {
  readonly small: SmallWorld
  readonly generations: number[] = []
  /** Every offset that the coordinator was told, in its order. */
  readonly commits: { readonly partition: number; readonly offset: number }[] = []
  readonly readers: Reader[] = []
  /** Whom each partition was given to last, by their own hooks. */
  readonly owners = new Map<number, string>()
  /** What was delivered to somebody else than the owner. */
  readonly foreign: string[] = []
  written = 0

  private constructor(small: SmallWorld) {
    this.small = small
    small.cluster.on('group', ({ generationId, state }) => {
      if (state === 'Stable') this.generations.push(generationId)
    })
    small.cluster.on('commit', ({ topic, partition, offset }) => {
      if (topic === TOPIC) this.commits.push({ partition, offset })
    })
  }

  static play(
    scenario: (world: LivenessWorld) => Promise<void>,
    options: SmallWorldOptions & { readonly partitions?: number } = {},
  ): Promise<void> {
    const { partitions = 4, broker = {}, ...rest } = options
    return SmallWorld.play(
      async (small) => {
        const world = new LivenessWorld(small)
        await scenario(world)
        for (const { consumer } of world.readers) await consumer.close()
      },
      { ...rest, broker: { topics: { [TOPIC]: partitions }, ...BROKERS_TIMINGS, ...broker } },
    )
  }

  sleep(ms: number): Promise<void> {
    return this.small.world.sleep(ms)
  }

  /** Writes a number every so often, to one partition after the other. */
  write(everyMs: number, partitions = 4): () => Promise<void> {
    const over = new AbortController()
    const producer = this.small.producer()
    const writing = (async () => {
      while (!over.signal.aborted) {
        const value = String(this.written)
        await producer.send(TOPIC, { value, partition: this.written % partitions })
        this.written++
        await this.sleep(everyMs)
      }
    })()
    return async () => {
      over.abort()
      await writing
    }
  }

  reader(name: string, options: Partial<ConsumerOptions<string>> = {}): Reader {
    const reader = new Reader(this, name, options)
    this.readers.push(reader)
    return reader
  }

  /** Offsets of a partition that were committed after a larger one. */
  get stepsBack(): number {
    const last = new Map<number, number>()
    let count = 0
    for (const { partition, offset } of this.commits) {
      if (offset < (last.get(partition) ?? 0)) count++
      last.set(partition, offset)
    }
    return count
  }

  /** Numbers that were written and that nobody read. */
  get missing(): readonly string[] {
    const read = new Set(this.readers.flatMap(({ values }) => values))
    return Array.from({ length: this.written }, (_, index) => String(index)).filter(
      (value) => !read.has(value),
    )
  }
}

type Told = { [K in keyof ClientEvents]: { readonly name: K; readonly event: ClientEvents[K] } }

export class Reader {
  readonly host: VirtualProcess
  readonly consumer: Consumer
  readonly values: string[] = []
  readonly told: Told[keyof ClientEvents][] = []
  readonly heard: string[] = []

  readonly #world: LivenessWorld
  readonly #name: string

  constructor(world: LivenessWorld, name: string, options: Partial<ConsumerOptions<string>>) {
    const { small } = world
    this.#world = world
    this.#name = name
    this.host = small.process(name)
    const partitions = (list: readonly { readonly partition: number }[]): string =>
      list.map(({ partition }) => partition).join(' ')
    this.consumer = small.consumer(name, {
      groupId: GROUP,
      sessionTimeoutMs: 6000,
      heartbeatIntervalMs: 1000,
      rebalanceTimeoutMs: 20_000,
      onAssigned: (list) => {
        this.heard.push(`assigned ${partitions(list)}`)
        for (const { topic, partition } of list) {
          if (topic === TOPIC) world.owners.set(partition, name)
        }
      },
      onRevoked: (list) => void this.heard.push(`revoked ${partitions(list)}`),
      onLost: (list) => void this.heard.push(`lost ${partitions(list)}`),
      ...options,
    })
    for (const name of NAMES) {
      this.consumer.on(name, (event) => {
        this.told.push({ name, event } as Told[keyof ClientEvents])
      })
    }
  }

  /** Reads everything with a handler that does nothing else. */
  run(handler: (value: string, signal: AbortSignal) => unknown = () => undefined): void {
    this.consumer
      .run((record, { signal }) => {
        const value = String(record.value)
        this.values.push(value)
        const { partition, offset } = record
        const isOwner = this.#world.owners.get(partition) === this.#name
        if (!isOwner) this.#world.foreign.push(`${this.#name} got ${partition}@${offset}`)
        return handler(value, signal)
      })
      .catch((error: unknown) => void this.heard.push(`failed: ${String(error)}`))
  }

  events<K extends keyof ClientEvents>(name: K): readonly ClientEvents[K][] {
    return this.told.filter((one) => one.name === name).map(({ event }) => event as ClientEvents[K])
  }
}

const NAMES = [
  ...([
    'eventLoopBlocked',
    'maxPollExceeded',
    'heartbeatThreadUnavailable',
    'fenced',
    'rebalanced',
  ] as const),
  ...(['partitionProgress', 'stalled', 'positionReset', 'dataLoss', 'listenerError'] as const),
]
