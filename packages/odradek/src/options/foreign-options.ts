/**
 * Options of other clients that have no counterpart of the same meaning: what to do instead. Those
 * that only have another name here are `alsoCalled` in the tables of options.
 */
type ForeignOptions = Readonly<Record<string, string>>

const CREATE =
  'A client never creates topics: call admin.createTopics({ orders: { partitions: 6 } }).'
const SERDES = "A topic has its serdes: topic('orders', { key: string, value: json<Order>() })."
const BATCHES = 'For batches, iterate: for await (const batch of consumer.batches()).'
const OF_CLIENT = 'It is an option of new Kafka(...).'

const events = (name: string): string =>
  `The client writes no log: listen to its events, ${name}(...), which docs/events.md lists.`

const CLIENT: ForeignOptions = {
  logger: events('kafka.on'),
  logLevel: events('kafka.on'),
  logCreator: events('kafka.on'),
  retry: 'Calls are retried until "defaultApiTimeoutMs"; "retryBackoffMs" is the first pause.',
  retries: 'Calls are retried until "defaultApiTimeoutMs"; "retryBackoffMs" is the first pause.',
  enforceRequestTimeout: 'Requests always end: "requestTimeoutMs" says when.',
  username: "Write sasl: { mechanism: 'plain', username, password }.",
  password: "Write sasl: { mechanism: 'plain', username, password }.",
  securityProtocol: 'Write tls: true for TLS, and sasl: { mechanism, ... } for SASL.',
  groupId: 'It is an option of kafka.consumer(...).',
  topics: 'It is an option of kafka.consumer(...).',
}

const CONSUMER: ForeignOptions = {
  understudy: 'It is "heartbeatThread" now.',
  allowAutoTopicCreation: CREATE,
  autoCommitThreshold: 'Commits are by time, "autoCommitIntervalMs", or by calls of commit().',
  bootstrapServers: OF_CLIENT,
  clientId: OF_CLIENT,
  deserializers: SERDES,
  keyDeserializer: SERDES,
  valueDeserializer: SERDES,
  maxPollRecords: 'Records are returned one by one, or as fetched by batches().',
  rackId: 'It is the option "clientRack" of new Kafka(...).',
  readUncommitted: "Write isolationLevel: 'read_uncommitted' or 'read_committed'.",
  retry: 'Reading is retried until it works; onError of consumer.run(...) retries handlers.',
  eachMessage: 'The handler is given to consumer.run(async (record) => { ... }).',
  eachBatch: BATCHES,
}

const SHARE_CONSUMER: ForeignOptions = {
  understudy: 'It is "heartbeatThread" now.',
  allowAutoTopicCreation: CREATE,
  bootstrapServers: OF_CLIENT,
  clientId: OF_CLIENT,
  deserializers: SERDES,
  keyDeserializer: SERDES,
  valueDeserializer: SERDES,
  rackId: 'It is the option "clientRack" of new Kafka(...).',
  isolationLevel: 'It is the group config "share.isolation.level" of the cluster.',
  enableAutoCommit: 'Records are accepted one by one; see "shareAcknowledgementMode".',
}

const PRODUCER: ForeignOptions = {
  onDataLoss: 'It is "onDeliveryTimeout" now.',
  allowAutoTopicCreation: CREATE,
  bootstrapServers: OF_CLIENT,
  clientId: OF_CLIENT,
  keySerializer: SERDES,
  valueSerializer: SERDES,
  serializers: SERDES,
  retry: 'Records are retried until "deliveryTimeoutMs".',
  retries: 'Records are retried until "deliveryTimeoutMs".',
}

const OF_CONSUMER = 'It is an option of kafka.consumer(...).'
const OF_PRODUCER = 'It is an option of kafka.producer(...), for all of its records.'
const HANDLER = 'The handler comes first: consumer.run(async (record) => { ... }, options).'

const RUN: ForeignOptions = {
  eachMessage: HANDLER,
  eachBatch: BATCHES,
  autoCommit: 'It is the option "enableAutoCommit" of kafka.consumer(...).',
  enableAutoCommit: OF_CONSUMER,
  autoCommitIntervalMs: OF_CONSUMER,
  fromBeginning: "Write startFrom: 'earliest' in kafka.consumer(...).",
}

const SEND: ForeignOptions = {
  acks: OF_PRODUCER,
  compression: 'It is the option "compressionType" of kafka.producer(...).',
  compressionType: OF_PRODUCER,
  timeout: 'It is the option "deliveryTimeoutMs" of kafka.producer(...).',
}

/** By the call that is given them. */
const TABLES: Readonly<Record<string, ForeignOptions>> = {
  'new Kafka(...)': CLIENT,
  'kafka.consumer(...)': CONSUMER,
  'kafka.shareConsumer(...)': SHARE_CONSUMER,
  'kafka.producer(...)': PRODUCER,
  'consumer.run(...)': RUN,
  'producer.send(...)': SEND,
  'tx.send(...)': SEND,
}

/** What to do in place of an option that there is not; undefined for any other name. */
export function insteadOf(name: string, where: string): string | undefined {
  const table = TABLES[where]
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
}

/** @internal For the test that no table has an option that exists. */
export const FOREIGN_OPTIONS = TABLES
