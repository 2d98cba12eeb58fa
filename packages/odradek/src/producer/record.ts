/**
 * Records as users give them, and what becomes of their parts: bytes, checked once, at the door.
 */
import { type Bytes, didYouMean, type HeaderInput } from '@odradek/protocol'
import { UsageError } from '../errors/errors.ts'
import { shown } from '../errors/shown.ts'
import type { Serde } from '../serdes/serdes.ts'
import type { Topic } from '../serdes/topic.ts'

/** A record to send. */
export interface ProducerRecord<
  Key = string | Uint8Array,
  Value = string | Uint8Array,
  Tombstones extends boolean = true,
> {
  /** Records of one key keep their order and share a partition. */
  readonly key?: Key | null | undefined
  /** Null is a tombstone: in compacted topics it deletes the key. It is said, not left out. */
  readonly value: Value | (Tombstones extends true ? null : never)
  readonly headers?: HeadersInput | undefined
  /** ms since the epoch; now, when absent. */
  readonly timestamp?: number | undefined
  /** The partition; chosen by the key, or by chance, when absent. */
  readonly partition?: number | undefined
}

type HeaderValue = string | Uint8Array | null

/**
 * Headers by name, or in order (a name may come twice): pairs, or what a record that was read has
 * (`record.headers`).
 */
export type HeadersInput =
  | Readonly<Record<string, HeaderValue>>
  | Iterable<readonly [string, HeaderValue] | { readonly key: string; readonly value: HeaderValue }>

/** Where a record is now. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /**
   * Null when the broker does not tell: with acks 0, or when a retry met its own earlier success.
   */
  readonly offset: number | null
  /** The record's timestamp, or the broker's when the topic stamps records as they are appended. */
  readonly timestamp: number
}

/** Any record, of any topic. */
export type AnyRecord = ProducerRecord<unknown, unknown>
/** A topic by name, or with its types. */
export type TopicInput = string | Topic<never, unknown, never, unknown, boolean>

const NO_HEADERS: readonly HeaderInput[] = []
const NAMES = new Set(['key', 'value', 'headers', 'timestamp', 'partition'])

/** What a call writes to must be a topic; other clients take one object with everything. */
export function checkTopicInput(topic: unknown): asserts topic is TopicInput {
  if (typeof topic === 'string') return
  if (typeof (topic as { readonly name?: unknown } | null | undefined)?.name === 'string') return
  throw new UsageError(
    "A record goes to a topic: its name, or what topic('...') gives, comes first and what to " +
      "write second, as in send('orders', { key, value }) or send('orders', [{ value }, ...]).",
  )
}

export function checkRecord(record: unknown, topic: string): void {
  if (typeof record === 'object' && record !== null && !ArrayBuffer.isView(record)) {
    const { value, timestamp, partition, headers } = record as AnyRecord
    if (value === undefined) refuseNoValue(record, topic)
    if (partition === null || headers === null) refuseNull(record as AnyRecord, topic)
    if (timestamp === undefined || (Number.isSafeInteger(timestamp) && timestamp >= 0)) return
    throw new UsageError(
      `The timestamp of a record for ${topic} must be a whole number of ms since the epoch; ` +
        `it is ${String(timestamp)}.`,
    )
  }
  throw new UsageError(
    `A record for ${topic} must be an object like { key, value, headers }; ` +
      `it is ${record === null ? 'null' : ArrayBuffer.isView(record) ? 'bytes' : typeof record}.`,
  )
}

function refuseNull({ partition }: AnyRecord, topic: string): never {
  const name = partition === null ? 'partition' : 'headers'
  const meaning = name === 'partition' ? 'the partitioner chooses then' : 'there are none then'
  throw new UsageError(
    `The ${name} of a record for ${topic} is null. Leave it out (or give undefined): ${meaning}.`,
  )
}

/** Says what a record without a value lacks: a tombstone is said, never left out. */
function refuseNoValue(record: object, topic: string): never {
  const names = Object.keys(record)
  const start = `A record for ${topic}`
  if (names.includes('value')) {
    throw new UsageError(
      `The value of a record for ${topic} is undefined. Give the value, or say value: null for a ` +
        'tombstone, which deletes the key in compacted topics.',
    )
  }
  if (names.includes('offset') || names.includes('leaderEpoch')) {
    throw new UsageError(
      `${start} has no value: a copy by { ...record } of a record that was read loses its parts. ` +
        'Give the record as it is, or { key: record.key, value: record.value }.',
    )
  }
  const unknown = names.find((name) => !NAMES.has(name))
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, NAMES)
    throw new UsageError(
      `${start} has no value, but "${unknown}", which says nothing. ` +
        `${hint === '' ? '' : `${hint} `}For a tombstone say value: null.`,
    )
  }
  const what = names.length === 0 ? 'nothing' : names.map((name) => `"${name}"`).join(', ')
  throw new UsageError(
    `${start} must have a value; it has ${what}. Give the value, or say value: null for a ` +
      'tombstone, which deletes the key in compacted topics.',
  )
}

