export {
  BrokerError,
  CodecUnavailableError,
  ErrorCode,
  KafkaError,
  ProtocolError,
} from '@odradek/protocol'
export {
  AbortError,
  AuthenticationError,
  CommitFailedError,
  ConnectionError,
  type ConnectionStage,
  CorruptRecordsError,
  DeadLetterError,
  DecodeError,
  PartialError,
  TimeoutError,
  TransactionAbortedError,
  UsageError,
} from './errors.ts'
