import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { loadCodecs, type RecordBatch, readRecordBatches } from '@odradek/protocol'
import { saturated } from './kafka-json.ts'
import { assertReadings, mixedBatches } from './our-batches.ts'
import { askWhatIsIn, whyNoOracle } from './oracle.ts'
import { type BatchDescription, readVectors } from './vector-files.ts'

before(() => loadCodecs())

for (const { name, bytes, batches } of readVectors('batches')) {
  test(`batches that Java wrote say to us what they say to Java: ${name}`, () => {
    const read = [...readRecordBatches(Buffer.from(bytes, 'base64'))]
    assert.equal(read.length, batches.length)
    for (const [index, expected] of batches.entries()) assertBatch(read[index], expected)
  })
}

function assertBatch(batch: RecordBatch | undefined, expected: BatchDescription): void {
  assert.ok(batch !== undefined)
  const isLegacy = expected.magic < 2
  assert.equal(batch.baseOffset, isLegacy ? firstOffset(expected) : Number(expected.baseOffset))
  assert.equal(batch.lastOffset, Number(expected.lastOffset))
  assert.equal(batch.recordCount, expected.records.length)
  if (expected.timestampType !== 'NoTimestampType') {
    assert.equal(batch.timestampType, expected.timestampType)
    assert.equal(batch.maxTimestamp, saturated(expected.maxTimestamp))
  }
  if (!isLegacy) {
    assert.equal(batch.compressionType, expected.compressionType)
    assert.equal(batch.leaderEpoch, expected.leaderEpoch)
    assert.equal(batch.isTransactional, expected.isTransactional)
    assert.equal(batch.isControl, expected.isControl)
    assert.equal(String(batch.producerId), expected.producerId)
    assert.equal(batch.producerEpoch, expected.producerEpoch)
    assert.equal(batch.baseSequence, expected.baseSequence)
    const { deleteHorizon } = expected
    assert.equal(
      batch.deleteHorizon,
      deleteHorizon === undefined ? undefined : Number(deleteHorizon),
    )
  }
  const cursor = batch.records()
  for (const record of expected.records) {
    assert.ok(cursor.next())
    assert.equal(cursor.offset, Number(record.offset))
    assert.equal(cursor.timestamp, saturated(record.timestamp))
    assert.equal(cursor.key?.toString('base64') ?? null, record.key)
    assert.equal(cursor.value?.toString('base64') ?? null, record.value)
    assert.deepEqual(
      [...cursor.headers].map(({ key, value }) => [key, value?.toString('base64') ?? null]),
      record.headers,
    )
  }
  assert.equal(cursor.next(), false)
}

/** Old formats have no base offset of their own: the first message's is ours. */
function firstOffset({ records }: BatchDescription): number {
  return Number(records[0]?.offset)
}

const obstacle = whyNoOracle()
test('batches that we wrote say to Java what they say to us', { skip: obstacle ?? false }, () => {
  const ours = mixedBatches()
  assertReadings(ours, askWhatIsIn(ours.map(({ bytes }) => bytes)))
})
