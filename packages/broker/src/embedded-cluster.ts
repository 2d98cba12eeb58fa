/**
 * The handle of a running cluster: where its clients connect, and everything that a test may do to
 * it. What it does to brokers happens to them as it would in production: connections end or are
 * cut, leaders and coordinators move (immediately after a graceful stop, after the session timeout
 * when a broker was killed), and acknowledged records stay.
 */
import type { Environment } from '@odradek/environment'
import { ErrorCode, type RecordBatch } from '@odradek/protocol'
import type { ClusterEvents, GroupView, TransactionView } from './cluster/cluster-events.ts'
import type { ClusterState } from './cluster/cluster-state.ts'
import type { Partition } from './cluster/partition.ts'
import type { SharePartitionView } from './cluster/share-partition-view.ts'
import { partitionKey } from './cluster/topic-partitions.ts'
import type { Topic } from './cluster/topics.ts'
import type { Faults } from './faults/faults.ts'
import { restore } from './group/classic-group.ts'
import type { CommittedOffset } from './group/committed-offset.ts'
import { viewOfConsumerGroup } from './group/consumer-group-view.ts'
import { forgetOffsets } from './group/forget-offsets.ts'
import { viewOf } from './group/group-view.ts'
import { viewOfShareGroup } from './group/share-group-view.ts'
import { BrokerNode } from './node/broker-node.ts'
import type { TopicOptions } from './options/broker-options.ts'
import { checkTopicOptions, newTopicOf } from './options/topic-options.ts'
import { UsageError } from './options/usage-error.ts'
import { deleteTopic, type Stores } from './services/stores.ts'
import { viewOfSharePartition } from './share/view-of-share-partition.ts'
import { viewOfTransaction } from './transaction/transaction-view.ts'

/** The current state of a partition. */
export interface PartitionView {
  readonly topicId: string
  /** -1 when no replica is alive. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly logStartOffset: number
  readonly endOffset: number
  /** The start of the first open transaction; else the end. */
  readonly lastStableOffset: number
}

export interface LagOptions {
  /** The end of its log; null ends the lag. */
  readonly to: number | null
  /** The error for fetches beyond that end. */
  readonly error?: 'OFFSET_OUT_OF_RANGE' | 'OFFSET_NOT_AVAILABLE' | undefined
}

export class EmbeddedCluster {
  /** Rules for what goes wrong, and when. */
  readonly faults: Faults
  readonly #state: ClusterState
  readonly #stores: Stores
  readonly #environmentOf: (nodeId: number) => Environment
  #isClosed = false

  /** @internal Use `startBroker`. */
  constructor(state: ClusterState, stores: Stores, environmentOf: (nodeId: number) => Environment) {
    this.#state = state
    this.#stores = stores
    this.#environmentOf = environmentOf
    this.faults = state.faults
  }

