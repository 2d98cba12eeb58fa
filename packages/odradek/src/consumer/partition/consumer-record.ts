/**
 * A record as users get it: a few numbers over the fetched bytes. Key, value and headers are made
 * when they are asked for; a record that is looked at and dropped costs next to nothing, and one
 * that is kept keeps the bytes of its fetch alive (see `detach`).
 */
import {
  type Headers,
  type RecordCursor,
  readHeaders,
  timestampDeltaBefore,
} from '@odradek/protocol'
import { CONSUMPTION, type Consumption } from '../../cluster/consumption.ts'
import { DecodeError } from '../../errors/errors.ts'
import type { Serde } from '../../serdes/serdes.ts'
import type { Lineage } from './position-epoch.ts'

/** What all records of one fetched batch share. */
export interface BatchContext {
  readonly lineage: Lineage
  readonly buffer: Buffer
  readonly leaderEpoch: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly rawBaseTimestamp: bigint
  /** Set when the broker stamped the whole batch. */
  readonly rawLogAppendTime: bigint | undefined
}

/**
 * A record that was read. `Key` and `Value` are `Buffer` unless the topic has serdes; `Tombstone`
 * is `never` for topics with `tombstones: false`. `Name` is the topic's name as a literal type in a
 * consumer of typed topics, so that `record.topic === 'orders'` narrows the record.
 */
export class ConsumerRecord<
  Key = Buffer,
  Value = Buffer,
  Tombstone extends null = null,
  Name extends string = string,
