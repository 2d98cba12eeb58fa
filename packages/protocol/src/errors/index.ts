export { BrokerError, type BrokerErrorOptions } from './broker-error.ts'
export {
  CodecUnavailableError,
  type CodecUnavailableErrorOptions,
} from './codec-unavailable-error.ts'
export { didYouMean } from './did-you-mean.ts'
export { KafkaError, type KafkaErrorOptions } from './kafka-error.ts'
export { ProtocolError, type ProtocolErrorOptions } from './protocol-error.ts'
export { ErrorCode, type ErrorTraits, errorTraits, isKnownErrorCode } from './table.ts'
