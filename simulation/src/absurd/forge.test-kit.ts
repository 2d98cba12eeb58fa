/**
 * Changes numbers of responses: the bytes stay well-formed, and what they say makes no sense. A
 * forgery names one field of one API and the value that it gets in every response.
 */
import type { MessageBody } from '@odradek/broker'
import { apis, crc32c, type AnyField, type Fields, type Primitive } from '@odradek/protocol'
import type { Kind } from './clients.test-kit.ts'

export interface Forgery {
  readonly api: keyof typeof apis
  /** From the response's body down; arrays are passed through, element by element. */
  readonly path: readonly string[]
  readonly name: string
  readonly forge: (value: unknown) => unknown
  /** It might be true: that it was a lie cannot be seen, and nobody can recover from it. */
  readonly isPlausible: boolean
}

type ApiName = keyof typeof apis

const APIS: Readonly<Record<Kind, readonly ApiName[]>> = {
  producer: ['Produce', 'Metadata', 'InitProducerId', 'ApiVersions'],
  classic: [
    ...(['Fetch', 'ListOffsets', 'OffsetFetch', 'OffsetCommit', 'FindCoordinator'] as const),
    ...(['JoinGroup', 'SyncGroup', 'Heartbeat', 'Metadata', 'ApiVersions'] as const),
  ],
  consumer: [
    ...(['ConsumerGroupHeartbeat', 'Fetch', 'ListOffsets', 'OffsetFetch'] as const),
    ...(['OffsetCommit', 'FindCoordinator', 'Metadata'] as const),
  ],
  share: [
    ...(['ShareGroupHeartbeat', 'ShareFetch', 'ShareAcknowledge'] as const),
    ...(['FindCoordinator', 'Metadata'] as const),
  ],
  transactions: [
    ...(['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit'] as const),
    ...(['EndTxn', 'Produce', 'FindCoordinator', 'Metadata'] as const),
  ],
  admin: [
    ...(['Metadata', 'ListOffsets', 'ListGroups', 'DescribeGroups', 'OffsetFetch'] as const),
    ...(['DescribeCluster', 'FindCoordinator', 'ConsumerGroupDescribe'] as const),
  ],
}

/** What a program of this kind requests. */
export function apisOf(kind: Kind): readonly ApiName[] {
  return APIS[kind]
}

/** A coordinator tells a member what it reads once, when that changes. */
const PLAUSIBLE = [/Heartbeat assignment\.topicPartitions(\.partitions)? = (\[\]|\[\d+\])$/]

const integers = (bits: number): readonly number[] => {
  const max = 2 ** (bits - 1) - 1
  return [-max - 1, -1, 0, 1, max]
}

const NUMBERS: Readonly<Partial<Record<Primitive, readonly (number | bigint)[]>>> = {
  int8: integers(8),
  int16: integers(16),
  uint16: [0, 1, 2 ** 16 - 1],
  int32: integers(32),
  uint32: [0, 1, 2 ** 32 - 1],
  int64: [-(2n ** 63n), -1n, 0n, 1n, 2n ** 63n - 1n],
  safeInt64: [Number.MIN_SAFE_INTEGER, -4, -1, 0, 1, Number.MAX_SAFE_INTEGER],
  timestamp: [Number.MIN_SAFE_INTEGER, -1, 0, Number.MAX_SAFE_INTEGER],
}

const BASE_OFFSET_AT = 0
const LEADER_EPOCH_AT = 12
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const PRODUCER_ID_AT = 43
const RECORD_COUNT_AT = 57
const BATCH_HEADER_BYTES = 61

