export type { DeliveryOutcome } from './batch.ts'
export { Producer } from './producer.ts'
export type {
  EffectiveProducerOptions,
  Partitioner,
  ProducerOptions,
  SendOptions,
  TransactionOptions,
} from './producer-options.ts'
export type { HeadersInput, ProducerRecord, RecordMetadata } from './record.ts'
export type { RecordSink } from './record-sink.ts'
export type { Transaction } from './transactions/transaction.ts'