  /** The addresses of all brokers, running or not: `127.0.0.1:40001,127.0.0.1:40002`. */
  get bootstrapServers(): string {
    return this.#state.nodeIds
      .map((nodeId) => this.#state.endpoint(nodeId))
      .map((endpoint) => `${endpoint?.host ?? ''}:${endpoint?.port ?? 0}`)
      .join(',')
  }

  get clusterId(): string {
    return this.#state.clusterId
  }

  get nodeIds(): readonly number[] {
    return this.#state.nodeIds
  }

  /** Whether the broker runs. */
  isRunning(nodeId: number): boolean {
    return this.#state.nodes.has(nodeId)
  }

  /** Calls `listener` for every such event. Returns a function that removes it. */
  on<K extends keyof ClusterEvents>(
    name: K,
    listener: (event: ClusterEvents[K]) => void,
  ): () => void {
    return this.#state.events.on(name, listener)
  }

  /** Ends every broker. Idempotent; everything that was stored is discarded. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#state.faults.clear()
    this.#state.close()
    const nodes = [...this.#state.nodes.values()]
    this.#state.nodes.clear()
    for (const node of nodes) await node.close(false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Stops a broker. Gracefully (the default) its partitions and groups move first, parked requests
   * get a response and connections end in order; `abruptly` its connections are cut, and the
   * cluster notices after `brokerSessionTimeoutMs`.
   */
  async stop(nodeId: number, { abruptly = false }: { readonly abruptly?: boolean } = {}) {
    const node = this.#state.nodes.get(nodeId)
    if (node === undefined) {
      this.#checkNode(nodeId)
      return
    }
    if (!abruptly) this.#state.fence(nodeId)
    this.#state.nodes.delete(nodeId)
    const { events } = this.#state
    events.emit('node', {
      at: this.#state.now(),
      nodeId,
      state: abruptly ? 'killed' : 'stopped',
    })
    const closed = node.close(!abruptly)
    if (abruptly) this.#fenceLater(nodeId)
    await closed
  }

  /** Starts a stopped broker again, on its port, with everything that was stored. */
  async start(nodeId: number): Promise<void> {
    this.#checkNode(nodeId)
    if (this.#isClosed) throw new UsageError('The cluster is closed.')
    if (this.isRunning(nodeId)) throw new UsageError(`Broker ${nodeId} is running.`)
    const environment = this.#environmentOf(nodeId)
    const options = { nodeId, cluster: this.#state, stores: this.#stores, environment }
    await new BrokerNode(options).start()
  }

  /**
   * The controller fences a broker that still runs, as when it is paused or cut off for too long:
   * its partitions and groups move to others. `unfence` reverses it.
   */
  fence(nodeId: number): void {
    this.#checkNode(nodeId)
    this.#state.fence(nodeId)
  }

  /** Registers a fenced broker again that is still running. */
  unfence(nodeId: number): void {
    this.#checkNode(nodeId)
    const node = this.#state.nodes.get(nodeId)
    if (node === undefined) throw new UsageError(`Broker ${nodeId} is not running; start it.`)
    if (this.#state.registered.has(nodeId)) return
    this.#state.register(node, this.#state.portOf(nodeId))
  }

  /** Cuts all connections of a broker, which keeps running. */
  disconnect(nodeId: number): void {
    this.#checkNode(nodeId)
    this.#state.nodes.get(nodeId)?.disconnectAll()
  }

  /** Makes another broker the leader, under a new leader epoch; it becomes a replica if need be. */
  moveLeader(topic: string, partition: number, nodeId: number): void {
    this.#checkRegistered(nodeId)
    const found = this.#find(topic, partition)
    const { replicas, leaderId } = found.partition
    if (!replicas.includes(nodeId)) {
      found.partition.replicas = replicas.map((one) => (one === leaderId ? nodeId : one))
    }
    this.#state.lead(found.topic, found.partition, nodeId)
  }

  /** Makes another broker the coordinator of a group. */
  moveCoordinator(groupId: string, nodeId: number): void {
    this.#checkRegistered(nodeId)
    this.#state.coordinators.move(groupId, nodeId)
  }

  /** The broker that coordinates a group; -1 when there is none. */
  coordinatorOf(groupId: string): number {
    return this.#state.coordinators.coordinatorOf(groupId)
  }

  /** Makes another broker the coordinator of a transactional id. */
  moveTransactionCoordinator(transactionalId: string, nodeId: number): void {
    this.#checkRegistered(nodeId)
    this.#state.transactionCoordinators.move(transactionalId, nodeId)
  }

  /** The broker that coordinates a transactional id; -1 when there is none. */
  transactionCoordinatorOf(transactionalId: string): number {
    return this.#state.transactionCoordinators.coordinatorOf(transactionalId)
  }

  /** A transactional id as its coordinator sees it; undefined if it was never used. */
  transaction(transactionalId: string): TransactionView | undefined {
    const stored = this.#stores.transactions.get(transactionalId)
    return stored === undefined ? undefined : viewOfTransaction(transactionalId, stored.state)
  }

  /** Moves the log start to `before`, as retention does. */
  expireRecords(topic: string, partition: number, { before }: { readonly before: number }): void {
    const found = this.#find(topic, partition)
    this.#state.expireRecords(found.topic, found.partition, { before, cause: 'expireRecords' })
  }

  /**
   * Removes committed offsets of a group, as when they expire: all of them, or those of a topic.
   */
  expireOffsets(groupId: string, topic?: string): void {
    forgetOffsets(this.#state, this.#stores.groups, { groupId, cause: 'expired', topic })
  }

  /**
   * Loses the end of a log from offset `to` on, as an unclean election does: another replica leads
   * (the same broker if it is alone) under a new leader epoch. Batches are removed as a whole.
   * Returns the new end of the log.
   */
  truncate(topic: string, partition: number, { to }: { readonly to: number }): number {
    const found = this.#find(topic, partition)
    const { log, replicas, leaderId } = found.partition
    log.truncateTo(to)
    const inSync = this.#state.inSyncReplicas(found.partition)
    const successor =
      replicas.find((nodeId) => nodeId !== leaderId && inSync.includes(nodeId)) ?? leaderId
    this.#state.lead(found.topic, found.partition, successor)
    return log.endOffset
  }

  /**
   * Makes a follower lag: its log ends at `to`, or at the start of the batch that holds it, until
   * `to: null` ends the lag. Fetches beyond that end get `error`, OFFSET_OUT_OF_RANGE by default.
   * Followers serve consumers with `replicaSelector: 'rack'`.
   */
  lagFollower(topic: string, partition: number, nodeId: number, options: LagOptions): void {
    const found = this.#find(topic, partition).partition
    const { leaderId, replicas, log } = found
    if (!replicas.includes(nodeId) || nodeId === leaderId) {
      throw new UsageError(
        `Broker ${nodeId} is not a follower of partition ${partition} of ${topic}.`,
      )
    }
    const { to, error = 'OFFSET_OUT_OF_RANGE' } = options
    if (to === null) found.hold(nodeId, undefined)
    else {
      const cut = log.batches.find(
        ({ baseOffset, lastOffset }) => baseOffset < to && to <= lastOffset,
      )
      const errorCode = ErrorCode[error]
      found.hold(nodeId, { endOffset: cut?.baseOffset ?? to, errorCode })
    }
  }

  /** Creates a topic: a number of partitions, or more. */
  createTopic(name: string, options: number | TopicOptions = {}): void {
    checkTopicOptions(name, options)
    this.#state.createTopic(newTopicOf(name, options, this.#state.options))
  }

  /** Whether there is a topic of this name. */
  hasTopic(name: string): boolean {
    return this.#state.topics.byName(name) !== undefined
  }

  /** How many partitions a topic has. */
  partitionCount(name: string): number {
    const topic = this.#state.topics.byName(name)
    if (topic === undefined) throw new UsageError(`There is no topic "${name}".`)
    return topic.partitions.length
  }

  /** Gives a topic more partitions; `count` is the new total. */
  addPartitions(name: string, count: number): void {
    const topic = this.#state.topics.byName(name)
    if (topic === undefined) throw new UsageError(`There is no topic "${name}".`)
    const current = topic.partitions.length
    if (!Number.isInteger(count) || count <= current) {
      throw new UsageError(`The topic "${name}" has ${current} partitions; give a larger number.`)
    }
    const { topics } = this.#state
    const placed = topics.place(count - current, topic.replicationFactor, current)
    topics.addPartitions(topic, placed, (replicas) => this.#state.eligibleLeader(replicas))
  }

  /** Deletes a topic with its records and its committed offsets. */
  deleteTopic(name: string): void {
    const topic = this.#state.topics.byName(name)
    if (topic === undefined) throw new UsageError(`There is no topic "${name}".`)
    deleteTopic(this.#state, this.#stores, topic)
  }

  /** The current state of a partition. */
  partition(topic: string, partition: number): PartitionView {
    const found = this.#find(topic, partition)
    const { leaderId, leaderEpoch, replicas, log } = found.partition
    return {
      topicId: found.topic.id,
      leaderId,
      leaderEpoch,
      replicas,
      logStartOffset: log.logStartOffset,
      endOffset: log.endOffset,
      lastStableOffset: log.lastStableOffset,
    }
  }

  /** The record batches of a partition. Their records are read with `batch.records()`. */
  recordBatches(topic: string, partition: number): Generator<RecordBatch, void, undefined> {
    return this.#find(topic, partition).partition.log.recordBatches()
  }

  /** What a group has committed for a partition. */
  committedOffset(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#stores.groups.get(groupId)?.offset(topic, partition)
  }

  /** A group as its coordinator sees it, or, without one, as it was last stored. */
  group(groupId: string): GroupView | undefined {
    const stored = this.#stores.groups.get(groupId)
    if (stored === undefined) return undefined
    const nodeId = this.#state.coordinators.coordinatorOf(groupId)
    const loaded = this.#state.nodes.get(nodeId)?.groups.view(groupId)
    if (loaded !== undefined) return loaded
    const { content } = stored
    switch (content.kind) {
      case 'nothing':
        return undefined
      case 'classic':
        return viewOf(groupId, restore(content.snapshot))
      case 'consumer':
        return viewOfConsumerGroup(groupId, content.state, this.#state.topics.image())
      case 'share':
        return viewOfShareGroup(groupId, content.state, this.#state.topics.image())
    }
  }

  /** What a share group has done with a partition, as its leader sees it or as it was stored. */
  sharePartition(groupId: string, topic: string, partition: number): SharePartitionView {
    const found = this.#find(topic, partition)
    const { leaderId } = found.partition
    const live = this.#state.nodes.get(leaderId)?.shares.view(groupId, found.topic, found.partition)
    if (live !== undefined) return live
    const key = partitionKey(found.topic.id, partition)
    return viewOfSharePartition(this.#stores.shares.get(groupId, key))
  }

  /** Sets an entry of a group's configuration: `share.auto.offset.reset`, for instance. */
  configureGroup(groupId: string, configs: Readonly<Record<string, string | number>>): void {
    const { groupConfigs } = this.#state
    for (const [name, value] of Object.entries(configs)) {
      const problem = groupConfigs.problemWith(name, String(value))
      if (problem !== undefined) throw new UsageError(problem)
      groupConfigs.change(groupId, name, String(value))
    }
  }

  #fenceLater(nodeId: number): void {
    const { environment, options } = this.#state
    environment.timers
      .set(options.brokerSessionTimeoutMs, () => {
        // It may have been restarted and registered in the meantime.
        if (!this.isRunning(nodeId) && !this.#isClosed) this.#state.fence(nodeId)
      })
      .unref()
  }

  #find(name: string, index: number): { topic: Topic; partition: Partition } {
    const topic = this.#state.topics.byName(name)
    const partition = topic?.partitions[index]
    if (topic === undefined || partition === undefined) {
      throw new UsageError(`There is no partition ${index} of a topic "${name}".`)
    }
    return { topic, partition }
  }

  #checkNode(nodeId: number): void {
    if (!this.#state.nodeIds.includes(nodeId)) {
      throw new UsageError(
        `There is no broker ${nodeId}; there are ${this.#state.nodeIds.join(', ')}.`,
      )
    }
  }

  #checkRegistered(nodeId: number): void {
    this.#checkNode(nodeId)
    if (!this.#state.registered.has(nodeId)) {
      throw new UsageError(
        `Broker ${nodeId} is not registered in the cluster. Start it, or unfence it.`,
      )
    }
  }
}