/** The key as bytes. */
export function encodeKey(topic: TopicInput, { key }: AnyRecord): Bytes {
  return typeof topic === 'string'
    ? encodePart(topic, undefined, 'key', key)
    : encodePart(topic.name, topic.key, 'key', key)
}

/** The value as bytes. */
export function encodeValue(topic: TopicInput, { value }: AnyRecord): Bytes {
  if (typeof topic === 'string') return encodePart(topic, undefined, 'value', value)
  if (topic.tombstones === false && (value === null || value === undefined)) {
    throw new UsageError(
      `A record for ${topic.name} must have a value: topic('${topic.name}', ` +
        '{ tombstones: false }) says that there are no tombstones.',
      { code: 'ENCODE_FAILED' },
    )
  }
  return encodePart(topic.name, topic.value, 'value', value)
}

/** A key or a value as bytes, through the topic's serde if it has one. */
function encodePart(
  topic: string,
  serde: Serde<never, unknown> | undefined,
  part: 'key' | 'value',
  given: unknown,
): Bytes {
  if (given === null || given === undefined) return null
  let encoded = given
  if (serde !== undefined) {
    try {
      encoded = serde.encode(given as never)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new UsageError(`The ${part} of a record for ${topic} cannot be encoded: ${reason}`, {
        code: 'ENCODE_FAILED',
        cause: error,
      })
    }
  }
  if (typeof encoded === 'string' || encoded instanceof Uint8Array) return encoded
  if (serde !== undefined) {
    throw new UsageError(
      `The ${part} of a record for ${topic} cannot be encoded: its serde made ${typeof encoded} ` +
        `of a ${typeof given}, not a string or bytes.`,
      { code: 'ENCODE_FAILED' },
    )
  }
  throw new UsageError(
    `The ${part} of a record for ${topic} must be a string, bytes or null; it is ` +
      `${typeof encoded}. For other types name the topic with topic('...', { key, value }).`,
  )
}

export function encodeHeaders(
  topic: string,
  given: HeadersInput | null | undefined,
): readonly HeaderInput[] {
  if (given === undefined || given === null) return NO_HEADERS
  if (typeof given !== 'object') {
    throw new UsageError(
      `The headers of a record for ${topic} must be an object, or a list of pairs; they are ` +
        `${typeof given}.`,
    )
  }
  const list: HeaderInput[] = []
  for (const one of Symbol.iterator in given ? given : Object.entries(given)) {
    const [name, value] = Array.isArray(one)
      ? (one as unknown as HeaderInput)
      : [(one as { key: string }).key, (one as { value: HeaderValue }).value]
    const isFine = value === null || typeof value === 'string' || value instanceof Uint8Array
    if (typeof name === 'string' && isFine) list.push([name, value])
    else refuseHeader(topic, name, value)
  }
  return list
}

function refuseHeader(topic: string, name: unknown, value: unknown): never {
  throw new UsageError(
    `The header ${shown(name)} of a record for ${topic} must be a string, bytes or ` +
      `null; it is ${typeof value}.`,
  )
}

/** What a record weighs at most, quickly: no string is measured, none has more bytes than this. */
export function looseRecordBytes(
  key: Bytes,
  value: Bytes,
  headers: readonly HeaderInput[],
): number {
  const FRAMING_BYTES = 36
  const MAX_BYTES_PER_CHARACTER = 3
  const HEADER_FRAMING_BYTES = 10
  let bytes = FRAMING_BYTES
  if (key !== null)
    bytes += typeof key === 'string' ? key.length * MAX_BYTES_PER_CHARACTER : key.length
  if (value !== null)
    bytes += typeof value === 'string' ? value.length * MAX_BYTES_PER_CHARACTER : value.length
  for (let index = 0; index < headers.length; index++) {
    const [name, content] = headers[index] as HeaderInput
    bytes += HEADER_FRAMING_BYTES + (name.length + (content?.length ?? 0)) * MAX_BYTES_PER_CHARACTER
  }
  return bytes
}
