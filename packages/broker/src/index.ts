/** An embedded Apache Kafka broker for tests and development. */
export type {
  AppendEvent,
  AssignedPartition,
  ClusterEvents,
  CommitEvent,
  CoordinatorEvent,
  ErrorEvent,
  ExpireEvent,
  GroupEvent,
  GroupMemberView,
  GroupStateName,
  GroupType,
  GroupView,
  LeaderEvent,
  ModernMemberView,
  NodeEvent,
  RequestEvent,
  ResponseEvent,
  ShareEvent,
  TombstoneEvent,
  TransactionEvent,
  TransactionView,
} from './cluster/cluster-events.ts'
export type { SharePartitionView } from './cluster/share-partition-view.ts'
export {
  EmbeddedCluster,
  type LagOptions,
  type PartitionView,
} from './embedded-cluster.ts'
export type {
  AlterResponse,
  ApiName,
  ErrorName,
  Fault,
  FaultOptions,
  Faults,
  MessageBody,
} from './faults/faults.ts'
export type { CommittedOffset } from './group/committed-offset.ts'
export type {
  BrokerOptions,
  FeatureName,
  MigrationPolicy,
  SaslMechanism,
  SaslOptions,
  TopicOptions,
} from './options/broker-options.ts'
export { UsageError } from './options/usage-error.ts'
export { type BrokerWorld, startBroker } from './start-broker.ts'
