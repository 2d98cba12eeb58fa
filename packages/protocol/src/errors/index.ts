export { BrokerError, type BrokerErrorOptions } from './broker-error.ts'
export { KafkaError, type KafkaErrorOptions } from './kafka-error.ts'
export { ProtocolError, type ProtocolErrorOptions } from './protocol-error.ts'
export { ErrorCode, type ErrorTraits, errorTraits, isKnownErrorCode } from './table.ts'
