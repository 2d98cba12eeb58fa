/**
 * A virtual world with one fake coordinator, a cluster's metadata that tests can change, and
 * members whose hooks write down what they hear. `owners()` checks at any time that no partition
 * has two.
 */
import { type VirtualProcess, VirtualWorld } from '@odradek/environment'
import { type AnyApi, describeGroups, type KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { type ClusterMetadata, NO_METADATA } from '../../cluster/metadata.ts'
import { ConnectionError, TimeoutError } from '../../errors/errors.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import { TypedEmitter } from '../../events/emitter.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import { resolveAssignors } from './assignors/index.ts'
import {
  ClassicMembership,
  type ClassicMembershipOptions,
  type TracedStep,
} from './classic-membership.ts'
import { FakeCoordinator } from './fake-coordinator.test-kit.ts'
import type { AssignedPartition, MembershipHandler } from './membership.ts'

const LATENCY_MS = 2

export class FakeGroup {
  readonly world: VirtualWorld
  readonly coordinator: FakeCoordinator
  readonly topics = new Map<string, number>()
  /** Topics that metadata knows nothing of for the moment. */
  readonly hiddenTopics = new Set<string>()
  readonly members = new Map<string, FakeMembership>()
  /** Requests fail as if no broker were there. */
  isUnreachable = false

  constructor(topics: Readonly<Record<string, number>> = { orders: 6 }, seed = 7) {
    this.world = new VirtualWorld({ seed })
    this.coordinator = new FakeCoordinator(this.world.process('coordinator').environment)
    for (const [topic, count] of Object.entries(topics)) this.topics.set(topic, count)
  }

  member(name: string, options: Partial<ClassicMembershipOptions> = {}): FakeMembership {
    const member = new FakeMembership(this, name, options)
    this.members.set(name, member)
    return member
  }

  async advance(durationMs: number): Promise<void> {
    await this.world.advance(durationMs)
    this.owners()
  }

  /** Who reads what right now; fails when a partition has two readers. */
  owners(): ReadonlyMap<string, string> {
    const owners = new Map<string, string>()
    for (const [name, { process, owned, membership }] of this.members) {
      // Whose session is over delivers nothing, even if its loop is too busy to say so.
      if (!process.isAlive || !membership.isSessionAlive()) continue
      for (const key of owned) {
        const other = owners.get(key)
        if (other !== undefined) throw new Error(`${key} is read by ${other} and by ${name}`)
        owners.set(key, name)
      }
    }
    return owners
  }
}

export class FakeMembership {
  readonly process: VirtualProcess
  readonly membership: ClassicMembership
  /** Partitions that the hooks gave and did not take away again. */
  readonly owned = new Set<string>()
  readonly heard: string[] = []
  readonly steps: TracedStep[] = []
  readonly emitter = new TypedEmitter<ClientEvents>()
  readonly rebalances: ClientEvents['rebalanced'][] = []
  readonly stalls: ClientEvents['stalled'][] = []
  fatal: KafkaError | undefined
  /** How long each hook takes. */
  revokedMs = 0
  joiningMs = 0
  readonly cluster: FakeCluster

  constructor(group: FakeGroup, name: string, options: Partial<ClassicMembershipOptions>) {
    this.process = group.world.process(name)
    this.cluster = new FakeCluster(group, this.process)
    this.emitter.on('rebalanced', (event) => this.rebalances.push(event))
    this.emitter.on('stalled', (event) => this.stalls.push(event))
    this.emitter.on('listenerError', ({ event, error }) => {
      this.heard.push(`error in ${event}: ${String(error)}`)
    })
    this.membership = new ClassicMembership(
      this.cluster as unknown as Cluster,
      {
        groupId: 'readers',
        groupInstanceId: null,
        sessionTimeoutMs: 9000,
        heartbeatIntervalMs: 1000,
        rebalanceTimeoutMs: 12_000,
        topics: ['orders'],
        assignors: resolveAssignors(),
        clientRack: null,
        emitter: this.emitter,
        onStep: (step) => this.steps.push(step),
        ...options,
      },
      this.#handler(),
    )
    this.membership.start()
  }

  #handler(): MembershipHandler {
    const sleep = (ms: number): Promise<void> => this.cluster.sleep(ms)
    return {
      onAssigned: async (added) => {
        this.heard.push(`assigned ${keysOf(added)}`)
        for (const key of keys(added)) this.owned.add(key)
      },
      onRevoked: async (partitions) => {
        this.heard.push(`revoked ${keysOf(partitions)}`)
        await sleep(this.revokedMs)
        for (const key of keys(partitions)) this.owned.delete(key)
      },
      onLost: (partitions, reason) => {
        this.heard.push(`lost ${keysOf(partitions)}: ${reason}`)
        for (const key of keys(partitions)) this.owned.delete(key)
      },
      onJoining: async () => {
        this.heard.push('joining')
        await sleep(this.joiningMs)
      },
      onStable: () => {
        this.heard.push(`stable ${this.membership.stamp?.generationIdOrMemberEpoch}`)
      },
      onFatal: (error) => {
        this.heard.push(`fatal ${error.code}`)
        this.fatal = error
      },
    }
  }

  get stateName(): string {
    return this.steps.at(-1)?.to.name ?? 'unjoined'
  }

  /** Forgets what was heard so far. */
  clear(): void {
    this.heard.length = 0
    this.steps.length = 0
  }

  leave(timeoutMs = 1000, group: 'leave' | 'remain' = 'leave'): Promise<void> {
    const deadline = this.process.environment.clock.monotonic() + timeoutMs
    return this.membership.leave({ group, reason: 'the test is over', deadline })
  }
}

