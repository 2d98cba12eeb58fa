export type { Outcome } from './batch.ts'
export { Producer } from './producer.ts'
export type {
  EffectiveProducerOptions,
  Partitioner,
  ProducerOptions,
  SendOptions,
} from './producer-options.ts'
export type { HeadersInput, ProducerRecord, RecordReceipt } from './record.ts'
