export type { Outcome } from './batch.ts'
export { type CloseOptions, Producer, type SendOptions } from './producer.ts'
export type {
  EffectiveProducerOptions,
  Partitioner,
  ProducerOptions,
} from './producer-options.ts'
export type { HeadersInput, ProducerRecord, RecordReceipt } from './record.ts'
