/**
 * A record whose key and value are decoded before it is handed out, once: so that one that cannot
 * be decoded is found by the consumer, not by user code, and goes where `onDecodeError` says.
 */
import type { DecodeError } from '../../errors/errors.ts'
import type { AnyTopic } from '../../serdes/topic.ts'
import { ConsumerRecord } from './consumer-record.ts'

export class CheckedRecord<
  Key = Buffer,
  Value = Buffer,
  Tombstone extends null = null,
  Name extends string = string,
> extends ConsumerRecord<Key, Value, Tombstone, Name> {
  #decoded: { readonly key: Key | null; readonly value: Value | Tombstone } | undefined

  override get key(): Key | null {
    return this.#decoded === undefined ? super.key : this.#decoded.key
  }

  override get value(): Value | Tombstone {
    return this.#decoded === undefined ? super.value : this.#decoded.value
  }

  /** @internal Why it cannot be decoded; undefined when it can. */
  check(): DecodeError | undefined {
    try {
      this.#decoded = { key: super.key, value: super.value }
      return undefined
    } catch (error) {
      // Getters of a record throw nothing else.
      return error as DecodeError
    }
  }
}

/** Whether there is anything in records of this topic that may not be decodable. */
export function needsCheck(topic: AnyTopic | undefined): boolean {
  if (topic === undefined) return false
  return topic.key !== undefined || topic.value !== undefined || topic.tombstones === false
}
