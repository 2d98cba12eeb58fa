/** What a request is handled with: the cluster, the broker that received it, and its connection. */
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { ClientHandle } from '../cluster/client-handle.ts'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { FetchSessions } from '../fetch/fetch-sessions.ts'
import type { GroupCoordinator } from '../group/group-coordinator.ts'
import type { SharePartitions } from '../share/share-partitions.ts'
import type { TransactionCoordinator } from '../transaction/transaction-coordinator.ts'
import type { Stores } from './stores.ts'

/** One API as ApiVersions lists it. */
export interface ServedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** The broker, with everything that it coordinates and keeps in memory. */
export interface NodeServices extends BrokerContext {
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly fetchSessions: FetchSessions
  readonly shares: SharePartitions
  /** The APIs and versions that this broker serves. */
  readonly apiKeys: readonly ServedApi[]
}

export interface RequestContext {
  readonly node: NodeServices
  readonly cluster: ClusterState
  readonly stores: Stores
  readonly connection: ClientHandle
  readonly version: number
  readonly clientId: string | null
}