const BATCHES: Readonly<Record<string, (batch: Buffer) => Buffer>> = {
  'base offset -4': (batch) => withInt64(batch, BASE_OFFSET_AT, -4n),
  'base offset -2^63': (batch) => withInt64(batch, BASE_OFFSET_AT, -(2n ** 63n)),
  'base offset 0': (batch) => withInt64(batch, BASE_OFFSET_AT, 0n),
  'base offset 2^53 - 1': (batch) => withInt64(batch, BASE_OFFSET_AT, 2n ** 53n - 1n),
  'base offset 2^53 - 2^32': (batch) => withInt64(batch, BASE_OFFSET_AT, 2n ** 53n - 2n ** 32n),
  'leader epoch -2^31': (batch) => withInt32(batch, LEADER_EPOCH_AT, -(2 ** 31)),
  'leader epoch 2^31 - 1': (batch) => withInt32(batch, LEADER_EPOCH_AT, 2 ** 31 - 1),
  'last offset delta 2^31 - 1': (batch) => withInt32(batch, LAST_OFFSET_DELTA_AT, 2 ** 31 - 1),
  'last offset delta -1': (batch) => withInt32(batch, LAST_OFFSET_DELTA_AT, -1),
  'last offset delta -2^31': (batch) => withInt32(batch, LAST_OFFSET_DELTA_AT, -(2 ** 31)),
  'base timestamp -2^63': (batch) => withInt64(batch, BASE_TIMESTAMP_AT, -(2n ** 63n)),
  'producer id 2^63 - 1': (batch) => withInt64(batch, PRODUCER_ID_AT, 2n ** 63n - 1n),
  'record count 2^31 - 1': (batch) => withInt32(batch, RECORD_COUNT_AT, 2 ** 31 - 1),
  'record count -1': (batch) => withInt32(batch, RECORD_COUNT_AT, -1),
  'no records': (batch) => {
    const header = Buffer.from(batch.subarray(0, BATCH_HEADER_BYTES))
    header.writeInt32BE(BATCH_HEADER_BYTES - 12, 8)
    return withInt32(header, RECORD_COUNT_AT, 0)
  },
  'no records, base offset 0': (batch) => {
    const header = Buffer.from(batch.subarray(0, BATCH_HEADER_BYTES))
    header.writeInt32BE(BATCH_HEADER_BYTES - 12, 8)
    return withInt64(withInt32(header, RECORD_COUNT_AT, 0), BASE_OFFSET_AT, 0n)
  },
  'no bytes': () => Buffer.alloc(0),
  'ten bytes': (batch) => batch.subarray(0, 10),
  'a cut batch': (batch) => batch.subarray(0, batch.length - 1),
}

function withInt32(batch: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(batch)
  copy.writeInt32BE(value, at)
  return sealed(copy)
}

function withInt64(batch: Buffer, at: number, value: bigint): Buffer {
  const copy = Buffer.from(batch)
  copy.writeBigInt64BE(value, at)
  return sealed(copy)
}

/** The checksum matches again: only the meaning is wrong. */
function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
  return batch
}

function forgedRecords(value: unknown, change: (batch: Buffer) => Buffer): unknown {
  const chunks = (Array.isArray(value) ? value : [value]) as readonly (Uint8Array | null)[]
  const whole = Buffer.concat(chunks.filter((one) => one !== null && one !== undefined))
  if (whole.length < BATCH_HEADER_BYTES) return value
  // The first batch alone: one that makes no sense is enough.
  return change(whole.subarray(0, 12 + whole.readInt32BE(8)))
}

/** All forgeries of one API: every number, every list, and the headers of record batches. */
export function forgeriesOf(api: keyof typeof apis): readonly Forgery[] {
  const found: Forgery[] = []
  const visit = (fields: Fields, parents: readonly string[]): void => {
    for (const [field, { type }] of Object.entries(fields)) {
      const path = [...parents, field]
      const add = (what: string, forge: Forgery['forge']): void => {
        const name = `${api} ${path.join('.')} = ${what}`
        const isPlausible = PLAUSIBLE.some((one) => one.test(name))
        found.push({ api, path, forge, name, isPlausible })
      }
      if (type.kind === 'struct') visit(type.fields, path)
      if (type.kind === 'array') {
        add('[]', () => [])
        add('twice', (list) => (Array.isArray(list) ? [...list, ...list] : list))
        visitElement(type.element, path, add)
      }
      if (type.kind !== 'primitive') continue
      for (const number of NUMBERS[type.primitive] ?? []) add(String(number), () => number)
      if (type.primitive !== 'records') continue
      for (const [what, change] of Object.entries(BATCHES)) {
        add(what, (value) => forgedRecords(value, change))
      }
    }
  }
  const visitElement = (
    element: AnyField,
    path: readonly string[],
    add: (what: string, forge: Forgery['forge']) => void,
  ): void => {
    if (element.type.kind === 'struct') visit(element.type.fields, path)
    if (element.type.kind !== 'primitive') return
    for (const number of NUMBERS[element.type.primitive] ?? []) {
      add(`[${number}]`, () => [number])
    }
  }
  visit((apis[api] as { response: { fields: Fields } }).response.fields, [])
  return found
}

/** The response with the forgery in it; what the response does not have stays away. */
export function forged(
  body: MessageBody,
  { path, forge }: Pick<Forgery, 'path' | 'forge'>,
): MessageBody {
  const [field, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) return { ...body, [field]: forge(body[field]) }
  const inner = body[field]
  const change = (one: unknown): unknown =>
    typeof one === 'object' && one !== null
      ? forged(one as MessageBody, { path: rest, forge })
      : one
  if (inner === undefined || inner === null) return body
  return { ...body, [field]: Array.isArray(inner) ? inner.map(change) : change(inner) }
}
