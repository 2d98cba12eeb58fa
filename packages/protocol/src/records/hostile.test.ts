import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from '../checksums/crc32c.ts'
import { COMPRESSION_TYPES, loadCodecs } from '../compression/index.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import { controlTypeOf, endTransactionMarker } from './broker-side.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_HEADER_BYTES,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  RECORD_COUNT_AT,
} from './layout.ts'
import type { ReadOptions } from './read-options.ts'
import { readRecordBatches } from './record-batch.ts'
import { NO_STAMP, RecordBatchBuilder } from './record-batch-builder.ts'

before(() => loadCodecs())

function readAll(bytes: Buffer, options: ReadOptions = {}): number {
  let count = 0
  for (const batch of readRecordBatches(bytes, { maxDecompressedBytes: 100_000, ...options })) {
    for (const cursor = batch.records(); cursor.next(); count++) {
      void [cursor.offset, cursor.timestamp, cursor.key, cursor.value, [...cursor.headers]]
    }
  }
  return count
}

function batchOf(compressionType: (typeof COMPRESSION_TYPES)[number]): Buffer {
  const builder = new RecordBatchBuilder()
  builder.append(1_700_000_000_000, 'key', 'value', [
    ['name', 'header'],
    ['null', null],
  ])
  builder.append(1_600_000_000_000, null, 'x'.repeat(200))
  builder.append(1_700_000_000_001, '', null)
  return builder.build({ compressionType })
}

/** A batch with these bytes in the place of its records, its checksum right. */
function batchAround(records: Uint8Array, count: number): Buffer {
  const batch = Buffer.concat([batchOf('none').subarray(0, BATCH_HEADER_BYTES), records])
  batch.writeInt32BE(batch.length - LOG_OVERHEAD_BYTES, LENGTH_AT)
  batch.writeInt32BE(count, RECORD_COUNT_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
  return batch
}

test('a batch with a wrong byte anywhere is found by its checksum, or was not covered by it', () => {
  const bytes = batchOf('none')
  for (const hostile of mutations(bytes)) isAccepted(() => readAll(hostile))
})

test('without checksums, too, a batch with a wrong byte is records or refused, in every codec', () => {
  for (const compressionType of COMPRESSION_TYPES) {
    for (const hostile of mutations(batchOf(compressionType))) {
      isAccepted(() => readAll(hostile, { checkCrcs: false }))
    }
  }
})

test('a batch that was cut off anywhere is left out', () => {
  for (const part of truncations(batchOf('zstd'))) assert.equal(readAll(part), 0)
})

test('records of chance are records or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(5), (records, count) => {
      isAccepted(() => readAll(batchAround(records, count)))
    }),
    { numRuns: 3000 },
  )
})

test('batches that contradict themselves are refused', () => {
  const plain = batchOf('none')
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(plain)
    change(bytes)
    bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT)
    return bytes
  }
  const record = [0x0c, 0, 0, 0, 1, 1, 0]
  const contradictions: Readonly<Record<string, Buffer>> = {
    'more records than bytes': changed((bytes) => bytes.writeInt32BE(2 ** 31 - 1, RECORD_COUNT_AT)),
    'a negative number of records': changed((bytes) => bytes.writeInt32BE(-1, RECORD_COUNT_AT)),
    'a negative last offset': changed((bytes) => bytes.writeInt32BE(-1, LAST_OFFSET_DELTA_AT)),
    'an offset beyond 2^53': changed((bytes) => bytes.writeBigInt64BE(1n << 60n, BASE_OFFSET_AT)),
    'a negative offset': changed((bytes) => bytes.writeBigInt64BE(-4n, BASE_OFFSET_AT)),
    'the last safe offset': changed((bytes) =>
      bytes.writeBigInt64BE(BigInt(Number.MAX_SAFE_INTEGER), BASE_OFFSET_AT),
    ),
    'an unknown codec': changed((bytes) => bytes.writeInt16BE(7, ATTRIBUTES_AT)),
    'a negative length': changed((bytes) => bytes.writeInt32BE(-5, LENGTH_AT)),
    'bytes behind the records': batchAround(Buffer.from([...record, 0]), 1),
    'a record longer than the batch': batchAround(Buffer.from([0x7e, 0, 0, 0, 1, 1, 0]), 1),
    'a key longer than the record': batchAround(Buffer.from([0x0c, 0, 0, 0, 0x7e, 1, 0]), 1),
    'more headers than bytes': batchAround(Buffer.from([0x0c, 0, 0, 0, 1, 1, 0x7e]), 1),
    'a record with a negative length': batchAround(Buffer.from([0x01, 0, 0, 0, 1, 1, 0]), 1),
  }
  assert.equal(readAll(batchAround(Buffer.from(record), 1)), 1)
  for (const [what, bytes] of Object.entries(contradictions)) {
    assert.throws(() => readAll(bytes), ProtocolError, what)
  }
})

test('a record outside of what its batch says of offsets is refused', () => {
  const outside = batchAround(Buffer.from([0x0c, 0, 0, 0x06, 1, 1, 0]), 1)
  assert.throws(() => readAll(outside), ProtocolError)
  const before = batchAround(Buffer.from([0x0c, 0, 0, 0x01, 1, 1, 0]), 1)
  assert.throws(() => readAll(before), ProtocolError)
})

test('a transaction marker says what it ends, and a key that is none says nothing', () => {
  for (const type of ['commit', 'abort'] as const) {
    const [batch] = [...readRecordBatches(endTransactionMarker(type, 1, NO_STAMP))]
    const cursor = batch!.records()
    assert.ok(cursor.next())
    assert.equal(controlTypeOf(cursor.key), type)
  }
  for (const key of [null, Buffer.alloc(0), Buffer.from([0, 0, 0]), Buffer.from([0, 0, 0, 9])]) {
    assert.equal(controlTypeOf(key), undefined)
  }
})