> {
  readonly offset: number
  /**
   * ms since the epoch, by the producer's clock or the broker's (see `timestampType`). One beyond
   * 2^53 (not a time, but somebody wrote it) is cut off there; `timestampRaw` has it whole.
   */
  readonly timestamp: number
  readonly #context: BatchContext
  readonly #keyStart: number
  readonly #keyEnd: number
  readonly #valueStart: number
  readonly #valueEnd: number
  readonly #headersEnd: number
  readonly #headerCount: number

  /** @internal */
  constructor(context: BatchContext, cursor: RecordCursor) {
    this.offset = cursor.offset
    this.timestamp = cursor.timestamp
    this.#context = context
    this.#keyStart = cursor.keyStart
    this.#keyEnd = cursor.keyEnd
    this.#valueStart = cursor.valueStart
    this.#valueEnd = cursor.valueEnd
    this.#headersEnd = cursor.headersEnd
    this.#headerCount = cursor.headerCount
  }

  get topic(): Name {
    // The consumer's types say which topics it reads.
    return this.#context.lineage.topic as Name
  }

  get partition(): number {
    return this.#context.lineage.partition
  }

  /**
   * The timestamp as it was written, however large (in the message formats of before Kafka 0.11 as
   * `timestamp` has it). Worked out when it is asked for.
   */
  get timestampRaw(): bigint {
    const { rawBaseTimestamp: base, rawLogAppendTime, buffer } = this.#context
    if (rawLogAppendTime !== undefined) return rawLogAppendTime
    return BigInt.asIntN(64, base + timestampDeltaBefore(buffer, this.#keyStart))
  }

  /** Whose clock the timestamp is: the producer's, or the broker's for the whole topic. */
  get timestampType(): 'CreateTime' | 'LogAppendTime' {
    return this.#context.timestampType
  }

  /** The epoch of the leader that wrote it; -1 when it is not known. */
  get leaderEpoch(): number {
    return this.#context.leaderEpoch
  }

  /**
   * Decoded anew at each access: keep what you use twice.
   *
   * @throws DecodeError when the topic's serde cannot read it.
   */
  get key(): Key | null {
    if (this.#keyEnd < 0) return null
    const { buffer, lineage } = this.#context
    const bytes = buffer.subarray(this.#keyStart, this.#keyEnd)
    const serde = lineage.serdes?.key
    return serde === undefined ? (bytes as Key) : (this.#decode('key', serde, bytes) as Key)
  }

  /**
   * Null for tombstones. Decoded anew at each access: keep what you use twice.
   *
   * @throws DecodeError when the topic's serde cannot read it, or it is null where the topic has
   * `tombstones: false`.
   */
  get value(): Value | Tombstone {
    if (this.#valueEnd < 0) return this.#tombstone()
    const { buffer, lineage } = this.#context
    const bytes = buffer.subarray(this.#valueStart, this.#valueEnd)
    const serde = lineage.serdes?.value
    return serde === undefined ? (bytes as Value) : (this.#decode('value', serde, bytes) as Value)
  }

  #tombstone(): Tombstone {
    if (this.lineage.serdes?.tombstones !== false) return null as Tombstone
    throw this.#decodeError('value', new TypeError(NO_TOMBSTONES))
  }

  /** In order; a name may come twice and a value may be null. */
  get headers(): Headers {
    const { buffer } = this.#context
    const start = Math.max(this.#valueStart, this.#valueEnd)
    return readHeaders(buffer, this.#headersStart(start), this.#headersEnd, this.#headerCount)
  }

  /** The partition was taken away, or another position was sought, since this was delivered. */
  get isStale(): boolean {
    return !this.#context.lineage.isLive
  }

  /** A copy that does not keep the bytes of the whole fetch in memory. */
  detach(): DetachedRecord<Key, Value, Tombstone, Name> {
    const { topic, partition, offset, timestamp, timestampType, leaderEpoch } = this
    const copy = (part: unknown): unknown => (Buffer.isBuffer(part) ? Buffer.from(part) : part)
    return {
      topic,
      partition,
      offset,
      timestamp,
      timestampType,
      leaderEpoch,
      key: copy(this.key) as Key | null,
      value: copy(this.value) as Value | Tombstone,
      headers: [...this.headers].map(({ key, value }) => [key, copy(value) as Buffer | null]),
    }
  }

  /** As `detach`: what a log line or a test shows. */
  toJSON(): DetachedRecord<Key, Value, Tombstone, Name> {
    return this.detach()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): DetachedRecord<Key, Value, Tombstone, Name> {
    return this.detach()
  }

  /** @internal What `tx.consume` takes. */
  get [CONSUMPTION](): Consumption | undefined {
    const { consumed } = this.lineage
    return consumed && { partition: consumed, offset: this.offset }
  }

  /** @internal */
  get lineage(): Lineage {
    return this.#context.lineage
  }

  /** @internal The key as it was written, whatever the serde makes of it. */
  get rawKey(): Buffer | null {
    return this.#keyEnd < 0 ? null : this.#context.buffer.subarray(this.#keyStart, this.#keyEnd)
  }

  /** @internal */
  get rawValue(): Buffer | null {
    const { buffer } = this.#context
    return this.#valueEnd < 0 ? null : buffer.subarray(this.#valueStart, this.#valueEnd)
  }

  /** The header count stands between the value and the headers, in as many bytes as it takes. */
  #headersStart(from: number): number {
    let at = from
    const { buffer } = this.#context
    while ((buffer[at] as number) >= 0x80) at++
    return at + 1
  }

  #decode(part: 'key' | 'value', serde: Serde<never, unknown>, bytes: Buffer): unknown {
    try {
      return serde.decode(bytes)
    } catch (cause) {
      throw this.#decodeError(part, cause)
    }
  }

  #decodeError(part: 'key' | 'value', cause: unknown): DecodeError {
    const { topic, partition, offset, rawKey, rawValue } = this
    return new DecodeError(part, { topic, partition, offset, rawKey, rawValue }, { cause })
  }
}

const NO_TOMBSTONES =
  'it is null (a tombstone), and topic(...) says with tombstones: false that there are none'

/** A record as plain data. */
export interface DetachedRecord<Key, Value, Tombstone = null, Name extends string = string> {
  readonly topic: Name
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly leaderEpoch: number
  readonly key: Key | null
  readonly value: Value | Tombstone
  readonly headers: readonly (readonly [string, Buffer | null])[]
}
