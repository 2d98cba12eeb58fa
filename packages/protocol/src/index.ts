/**
 * Apache Kafka's wire format as pure functions: message schemas, frames, record batches,
 * compression codecs, checksums and the error table. No sockets, no timers.
 */
export * from './checksums/index.ts'
export * from './compression/index.ts'
export * from './errors/index.ts'
export * from './frames/index.ts'
export * from './messages/index.ts'
export * from './partitioning/index.ts'
export * from './records/index.ts'
export * from './schema/index.ts'
export { Reader } from './wire/reader.ts'
export { Writer } from './wire/writer.ts'
