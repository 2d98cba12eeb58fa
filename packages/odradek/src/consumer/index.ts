export type { OnOutOfRange, StartFrom } from './offsets/start-options.ts'
export type { OnCorruptBatch, OnDecodeError } from './reading/poison-options.ts'
export type { CloseSummary, OffsetOfPartition } from './close-summary.ts'
export {
  CONSUMER_OPTIONS,
  type ConsumerOptions,
  type EffectiveConsumerOptions,
  type RebalanceHook,
  type TopicInput,
} from './consumer-options.ts'
export type {
  CommitOptions,
  ConsumerCloseOptions,
  OffsetToCommit,
  SeekTarget,
  StreamOptions,
} from './consumer-call-options.ts'
export { Consumer } from './consumer.ts'
export type { DeliveredRecordOf, RecordOf, Subscribable } from './record-of.ts'
export type { OffsetAndMetadata } from './offsets/offset-questions.ts'
export { ConsumerBatch } from './reading/consumer-batch.ts'
export { ConsumerRecord, type DetachedRecord } from './consumer-record.ts'
export type {
  Assignor,
  AssignorInput,
  GroupAssignment,
  GroupMember as AssignorMember,
} from './group/assignors/index.ts'
export type { MembershipStamp } from './group/membership.ts'
export {
  ERROR_POLICY_OPTIONS,
  type ErrorPolicy,
  RUN_OPTIONS,
  type RunOptions,
} from './run/run-options.ts'
export type { HandlerContext } from './run/runner.ts'
export * from './share/index.ts'
