/**
 * A record of a share group: one that this member has to itself until it says what became of it.
 */
import type { RecordCursor } from '@odradek/protocol'
import { CheckedRecord } from '../consumer/partition/checked-record.ts'
import type { BatchContext } from '../consumer/partition/consumer-record.ts'
import type { Hold } from './acquired-record.ts'

/**
 * A record that was acquired, with its delivery count. `Key` and `Value` are `Buffer` unless the
 * topic has serdes.
 */
export class ShareRecord<
  Key = Buffer,
  Value = Buffer,
  Tombstone extends null = null,
  Name extends string = string,
> extends CheckedRecord<Key, Value, Tombstone, Name> {
  readonly #hold: Hold

  /** @internal */
  constructor(context: BatchContext, cursor: RecordCursor, hold: Hold) {
    super(context, cursor)
    this.#hold = hold
  }

  /**
   * How often the record was delivered to the group, this time included: more than 1 after it was
   * released, or whoever had it did not acknowledge it in time.
   */
  get deliveryCount(): number {
    return this.#hold.deliveryCount
  }

  /** The lock ran out or was lost: another member may have the record by now. */
  override get isStale(): boolean {
    return this.#hold.stage === 'lost'
  }

  /** @internal */
  get hold(): Hold {
    return this.#hold
  }
}

export type AnyShareRecord = ShareRecord<unknown, unknown>
