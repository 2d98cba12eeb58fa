/** A topic with the types of its keys and values, checked wherever it is used. */
import { UsageError } from '../errors/errors.ts'
import { shown } from '../errors/shown.ts'
import { parseOptions } from '../options/option-table.ts'
import type { Serde } from './serdes.ts'
import { type AnySerde, type SchemaTypes, serdeOf } from './standard-schema.ts'
import { TOPIC_OPTIONS } from './topic-options.ts'

/**
 * A topic with the types of what is written to it (`In`) and read from it (`Out`); see `topic`.
 * `Tombstones` is false where every record has a value. `Name` is the name as a literal type, where
 * TypeScript knows it.
 */
export interface Topic<
  KeyIn,
  KeyOut,
  ValueIn,
  ValueOut,
  Tombstones extends boolean = true,
  Name extends string = string,
> {
  readonly name: Name
  readonly key: Serde<KeyIn, KeyOut> | undefined
  readonly value: Serde<ValueIn, ValueOut> | undefined
  readonly tombstones?: Tombstones | undefined
}

/** A topic of any types. */
// biome-ignore lint: a topic of any types.
export type AnyTopic = Topic<any, any, any, any, boolean>

/** The options of `topic`; what has no serde is bytes. */
export interface TopicSerdes<
  Key extends AnySerde | undefined = AnySerde | undefined,
  Value extends AnySerde | undefined = AnySerde | undefined,
  Tombstones extends boolean = boolean,
> {
  readonly key?: Key
  /**
   * A serde, or a Standard Schema validator (zod, valibot, arktype, ...): then values are JSON,
   * checked by it where they are written and where they are read.
   */
  readonly value?: Value
  /**
   * Whether a value may be null (in compacted topics that deletes a key). `false` says that there
   * are none: `record.value` is typed without null, none can be sent, and one that comes all the
   * same is a record that cannot be read (see `onDecodeError`). Default true.
   */
  readonly tombstones?: Tombstones | undefined
}

/** What is written through a serde; without one strings and bytes are. */
export type SerdeIn<S> =
  S extends SchemaTypes<infer In, unknown>
    ? In
    : // biome-ignore lint: whatever comes out, only what goes in matters here.
      S extends Serde<infer In, any>
      ? In
      : string | Uint8Array

/** What is read through a serde; without one bytes are. */
export type SerdeOut<S> =
  S extends SchemaTypes<unknown, infer Out>
    ? Out
    : // biome-ignore lint: whatever goes in, only what comes out matters here.
      S extends Serde<any, infer Out>
      ? Out
      : Buffer

/**
 * Names a topic and how its keys and values are written and read.
 *
 * @throws UsageError for a name that no topic can have, and options that are unknown or wrong.
 * @example
 * const orders = topic('orders', { key: string, value: json<Order>(), tombstones: false })
 * const checked = topic('orders', { value: z.object({ total: z.number() }) })
 */
export function topic<
  Key extends AnySerde | undefined = undefined,
  Value extends AnySerde | undefined = undefined,
  Tombstones extends boolean = true,
  const Name extends string = string,
>(
  name: Name,
  options: TopicSerdes<Key, Value, Tombstones> = {},
): Topic<SerdeIn<Key>, SerdeOut<Key>, SerdeIn<Value>, SerdeOut<Value>, Tombstones, Name> {
  checkTopicName(name)
  const parsed = parseOptions<typeof options>(TOPIC_OPTIONS, options, 'topic(...)')
  const { key, value, tombstones } = parsed
  return { name, key: serdeOf(key), value: serdeOf(value), tombstones }
}

const MAX_NAME_LENGTH = 249

export function checkTopicName(name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= MAX_NAME_LENGTH && /^[\w.-]+$/.test(name)) {
    if (name !== '.' && name !== '..') return
  }
  throw new UsageError(
    `${shown(name)} is no topic name: letters, digits, ".", "_" and "-" are allowed, ` +
      `${MAX_NAME_LENGTH} at most.`,
  )
}
