/** What topics are in types: the records that they give, and what may take their place. */
import type { Topic } from '../../serdes/topic.ts'
import type { TopicInput } from '../options/consumer-options.ts'
import type { ConsumerRecord } from './consumer-record.ts'

/**
 * The record that a topic gives: `Buffer`s, or what its serdes decode. In a consumer of several
 * typed topics `record.topic === 'orders'` narrows it to the record of that topic.
 */
export type RecordOf<T extends TopicInput> = [T] extends [string]
  ? ConsumerRecord<Buffer, Buffer>
  : TypedRecordOf<T>

/** Distributes over the topics. */
type TypedRecordOf<T extends TopicInput> =
  // biome-ignore lint: the types of what is written do not matter here.
  T extends Topic<any, infer Key, any, infer Value, infer Tombstones, infer Name>
    ? ConsumerRecord<Key, Value, Tombstones extends false ? never : null, Name>
    : ConsumerRecord<Buffer, Buffer, null, Extract<T, string>>

/**
 * Topics that may take the place of others: any name where there were names alone. Where there were
 * typed topics, those of them: `record.topic` would not narrow records otherwise.
 */
export type Subscribable<T extends TopicInput> = [T] extends [string] ? string : T

/** A record of such a topic, whatever TypeScript knows of the topic's name. */
export type DeliveredRecordOf<T extends TopicInput> =
  RecordOf<T> extends ConsumerRecord<infer Key, infer Value, infer Tombstone, string>
    ? ConsumerRecord<Key, Value, Tombstone>
    : never
