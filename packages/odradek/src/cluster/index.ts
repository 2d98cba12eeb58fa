export { retryPauseMs } from './backoff.ts'
export type { Purpose } from './broker-pool.ts'
export { Cluster, type RequestOptions, type RetryOptions } from './cluster.ts'
export {
  type Broker,
  type ClusterMetadata,
  hasTopicId,
  type PartitionMetadata,
  type TopicMetadata,
} from './metadata.ts'
