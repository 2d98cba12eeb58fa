/** A topic with the types of its keys and values, checked wherever it is used. */
import { UsageError } from '../errors/errors.ts'
import type { Serde } from './serdes.ts'

/** A topic with the types of what is written to it (`In`) and read from it (`Out`); see `topic`. */
export interface Topic<KeyIn, KeyOut, ValueIn, ValueOut> {
  readonly name: string
  readonly key: Serde<KeyIn, KeyOut> | undefined
  readonly value: Serde<ValueIn, ValueOut> | undefined
}

/** A topic of any types. */
// biome-ignore lint: a topic of any types.
export type AnyTopic = Topic<any, any, any, any>

/** How the keys and the values of a topic become bytes and back; bytes as they are when absent. */
export interface TopicSerdes<KeyIn, KeyOut, ValueIn, ValueOut> {
  readonly key?: Serde<KeyIn, KeyOut> | undefined
  readonly value?: Serde<ValueIn, ValueOut> | undefined
}

type Raw = string | Uint8Array

/**
 * Names a topic and how its keys and values are written and read.
 *
 * @example
 * const orders = topic('orders', { key: string, value: json<Order>() })
 */
export function topic<KeyIn = Raw, KeyOut = Buffer, ValueIn = Raw, ValueOut = Buffer>(
  name: string,
  serdes: TopicSerdes<KeyIn, KeyOut, ValueIn, ValueOut> = {},
): Topic<KeyIn, KeyOut, ValueIn, ValueOut> {
  checkTopicName(name)
  return { name, key: serdes.key, value: serdes.value }
}

const MAX_NAME_LENGTH = 249

export function checkTopicName(name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= MAX_NAME_LENGTH && /^[\w.-]+$/.test(name)) {
    if (name !== '.' && name !== '..') return
  }
  throw new UsageError(
    `${JSON.stringify(name)} is no topic name: letters, digits, ".", "_" and "-" are allowed, ` +
      `${MAX_NAME_LENGTH} at most.`,
  )
}
