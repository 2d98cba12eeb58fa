/**
 * Methods that other clients have, and this one has under another name or does not need: calling
 * one throws a UsageError that says what to write, where JavaScript would say "is not a function".
 * They are not in the types, and are not enumerable.
 */
import { UsageError } from '../errors/errors.ts'

/** What to write in place of each, as the end of "... does not exist: ". */
export type ForeignNames = Readonly<Record<string, string>>

export function explainForeignNames(
  { prototype }: { readonly prototype: object },
  where: string,
  names: ForeignNames,
): void {
  for (const [name, instead] of Object.entries(names)) {
    if (name in prototype) throw new Error(`${where}.${name} exists.`)
    const value = (): never => {
      throw new UsageError(`${where}.${name}(...) does not exist: ${instead}`)
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}

const ONCE = 'call on(...), and in the listener the function that it returned.'
const OFF = 'on(...) returns a function that removes the listener; call that.'
const SEND = 'call send(topic, records) in the function that is given the transaction.'
const NO_CONNECT = 'there is nothing to connect; the first use connects.'
const CLOSE = 'call close(), which finishes what is under way.'

export const KAFKA_NAMES: ForeignNames = {
  connect: NO_CONNECT,
  disconnect: CLOSE,
  logger: 'listen to events instead, for instance kafka.on("stalled", ...); see docs/events.md.',
  createProducer: 'call kafka.producer(...).',
  createConsumer: 'call kafka.consumer(...).',
  once: ONCE,
  off: OFF,
  removeListener: OFF,
}

export const PRODUCER_NAMES: ForeignNames = {
  connect: NO_CONNECT,
  disconnect: CLOSE,
  sendBatch: 'call send(topic, records) once for each topic; the calls share requests.',
  produce: 'call send(topic, record), or write(topic, record) without a promise for each record.',
  initTransactions: 'the first producer.transaction(...) does it.',
  beginTransaction: 'call producer.transaction(async (tx) => { await tx.send(...) }).',
  commitTransaction: 'a transaction commits when the function given to transaction(...) returns.',
  abortTransaction: 'a transaction aborts when the function given to transaction(...) throws.',
  sendOffsetsToTransaction: 'call tx.consume(recordOrBatch) in the transaction.',
  once: ONCE,
  off: OFF,
  removeListener: OFF,
}

export const TRANSACTION_NAMES: ForeignNames = {
  commit: 'it commits when the function given to transaction(...) returns.',
  abort: 'throw in the function given to transaction(...): it aborts, and rejects with that error.',
  sendBatch: SEND,
  sendOffsets: 'call tx.consume(recordOrBatch) with what a transactional consumer delivered.',
  isActive: 'tx.signal aborts when it can only be aborted.',
}

export const CONSUMER_NAMES: ForeignNames = {
  connect: NO_CONNECT,
  disconnect: CLOSE,
  poll: 'iterate: for await (const record of consumer), or consumer.batches().',
  assign: 'give the option "partitions" to kafka.consumer(...).',
  assignment: 'read consumer.assigned.',
  signalOf: 'it is partitionSignal({ topic, partition }) now.',
  subscription: 'the topics are those given to kafka.consumer(...), or to subscribe(...).',
  commitSync: 'call await consumer.commit().',
  commitAsync: 'call consumer.commit(), and do not await it.',
  seekToBeginning: "call seek({ topic, partition, offset: 'earliest' }).",
  seekToEnd: "call seek({ topic, partition, offset: 'latest' }).",
  wakeup: 'call stop(), which ends the loop after the record in flight.',
  unsubscribe: 'call close(), or subscribe to other topics.',
  describeGroup: 'call kafka.admin().describeGroups([groupId]).',
  enforceRebalance: 'a member rebalances by itself; call close() to leave the group.',
  beginningOffsets: "call kafka.admin().listOffsets({ orders: 'earliest' }).",
  endOffsets: "call kafka.admin().listOffsets({ orders: 'latest' }).",
  offsetsForTimes: 'call kafka.admin().listOffsets({ orders: timestamp }).',
  once: ONCE,
  off: OFF,
  removeListener: OFF,
}

export const SHARE_CONSUMER_NAMES: ForeignNames = {
  connect: NO_CONNECT,
  disconnect: CLOSE,
  poll: 'iterate: for await (const record of consumer), or call run(handler).',
  commitSync: 'a record is acknowledged when the next one is asked for, or its handler returns.',
  acknowledge: 'call accept(record), release(record) or reject(record).',
  once: ONCE,
  off: OFF,
  removeListener: OFF,
}

export const ADMIN_NAMES: ForeignNames = {
  connect: NO_CONNECT,
  disconnect: CLOSE,
  fetchOffsets: 'call admin.committedOffsets(groupId).',
  fetchTopicOffsets: 'call admin.listOffsets(...).',
  fetchTopicMetadata: 'call admin.describeTopics(names).',
  fetchTopicOffsetsByTimestamp: 'call admin.listOffsets({ orders: timestamp }).',
  listConsumerGroups: 'call admin.listGroups().',
  listConsumerGroupOffsets: 'call admin.committedOffsets(groupId).',
  deleteConsumerGroups: 'call admin.deleteGroups(groupIds).',
}
