export { apis, type Header, Headers } from '@odradek/protocol'
export * from './admin/index.ts'
export * from './consumer/index.ts'
export * from './errors/index.ts'
export type { ClientEvents } from './events/client-events.ts'
export type { DiagnosticMessage } from './events/diagnostics.ts'
export type { Listener } from './events/emitter.ts'
export type { RebalanceStorm } from './events/rebalance-storm.ts'
export type { TopicPartition } from './events/topic-partition.ts'
export type { UndeliveredRecord } from './events/undelivered-record.ts'
export { Kafka, type RawRequestOptions } from './kafka.ts'
export type { CloseOnSignalOptions, CloseOptions } from './options/call-options.ts'
export type {
  EffectiveKafkaOptions,
  KafkaOptions,
  OauthToken,
  SaslOptions,
} from './options/client-options.ts'
export * from './producer/index.ts'
export * from './serdes/index.ts'
export * from './share-consumer/index.ts'