function keys(partitions: readonly AssignedPartition[]): readonly string[] {
  return partitions.map(({ topic, partition }) => partitionKey(topic, partition))
}

function keysOf(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' ')
}

/** As much of a cluster as a membership needs. */
class FakeCluster {
  readonly #group: FakeGroup
  readonly #process: VirtualProcess
  readonly environment
  readonly emitter = new TypedEmitter<ClientEvents>()
  readonly options = {
    requestTimeoutMs: 5000,
    retryBackoffMs: 100,
    retryBackoffMaxMs: 1000,
  }
  readonly isClosed = false
  readonly needed = new Map<string, number>()
  metadata: ClusterMetadata = NO_METADATA
  forgotten = 0
  readonly #listeners = new Set<(metadata: ClusterMetadata) => void>()
  readonly purposes = new Map<string, string>()

  constructor(group: FakeGroup, process: VirtualProcess) {
    this.#group = group
    this.#process = process
    this.environment = process.environment
  }

  needTopics(names: readonly string[]): () => void {
    for (const name of names) this.needed.set(name, (this.needed.get(name) ?? 0) + 1)
    return () => {
      for (const name of names) this.needed.set(name, (this.needed.get(name) ?? 0) - 1)
    }
  }

  onMetadata(listener: (metadata: ClusterMetadata) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async refreshMetadata(_reason: string): Promise<void> {
    await this.sleep(LATENCY_MS)
    if (this.#group.isUnreachable) throw new ConnectionError('No broker.', 'tcp')
    const topics = new Map(this.metadata.topics)
    const topicErrors = new Map<string, number>()
    for (const [name, uses] of this.needed) {
      if (uses <= 0 || this.#group.hiddenTopics.has(name)) continue
      const count = this.#group.topics.get(name)
      if (count === undefined) topicErrors.set(name, 3)
      else topics.set(name, topicOf(name, count))
    }
    this.metadata = { ...this.metadata, topics, topicErrors }
    for (const listener of [...this.#listeners]) listener(this.metadata)
  }

  forgetCoordinator(): void {
    this.forgotten++
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.environment.timers.set(delayMs, resolve)
      signal?.addEventListener('abort', () => {
        this.environment.timers.clear(timer)
        resolve()
      })
    })
  }

  requestCoordinator(
    _type: string,
    _key: string,
    api: AnyApi,
    body: object | ((version: number) => object),
    options: { purpose?: string; timeoutMs?: number; extraWaitMs?: number } = {},
  ): Promise<unknown> {
    const { timers } = this.environment
    this.purposes.set(api.name, options.purpose ?? 'general')
    const timeoutMs =
      (options.timeoutMs ?? this.options.requestTimeoutMs) + (options.extraWaitMs ?? 0)
    const input = typeof body === 'function' ? body(api.versions.max) : body
    return new Promise((resolve, reject) => {
      const timer = timers.set(timeoutMs, () => {
        timers.soon(() => reject(new TimeoutError(`${api.name} was not answered.`)))
      })
      const settle = (action: () => void): void => {
        timers.set(LATENCY_MS, () => {
          timers.clear(timer)
          action()
        })
      }
      if (this.#group.isUnreachable) {
        settle(() => reject(new ConnectionError('No broker.', 'tcp')))
        return
      }
      if (api === describeGroups) {
        settle(() => resolve({ groups: [this.#group.coordinator.describe()] }))
        return
      }
      timers.set(LATENCY_MS, () => {
        if (!this.#process.isAlive) return
        this.#group.coordinator.handle(api, input, (answer) => settle(() => resolve(answer)))
      })
    })
  }
}

function topicOf(
  name: string,
  count: number,
): ClusterMetadata['topics'] extends ReadonlyMap<string, infer T> ? T : never {
  return {
    name,
    topicId: `id-of-${name}`,
    isInternal: false,
    partitions: Array.from({ length: count }, (_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
    })),
  }
}
