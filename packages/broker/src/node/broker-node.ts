/**
 * One broker: a listener, its connections, the groups and transactions it coordinates, the fetch
 * sessions and share partitions it keeps. Everything here is lost when it stops, as a process's
 * memory is; what lasts belongs to the cluster.
 */
import type { Environment, Listener, Timer } from '@odradek/environment'
import type { ClusterState } from '../cluster/cluster-state.ts'
import { FetchSessions } from '../fetch/fetch-sessions.ts'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import { SharePartitions } from '../share/share-partitions.ts'
import { TransactionCoordinator } from '../transaction/transaction-coordinator.ts'
import { ClientConnection } from './client-connection.ts'
import { Dispatcher } from './dispatcher.ts'

export class BrokerNode {
  readonly nodeId: number
  readonly cluster: ClusterState
  readonly environment: Environment
  readonly dispatcher: Dispatcher
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly fetchSessions: FetchSessions
  readonly shares: SharePartitions
  readonly #connections = new Set<ClientConnection>()
  readonly #timers = new Set<Timer>()
  #listener: Listener | undefined
  #nextConnection = 1
  #isClosed = false

  constructor(cluster: ClusterState, nodeId: number, environment: Environment) {
    this.cluster = cluster
    this.nodeId = nodeId
    this.environment = environment
    this.dispatcher = new Dispatcher(this)
    this.groups = new GroupCoordinator(this)
    this.transactions = new TransactionCoordinator(this)
    this.shares = new SharePartitions(this)
    this.fetchSessions = new FetchSessions(cluster.options.maxFetchSessions, environment.random)
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

  /** Does something later, unless the broker has stopped by then. */
  later(delayMs: number, action: () => void): void {
    if (this.#isClosed) return
    const timer = this.environment.timers.set(delayMs, () => {
      this.#timers.delete(timer)
      action()
    })
    this.#timers.add(timer)
  }

  onConnectionClosed(connection: ClientConnection): void {
    this.#connections.delete(connection)
  }

  /** Cuts all connections, as a proxy or a firewall may. */
  disconnectAll(): void {
    for (const connection of [...this.#connections]) connection.destroy()
  }

  /**
   * Stops to listen and lets go of everything. Gracefully: requests that are parked were answered
   * before, connections end in order. Otherwise they are cut in the middle of whatever it was.
   */
  async close(isGraceful: boolean): Promise<void> {
    this.#isClosed = true
    this.groups.close(isGraceful)
    this.transactions.close()
    this.shares.close()
    for (const timer of this.#timers) this.environment.timers.clear(timer)
    this.#timers.clear()
    await this.#listener?.close()
    // Answers of parked requests leave in the turn in which they were given.
    if (isGraceful) await this.environment.timers.turn()
    for (const connection of [...this.#connections]) {
      if (isGraceful) connection.end()
      else connection.destroy()
    }
  }
}
