import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, crc32c, murmur2, partitionOfKey, Reader, Writer, xxhash32 } from '@odradek/protocol'
import { readVectors } from './vector-files.ts'

const vectors = readVectors('checksums')
const hashes = vectors.filter((vector) => vector.kind === 'hash')
const varints = vectors.filter((vector) => vector.kind === 'varint')

test('keys hash and find their partitions as with the Java producer', () => {
  for (const { bytes, murmur2: expected, partitions } of hashes) {
    const key = Buffer.from(bytes, 'base64')
    assert.equal(murmur2(key), expected)
    for (const [count, partition] of Object.entries(partitions)) {
      assert.equal(partitionOfKey(key, Number(count)), partition)
    }
  }
})

test('checksums of any length and alignment are those of the JDK', () => {
  for (const vector of hashes) {
    const bytes = Buffer.from(vector.bytes, 'base64')
    for (const shift of [0, 1, 3]) {
      const shifted = Buffer.alloc(bytes.length + shift + 2, 0xee)
      shifted.set(bytes, shift)
      const end = shift + bytes.length
      assert.equal(crc32c(shifted, shift, end), Number(vector.crc32c))
      assert.equal(crc32(shifted, shift, end), Number(vector.crc32))
      assert.equal(xxhash32(shifted, shift, end), Number(vector.xxhash32))
    }
  }
})

test('lengths are written as unsigned varints, as Kafka writes them', () => {
  for (const { value, unsignedVarint } of varints) {
    if (unsignedVarint === undefined) continue
    const bytes = Buffer.from(unsignedVarint, 'base64')
    const writer = new Writer()
    writer.unsignedVarint(Number(value))
    assert.ok(writer.toBuffer().equals(bytes), value)
    const reader = new Reader(bytes)
    assert.equal(reader.unsignedVarint(), Number(value))
    assert.equal(reader.remaining, 0)
  }
})
