/** What topics are in types: the records that they give, and what may take their place. */
import type { Topic } from '../serdes/topic.ts'
import type { TopicInput } from './consumer-options.ts'
import type { ConsumerRecord } from './consumer-record.ts'

/** The record that a topic gives: `Buffer`s, or what its serdes decode. */
export type RecordOf<T extends TopicInput> =
  // biome-ignore lint: whatever goes in, only what comes out matters here.
  T extends Topic<any, infer Key, any, infer Value, infer Tombstones>
    ? ConsumerRecord<Key, Value, Tombstones extends false ? never : null>
    : ConsumerRecord<Buffer, Buffer>

/** Topics that may take the place of others: any name where there were names, else of their type. */
export type Subscribable<T extends TopicInput> = T extends string ? string : T
