/** An embedded Apache Kafka broker for tests and development. */
export type {
  AppendEvent,
  ClusterEvents,
  CommitEvent,
  CoordinatorEvent,
  ErrorEvent,
  GroupEvent,
  GroupMemberView,
  GroupStateName,
  GroupView,
  LeaderEvent,
  NodeEvent,
  RequestEvent,
  ResponseEvent,
} from './cluster/cluster-events.ts'
export { EmbeddedCluster, type PartitionView } from './embedded-cluster.ts'
export type { ApiName, ErrorName, Fault, FaultOptions, Faults } from './faults/faults.ts'
export type { CommittedOffset } from './group/group-store.ts'
export type {
  BrokerOptions,
  SaslMechanism,
  SaslOptions,
  TopicOptions,
} from './options/broker-options.ts'
export { UsageError } from './options/usage-error.ts'
export { type BrokerWorld, startBroker } from './start-broker.ts'
