import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { crc32 } from '../checksums/crc32.ts'
import { loadCodecs } from '../compression/index.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { isAccepted, mutations, truncations } from '../wire/hostile-bytes.test-kit.ts'
import { readRecordBatches } from './record-batch.ts'

before(() => loadCodecs())

interface Message {
  readonly magic: 0 | 1
  readonly offset: bigint
  readonly attributes?: number
  readonly timestamp?: bigint
  readonly key?: string | null
  readonly value: Uint8Array | string | null
}

function sized(bytes: Uint8Array | string | null | undefined): Buffer {
  const size = Buffer.alloc(4)
  const content = Buffer.from((bytes ?? '') as string)
  size.writeInt32BE(bytes === null || bytes === undefined ? -1 : content.length)
  return Buffer.concat([size, content])
}

/** A message as brokers before 0.11 stored it. */
function message({ magic, offset, attributes = 0, timestamp = 5n, key, value }: Message): Buffer {
  const time = Buffer.alloc(magic === 0 ? 0 : 8)
  if (magic === 1) time.writeBigInt64BE(timestamp)
  const body = Buffer.concat([Buffer.from([magic, attributes]), time, sized(key), sized(value)])
  const head = Buffer.alloc(16)
  head.writeBigInt64BE(offset)
  head.writeInt32BE(body.length + 4, 8)
  head.writeUInt32BE(crc32(body), 12)
  return Buffer.concat([head, body])
}

const GZIP = 1

function wrapped(magic: 0 | 1, offset: bigint, inner: readonly Buffer[], attributes = 0): Buffer {
  const value = gzipSync(Buffer.concat(inner))
  return message({ magic, offset, attributes: GZIP | attributes, value })
}

function offsetsIn(bytes: Buffer): readonly number[] {
  const offsets: number[] = []
  for (const batch of readRecordBatches(bytes)) {
    for (const cursor = batch.records(); cursor.next(); ) offsets.push(cursor.offset)
  }
  return offsets
}

test('offsets inside of a compressed message are absolute in format 0 and relative in 1', () => {
  const inner = (magic: 0 | 1, offset: bigint) => message({ magic, offset, value: 'x' })
  const absolute = wrapped(0, 12n, [inner(0, 10n), inner(0, 12n)])
  assert.deepEqual(offsetsIn(absolute), [10, 12])
  const relative = wrapped(1, 112n, [inner(1, 0n), inner(1, 2n)])
  assert.deepEqual(offsetsIn(relative), [110, 112])
})

test("a compressed message with the broker's timestamp gives it to all inside", () => {
  const bytes = wrapped(1, 1n, [message({ magic: 1, offset: 0n, value: 'x', timestamp: 3n })], 8)
  const [batch] = [...readRecordBatches(bytes)]
  assert.equal(batch?.timestampType, 'LogAppendTime')
  const cursor = batch.records()
  assert.ok(cursor.next())
  assert.equal(cursor.timestamp, 5)
})

test('old messages that contradict themselves are refused', () => {
  const plain = message({ magic: 1, offset: 7n, value: 'x' })
  const far = message({ magic: 0, offset: 1n << 40n, value: 'x' })
  const contradictions = {
    'offsets out of order': wrapped(0, 9n, [plain, message({ magic: 0, offset: 6n, value: 'x' })]),
    'offsets far apart': wrapped(0, 1n << 40n, [plain, far]),
    'compressed twice': wrapped(1, 9n, [wrapped(1, 0n, [plain])]),
    'nothing inside': wrapped(1, 9n, []),
    'nothing to decompress': message({ magic: 1, offset: 9n, attributes: GZIP, value: null }),
    'an offset beyond 2^53': message({ magic: 1, offset: 1n << 60n, value: 'x' }),
    'a newer format inside': wrapped(1, 9n, [Buffer.concat([plain, Buffer.alloc(3)])]),
  }
  for (const [what, bytes] of Object.entries(contradictions)) {
    assert.throws(() => offsetsIn(bytes), ProtocolError, what)
  }
})

test('old messages with a wrong byte anywhere are messages or refused', () => {
  const inner = [0n, 1n].map((offset) => message({ magic: 1, offset, key: 'k', value: 'value' }))
  for (const bytes of [
    ...inner,
    message({ magic: 0, offset: 3n, value: 'x' }),
    wrapped(1, 9n, inner),
  ]) {
    for (const hostile of mutations(bytes)) {
      isAccepted(() => {
        const options = { checkCrcs: false, maxDecompressedBytes: 10_000 }
        for (const batch of readRecordBatches(hostile, options)) {
          for (const cursor = batch.records(); cursor.next(); ) void [cursor.key, cursor.value]
        }
      })
    }
    for (const part of truncations(bytes)) assert.deepEqual(offsetsIn(part), [])
  }
})
