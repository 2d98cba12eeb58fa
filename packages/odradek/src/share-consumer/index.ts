export type {
  EffectiveShareConsumerOptions,
  ShareConsumerOptions,
} from './share-consumer-options.ts'
export {
  type ShareCloseSummary,
  ShareConsumer,
  type AcquiredRecordOf,
  type ShareRecordOf,
} from './share-consumer.ts'
export { ShareRecord } from './share-record.ts'
export type { ShareErrorPolicy, ShareRunOptions } from './share-run-options.ts'
export type { ShareHandlerContext } from './share-runner.ts'
