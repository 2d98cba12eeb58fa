/**
 * What the parts of one broker (its coordinators, its share partitions, its look-ups) use of it.
 */
import type { Environment } from '@odradek/environment'
import type { ClusterState } from './cluster-state.ts'

export interface BrokerContext {
  readonly nodeId: number
  readonly cluster: ClusterState
  readonly environment: Environment
  /** Runs `action` after the delay, unless the broker has stopped by then. */
  later(delayMs: number, action: () => void): void
}
