/**
 * What all brokers of a cluster share and none of them can lose: topics with their logs, producer
 * ids, leaders and coordinators. A broker process may be killed and started again in a fresh
 * environment; what is here stays, as do the stores of groups, share groups and transactions
 * (`services/stores.ts`). It represents the disks and the controller, whose view of the brokers
 * (`registered`) counts: a killed broker is registered until its session has timed out.
 */
import type { Environment, Timer } from '@odradek/environment'
import { Faults } from '../faults/faults.ts'
import type { ResolvedOptions } from '../options/broker-options.ts'
import { type NewTopic, newTopicOf } from '../options/topic-options.ts'
import { UsageError } from '../options/usage-error.ts'
import { ScramCredentials } from '../security/scram.ts'
import { ClusterEmitter, type ExpireEvent } from './cluster-events.ts'
import { Coordinators } from './coordinators.ts'
import { GroupConfigs } from './group-configs.ts'
import type { NodeHandle } from './node-handle.ts'
import type { Partition } from './partition.ts'
import { hasRetention, retainedFrom } from './retention.ts'
import { type Topic, Topics } from './topics.ts'

export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export class ClusterState {
  readonly options: ResolvedOptions
  readonly environment: Environment
  readonly clusterId: string
  readonly nodeIds: readonly number[]
  readonly topics: Topics
  readonly groupConfigs: GroupConfigs
  readonly events: ClusterEmitter
  readonly faults = new Faults()
  readonly credentials: ScramCredentials
  /** Brokers as the controller sees them. */
  readonly registered = new Set<number>()
  /** Brokers that run. */
  readonly nodes = new Map<number, NodeHandle>()
  /** Of groups. */
  readonly coordinators: Coordinators
  readonly transactionCoordinators: Coordinators
  readonly #ports = new Map<number, number>()
  #nextProducerId = 1000n
  #retentionTimer: Timer | undefined

  constructor(options: ResolvedOptions, environment: Environment) {
    const { random } = environment
    this.options = options
    this.environment = environment
    this.clusterId = options.clusterId ?? random.bytes(16).toString('base64url')
    this.nodeIds = Array.from({ length: options.brokers }, (_, index) => index + 1)
    this.groupConfigs = new GroupConfigs(options)
    this.topics = new Topics(this.nodeIds, random)
    this.credentials = new ScramCredentials(options.sasl?.users ?? {}, random)
    this.events = new ClusterEmitter((error) => this.rethrow(error))
    this.coordinators = new Coordinators(this.registered, {
      onElected: (groupId, nodeId) => {
        this.nodes.get(nodeId)?.groups.elect(groupId)
        this.events.emit('coordinator', { at: this.now(), groupId, nodeId })
      },
      onResigned: (groupId, nodeId) => this.nodes.get(nodeId)?.groups.resign(groupId),
    })
    this.transactionCoordinators = new Coordinators(this.registered, {
      onElected: (id, nodeId) => this.nodes.get(nodeId)?.transactions.elect(id),
      onResigned: (id, nodeId) => this.nodes.get(nodeId)?.transactions.resign(id),
    })
  }

  now(): number {
    return this.environment.clock.monotonic()
  }

  /** Throws an error in a turn of its own, outside of the current request. */
  rethrow(error: unknown): void {
    this.environment.timers.soon(() => {
      throw error
    })
  }

  /** Reports a bug of the broker itself. */
  report(nodeId: number, error: unknown): void {
    if (!this.events.hasListeners('error')) this.rethrow(error)
    else this.events.emit('error', { at: this.now(), nodeId, error })
  }

  /** The next producer id; it is not allocated yet. */
  peekProducerId(): bigint {
    return this.#nextProducerId
  }

  nextProducerId(): bigint {
    return this.#nextProducerId++
  }

  createTopic(topic: NewTopic): Topic {
    const problem = this.topics.problemWith(topic)
    if (problem !== undefined) throw new UsageError(problem.message)
    const created = this.topics.create(topic, (replicas) => this.eligibleLeader(replicas))
    this.watchRetention()
    return created
  }

  /** For clients whose Metadata request may create topics. */
  autoCreate(name: string): Topic | undefined {
    const topic = newTopicOf(name, {}, this.options)
    if (this.topics.problemWith(topic) !== undefined) return undefined
    return this.createTopic(topic)
  }

  /** Moves the start of a log forward. */
  expireRecords(
    topic: Topic,
    partition: Partition,
    { before, cause }: { readonly before: number; readonly cause: ExpireEvent['cause'] },
  ): void {
    const { log, index } = partition
    const previousLogStartOffset = log.logStartOffset
    log.expireBefore(before)
    const { logStartOffset } = log
    if (logStartOffset === previousLogStartOffset) return
    partition.invalidate()
    this.events.emit('expire', {
      at: this.now(),
      topic: topic.name,
      partition: index,
      logStartOffset,
      previousLogStartOffset,
      cause,
    })
  }

  /** Checks periodically for records that retention removes, while any topic has retention. */
  watchRetention(): void {
    if (this.#retentionTimer !== undefined || ![...this.topics.all()].some(hasRetention)) return
    const { timers, clock } = this.environment
    this.#retentionTimer = timers.set(this.options.logRetentionCheckIntervalMs, () => {
      this.#retentionTimer = undefined
      for (const topic of this.topics.all()) {
        if (!hasRetention(topic)) continue
        for (const partition of topic.partitions) {
          if (partition.leaderId < 0) continue
          const before = retainedFrom(topic, partition, clock.now())
          this.expireRecords(topic, partition, { before, cause: 'retention' })
        }
      }
      this.watchRetention()
    })
    this.#retentionTimer.unref()
  }

  close(): void {
    this.environment.timers.clear(this.#retentionTimer)
  }

  /** The leaders of a share group's partitions drop its records in flight. */
  forgetShareLocks(groupId: string): void {
    for (const node of this.nodes.values()) node.shares.forgetGroup(groupId)
  }

  /** The first replica that is registered; before any broker is, simply the first; -1 if none. */
  eligibleLeader(replicas: readonly number[]): number {
    if (this.#ports.size === 0) return replicas[0] ?? -1
    return replicas.find((nodeId) => this.registered.has(nodeId)) ?? -1
  }

  inSyncReplicas({ replicas }: Partition): readonly number[] {
    return replicas.filter((nodeId) => this.registered.has(nodeId))
  }

  lead(topic: Topic, partition: Partition, nodeId: number): void {
    partition.lead(nodeId)
    const { leaderId, leaderEpoch, log } = partition
    this.events.emit('leader', {
      at: this.now(),
      topic: topic.name,
      partition: partition.index,
      leaderId,
      leaderEpoch,
      logStartOffset: log.logStartOffset,
      endOffset: log.endOffset,
    })
  }

  register(node: NodeHandle, port: number): void {
    const { nodeId } = node
    // It was killed and restarted before its session timed out: the new incarnation ends the old.
    this.fence(nodeId)
    this.#ports.set(nodeId, port)
    this.nodes.set(nodeId, node)
    this.registered.add(nodeId)
    for (const topic of this.topics.all()) {
      for (const partition of topic.partitions) {
        const isLeaderless = partition.leaderId < 0 && partition.replicas.includes(nodeId)
        if (isLeaderless) this.lead(topic, partition, nodeId)
      }
    }
    this.coordinators.onRegistered(nodeId)
    this.transactionCoordinators.onRegistered(nodeId)
    this.events.emit('node', { at: this.now(), nodeId, state: 'started' })
  }

  /** The controller fences this broker: its partitions and groups move to others. */
  fence(nodeId: number): void {
    if (!this.registered.delete(nodeId)) return
    this.events.emit('node', { at: this.now(), nodeId, state: 'fenced' })
    for (const topic of this.topics.all()) {
      for (const partition of topic.partitions) {
        if (partition.leaderId !== nodeId) continue
        this.lead(topic, partition, this.eligibleLeader(partition.replicas))
      }
    }
    this.coordinators.onFenced(nodeId)
    this.transactionCoordinators.onFenced(nodeId)
  }

  /** The port of a broker, assigned or configured; a restart keeps it. */
  portOf(nodeId: number): number {
    return this.#ports.get(nodeId) ?? this.options.portOf(nodeId)
  }

  endpoint(nodeId: number): NodeEndpoint | undefined {
    if (!this.nodeIds.includes(nodeId)) return undefined
    const { advertisedHostOf, rackOf } = this.options
    return {
      nodeId,
      host: advertisedHostOf(nodeId),
      port: this.portOf(nodeId),
      rack: rackOf(nodeId),
    }
  }

  /** The registered brokers, as metadata lists them. */
  endpoints(): readonly NodeEndpoint[] {
    return this.nodeIds.flatMap((nodeId) => {
      const endpoint = this.registered.has(nodeId) ? this.endpoint(nodeId) : undefined
      return endpoint === undefined ? [] : [endpoint]
    })
  }

  get controllerId(): number {
    return this.nodeIds.find((nodeId) => this.registered.has(nodeId)) ?? -1
  }
}
