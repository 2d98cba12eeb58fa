/**
 * Record batches of ours for Java to read: every codec, from one byte to several compressed blocks.
 */
import assert from 'node:assert/strict'
import {
  type BuildOptions,
  type Bytes,
  COMPRESSION_TYPES,
  endTransactionMarker,
  type HeaderInput,
  placeBatch,
  RecordBatchBuilder,
} from '@odradek/protocol'
import type { Reading } from './oracle.ts'
import type { BatchDescription, RecordVector } from './vector-files.ts'

export interface OurBatch {
  readonly name: string
  readonly bytes: Buffer
  readonly expected: Partial<BatchDescription>
}

interface OurRecord {
  readonly timestamp: number
  readonly key: Bytes
  readonly value: Bytes
  readonly headers?: readonly HeaderInput[]
}

const TIME = 1_700_000_000_000
const STAMP = { producerId: 2n ** 60n + 1n, producerEpoch: 12, baseSequence: 2 ** 31 - 5 }

const SMALL: readonly OurRecord[] = [
  { timestamp: TIME, key: 'key', value: 'value' },
  { timestamp: TIME - 86_400_000 * 60, key: null, value: 'käfer 🦊' },
  { timestamp: TIME + 1, key: Buffer.from([0, 255]), value: null },
  { timestamp: 0, key: '', value: '' },
  {
    timestamp: TIME + 5,
    key: null,
    value: null,
    headers: [
      ['trace', 'abc'],
      ['trace', null],
      ['', Buffer.alloc(0)],
      ['ключ', Buffer.alloc(300, 7)],
    ],
  },
]

export function mixedBatches(): readonly OurBatch[] {
  const batches: OurBatch[] = []
  for (const compressionType of COMPRESSION_TYPES) {
    for (const [name, records] of Object.entries({
      small: SMALL,
      text: text(1500),
      noise: [{ timestamp: TIME, key: null, value: noise(200_000) }],
      zeroes: [{ timestamp: TIME, key: null, value: Buffer.alloc(3_000_000) }],
    })) {
      batches.push(batch(`${name}/${compressionType}`, records, { compressionType }))
    }
    batches.push(
      batch(`transactional/${compressionType}`, SMALL, {
        compressionType,
        stamp: STAMP,
        isTransactional: true,
      }),
    )
  }
  for (const [compressionType, compressionLevel] of [
    ['gzip', 1],
    ['gzip', 9],
    ['zstd', 1],
    ['zstd', 19],
  ] as const) {
    const options = { compressionType, compressionLevel }
    batches.push(batch(`level ${compressionLevel}/${compressionType}`, text(300), options))
  }
  batches.push(placed(), marker('commit'), marker('abort'))
  return batches
}

function batch(name: string, records: readonly OurRecord[], options: BuildOptions): OurBatch {
  const builder = new RecordBatchBuilder()
  for (const { timestamp, key, value, headers } of records) {
    builder.append(timestamp, key, value, headers)
  }
  const { stamp, compressionType = 'none', isTransactional = false } = options
  return {
    name,
    bytes: builder.build(options),
    expected: {
      magic: 2,
      baseOffset: '0',
      lastOffset: String(records.length - 1),
      compressionType,
      timestampType: 'CreateTime',
      maxTimestamp: String(Math.max(...records.map(({ timestamp }) => timestamp))),
      leaderEpoch: -1,
      isTransactional,
      isControl: false,
      producerId: String(stamp?.producerId ?? -1),
      producerEpoch: stamp?.producerEpoch ?? -1,
      baseSequence: stamp?.baseSequence ?? -1,
      records: records.map(described),
    },
  }
}

function described(record: OurRecord, offset: number): RecordVector {
  return {
    offset: String(offset),
    timestamp: String(record.timestamp),
    key: base64(record.key),
    value: base64(record.value),
    headers: (record.headers ?? []).map(([key, value]) => [key, base64(value)]),
  }
}

/** What a broker does to a batch on a topic with broker timestamps. */
function placed(): OurBatch {
  const { bytes, expected } = batch('placed', SMALL, { compressionType: 'lz4' })
  placeBatch(bytes, { baseOffset: 2 ** 40, leaderEpoch: 7, logAppendTime: TIME + 77 })
  const timestamp = String(TIME + 77)
  return {
    name: 'placed',
    bytes,
    expected: {
      ...expected,
      baseOffset: String(2 ** 40),
      lastOffset: String(2 ** 40 + SMALL.length - 1),
      leaderEpoch: 7,
      timestampType: 'LogAppendTime',
      maxTimestamp: timestamp,
      records: SMALL.map((record, index) => ({
        ...described(record, 2 ** 40 + index),
        timestamp,
      })),
    },
  }
}

function marker(type: 'commit' | 'abort'): OurBatch {
  const bytes = endTransactionMarker(type, TIME, {
    producerId: 99n,
    producerEpoch: 3,
    baseSequence: -1,
  })
  const key = Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0])
  return {
    name: type,
    bytes,
    expected: {
      isControl: true,
      isTransactional: true,
      producerId: '99',
      producerEpoch: 3,
      baseSequence: -1,
      records: [
        {
          offset: '0',
          timestamp: String(TIME),
          key: key.toString('base64'),
          value: Buffer.alloc(6).toString('base64'),
          headers: [],
        },
      ],
    },
  }
}

function base64(value: Bytes): string | null {
  if (value === null) return null
  return Buffer.from(value as Uint8Array).toString('base64')
}

function text(count: number): readonly OurRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    timestamp: TIME + index,
    key: `key-${index % 50}`,
    value: `{"order":${index * 7919},"state":"shipped","to":"Praha ${index % 13}"}`.repeat(2),
  }))
}

/** Bytes that do not compress, the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** Fails unless Java read in our batches what we put into them. */
export function assertReadings(ours: readonly OurBatch[], readings: readonly Reading[]): void {
  assert.equal(readings.length, ours.length)
  for (const [index, { name, expected }] of ours.entries()) {
    const reading = readings[index]
    assert.ok(reading !== undefined && !('error' in reading), `${name}: ${JSON.stringify(reading)}`)
    assert.equal(reading.batches.length, 1, name)
    assert.deepEqual({ ...reading.batches[0], ...expected }, reading.batches[0], name)
  }
}
