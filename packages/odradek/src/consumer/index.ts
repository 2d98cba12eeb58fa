export type { OnOutOfRange, StartFrom } from './options/start-options.ts'
export type { OnCorruptBatch, OnDecodeError } from './options/decode-error-options.ts'
export type { CloseSummary, OffsetOfPartition } from './options/consumer-call-options.ts'
export type {
  ConsumerOptions,
  EffectiveConsumerOptions,
  RebalanceHook,
  TopicInput,
} from './options/consumer-options.ts'
export type {
  CommitOptions,
  ConsumerCloseOptions,
  OffsetToCommit,
  SeekTarget,
  StreamOptions,
} from './options/consumer-call-options.ts'
export { Consumer } from './consumer.ts'
export type { DeliveredRecordOf, RecordOf, Subscribable } from './partition/record-of.ts'
export type { OffsetAndMetadata } from './positions/offset-queries.ts'
export { ConsumerBatch } from './delivery/consumer-batch.ts'
export { ConsumerRecord, type DetachedRecord } from './partition/consumer-record.ts'
export type {
  Assignor,
  AssignorInput,
  GroupAssignment,
  GroupMember as AssignorMember,
} from '../groups/assignors/index.ts'
export type { ConsumerGroupMetadata } from '../cluster/consumption.ts'
export type { ErrorPolicy, RunOptions } from './options/run-options.ts'
export type { HandlerContext } from './delivery/runner.ts'
