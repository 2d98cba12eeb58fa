/**
 * One broker: a listener, its connections, the groups and transactions it coordinates, the fetch
 * sessions and share partitions it keeps. Everything here is lost when it stops, as a process's
 * memory is; durable state belongs to the cluster and its stores.
 */
import type { Environment, Listener, Timer } from '@odradek/environment'
import type { ClientHandle } from '../cluster/client-handle.ts'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { NodeHandle } from '../cluster/node-handle.ts'
import { FetchSessions } from '../fetch/fetch-sessions.ts'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import type { NodeServices, ServedApi } from '../services/request-context.ts'
import type { Stores } from '../services/stores.ts'
import { SharePartitions } from '../share/share-partitions.ts'
import { TransactionCoordinator } from '../transaction/transaction-coordinator.ts'
import { ClientConnection, type ConnectionOwner } from './client-connection.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Outcome } from './outcome.ts'

export interface BrokerNodeOptions {
  readonly nodeId: number
  readonly cluster: ClusterState
  readonly stores: Stores
  /** The process that this broker is. */
  readonly environment: Environment
}

export class BrokerNode implements NodeHandle, NodeServices, ConnectionOwner {
  readonly nodeId: number
  readonly cluster: ClusterState
  readonly environment: Environment
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly fetchSessions: FetchSessions
  readonly shares: SharePartitions
  readonly #dispatcher: Dispatcher
  readonly #connections = new Set<ClientConnection>()
  readonly #timers = new Set<Timer>()
  #listener: Listener | undefined
  #nextConnection = 1
  #isClosed = false

  constructor({ cluster, stores, nodeId, environment }: BrokerNodeOptions) {
    this.cluster = cluster
    this.nodeId = nodeId
    this.environment = environment
    this.#dispatcher = new Dispatcher(this, stores)
    const shares = new SharePartitions(this, stores.shares)
    this.shares = shares
    this.groups = new GroupCoordinator(this, stores.groups, {
      memberGone: (groupId, memberId, isLast) => shares.memberGone(groupId, memberId, isLast),
      groupDeleted: (groupId) => {
        cluster.forgetShareLocks(groupId)
        stores.shares.deleteGroup(groupId)
      },
    })
    this.transactions = new TransactionCoordinator(this, stores.transactions)
    this.fetchSessions = new FetchSessions(cluster.options.maxFetchSessions, environment.random)
  }

  get apiKeys(): readonly ServedApi[] {
    return this.#dispatcher.apiKeys
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#connections.size
  }

  /** Listens and joins the cluster. */
  async start(): Promise<void> {
    const { cluster, nodeId } = this
    const { hostOf, tls } = cluster.options
    const listener = await this.environment.network.listen(
      { host: hostOf(nodeId), port: cluster.portOf(nodeId), tls },
      (connection) => {
        const accepted = new ClientConnection(this, connection, this.#nextConnection++)
        this.#connections.add(accepted)
        return accepted
      },
    )
    this.#listener = listener
    cluster.register(this, listener.port)
  }

  /** Runs `action` after the delay, unless the broker has stopped by then. */
  later(delayMs: number, action: () => void): void {
    if (this.#isClosed) return
    const timer = this.environment.timers.set(delayMs, () => {
      this.#timers.delete(timer)
      action()
    })
    this.#timers.add(timer)
  }

  dispatch(frame: Buffer, connection: ClientHandle): Outcome | Promise<Outcome> {
    return this.#dispatcher.dispatch(frame, connection)
  }

  onConnectionClosed(connection: ClientConnection): void {
    this.#connections.delete(connection)
  }

  /** Cuts all connections, as a proxy or a firewall may. */
  disconnectAll(): void {
    for (const connection of [...this.#connections]) connection.destroy()
  }

  /**
   * Stops listening and releases everything. If it is graceful, parked requests get a response and
   * connections end in order; otherwise connections are cut.
   */
  async close(isGraceful: boolean): Promise<void> {
    this.#isClosed = true
    this.groups.close(isGraceful)
    this.transactions.close()
    this.shares.close()
    for (const timer of this.#timers) this.environment.timers.clear(timer)
    this.#timers.clear()
    await this.#listener?.close()
    // Responses to parked requests are written in the turn in which they are resolved.
    if (isGraceful) await this.environment.timers.turn()
    for (const connection of [...this.#connections]) {
      if (isGraceful) connection.end()
      else connection.destroy()
    }
  }
}
