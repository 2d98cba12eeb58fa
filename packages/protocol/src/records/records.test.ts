import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { COMPRESSION_TYPES, loadCodecs } from '../compression/index.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { type HeaderInput, RecordBatchBuilder, readRecordBatches } from './index.ts'

before(() => loadCodecs())

interface Sample {
  readonly timestamp: number
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly HeaderInput[]
}

const content = fc.oneof(fc.constant(null), fc.string({ maxLength: 300 }), fc.uint8Array())
const sample: fc.Arbitrary<Sample> = fc.record({
  timestamp: fc.oneof(fc.integer({ min: 0 }), fc.integer({ min: 0, max: 4e12 })),
  key: content,
  value: content,
  headers: fc.array(fc.tuple(fc.string({ maxLength: 9 }), content), { maxLength: 3 }),
})

const asBytes = (value: string | Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value as Uint8Array).toString('hex')

test('records come out of a batch as they went in, in every codec', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(...COMPRESSION_TYPES),
      (samples, compressionType) => {
        const builder = new RecordBatchBuilder(64)
        for (const one of samples) builder.append(one.timestamp, one.key, one.value, one.headers)
        const bytes = builder.build({ compressionType })
        const [batch] = [...readRecordBatches(bytes)]
        assert.equal(batch?.recordCount, samples.length)
        const cursor = batch.records()
        for (const [index, one] of samples.entries()) {
          assert.ok(cursor.next())
          assert.equal(cursor.offset, index)
          assert.equal(cursor.timestamp, one.timestamp)
          assert.equal(asBytes(cursor.key), asBytes(one.key))
          assert.equal(asBytes(cursor.value), asBytes(one.value))
          assert.deepEqual(
            [...cursor.headers].map(({ key, value }) => [key, asBytes(value)]),
            one.headers.map(([key, value]) => [key, asBytes(value)]),
          )
        }
        assert.equal(cursor.next(), false)
      },
    ),
    { numRuns: 300 },
  )
})

test('whatever the bytes, reading gives records or a ProtocolError', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...COMPRESSION_TYPES),
      fc.nat(),
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      (samples, compressionType, position, noise) => {
        const builder = new RecordBatchBuilder(64)
        for (const one of samples) builder.append(one.timestamp, one.key, one.value, one.headers)
        const bytes = Buffer.from(builder.build({ compressionType }))
        bytes.set(noise.subarray(0, bytes.length), position % Math.max(1, bytes.length - 8))
        try {
          for (const batch of readRecordBatches(bytes, {
            checkCrcs: false,
            maxDecompressedBytes: 100_000,
          })) {
            const cursor = batch.records()
            while (cursor.next()) void [cursor.key, cursor.value, [...cursor.headers]]
          }
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('a flipped bit is found by the checksum', () => {
  const builder = new RecordBatchBuilder()
  builder.append(1, 'key', 'value')
  const bytes = builder.build()
  bytes[bytes.length - 3]! ^= 1
  assert.throws(
    () => [...readRecordBatches(bytes)],
    (error) => error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE',
  )
})

test('a batch that was cut off at the end is left out', () => {
  const builder = new RecordBatchBuilder()
  builder.append(1, null, 'value')
  const bytes = builder.build()
  const two = Buffer.concat([bytes, bytes.subarray(0, bytes.length - 1)])
  assert.equal([...readRecordBatches(two)].length, 1)
})

test('decompression stops at its limit in every codec', () => {
  const builder = new RecordBatchBuilder()
  builder.append(1, null, Buffer.alloc(4_000_000))
  const plain = builder.build()
  assert.ok(plain.length > 4_000_000)
  for (const compressionType of COMPRESSION_TYPES.slice(1)) {
    const bomb = new RecordBatchBuilder()
    bomb.append(1, null, Buffer.alloc(4_000_000))
    const bytes = bomb.build({ compressionType })
    const [batch] = [...readRecordBatches(bytes, { maxDecompressedBytes: 1_000_000 })]
    assert.throws(
      () => batch?.records(),
      (error) => error instanceof ProtocolError,
      compressionType,
    )
  }
})

test('a header named __proto__ is a header like any other, and duplicates survive', () => {
  const builder = new RecordBatchBuilder()
  builder.append(1, null, null, [
    ['__proto__', 'a'],
    ['x', null],
    ['x', 'b'],
  ])
  const [batch] = [...readRecordBatches(builder.build())]
  const cursor = batch!.records()
  cursor.next()
  const { headers } = cursor
  assert.equal(headers.get('__proto__')?.toString(), 'a')
  assert.deepEqual(headers.getAll('x').map(String), ['null', 'b'])
})
