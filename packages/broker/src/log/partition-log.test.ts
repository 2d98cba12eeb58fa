import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ErrorCode, RecordBatch, readRecordBatches } from '@odradek/protocol'
import fc from 'fast-check'
import { batchOf } from '../virtual-cluster.test-kit.ts'
import { type BatchHeader, readProducedBatch } from './batch-header.ts'
import { findByTimestamp, findMaxTimestamp } from './offset-lookup.ts'
import { PartitionLog } from './partition-log.ts'

const LIMITS = { maxMessageBytes: 1_000_000, allowsZstd: true }

function append(log: PartitionLog, options: Parameters<typeof batchOf>[0] = {}, epoch = 0) {
  const bytes = batchOf(options)
  const header = readProducedBatch(bytes, LIMITS) as BatchHeader
  return log.append(bytes, header, { leaderEpoch: epoch, logAppendTime: -1 })
}

function logOf(...sizes: readonly number[]): PartitionLog {
  const log = new PartitionLog()
  log.epochs.begin(0, 0)
  sizes.forEach((size, index) => {
    append(log, { values: Array(size).fill('x'), timestamp: 1000 * (index + 1) })
  })
  return log
}

describe('checking a batch', () => {
  const refusal = (bytes: Buffer | null, limits = LIMITS): number | undefined => {
    const header = readProducedBatch(bytes, limits)
    return 'errorCode' in header ? header.errorCode : undefined
  }
  const changed = (at: number, change: (bytes: Buffer) => void): Buffer => {
    const bytes = batchOf()
    assert.ok(at < bytes.length)
    change(bytes)
    return bytes
  }

  test('a sound one is accepted', () => {
    assert.equal(refusal(batchOf()), undefined)
  })

  test('exactly one batch is expected', () => {
    assert.equal(refusal(null), ErrorCode.INVALID_RECORD)
    assert.equal(refusal(Buffer.alloc(0)), ErrorCode.INVALID_RECORD)
    assert.equal(refusal(Buffer.concat([batchOf(), batchOf()])), ErrorCode.INVALID_RECORD)
  })

  test('a flipped bit, a cut, and an old format are found', () => {
    const flipped = changed(70, (bytes) => bytes.writeUInt8(bytes.readUInt8(65) ^ 1, 65))
    assert.equal(refusal(flipped), ErrorCode.CORRUPT_MESSAGE)
    assert.equal(refusal(batchOf().subarray(0, 40)), ErrorCode.CORRUPT_MESSAGE)
    assert.equal(refusal(batchOf().subarray(0, 70)), ErrorCode.CORRUPT_MESSAGE)
    assert.equal(refusal(changed(16, (b) => b.writeInt8(1, 16))), ErrorCode.INVALID_RECORD)
  })

  test('it may not exceed max.message.bytes', () => {
    const { length } = batchOf()
    assert.equal(refusal(batchOf(), { ...LIMITS, maxMessageBytes: length }), undefined)
    const tooSmall = { ...LIMITS, maxMessageBytes: length - 1 }
    assert.equal(refusal(batchOf(), tooSmall), ErrorCode.MESSAGE_TOO_LARGE)
  })

  test('any bytes give a header or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readProducedBatch(Buffer.from(bytes), LIMITS)
      }),
    )
  })
})

describe('the log', () => {
  test('gives batches their offsets and keeps their bytes as they are', () => {
    const log = logOf(3, 2)
    assert.equal(log.endOffset, 5)
    const [first, second] = [...log.recordBatches()]
    assert.equal(first?.baseOffset, 0)
    assert.equal(second?.baseOffset, 3)
    const { chunks } = log.read(0, { maxBytes: 1_000_000, atLeastOne: true })
    assert.equal([...readRecordBatches(Buffer.concat(chunks))].length, 2)
    assert.equal(chunks[0], log.batches[0]?.bytes)
  })

  test('reads from the batch that holds the offset', () => {
    const log = logOf(3, 2, 4)
    const basesFrom = (offset: number): readonly number[] =>
      log
        .read(offset, { maxBytes: 1_000_000, atLeastOne: true })
        .chunks.map((bytes) => new RecordBatch(bytes).baseOffset)
    assert.deepEqual(basesFrom(0), [0, 3, 5])
    assert.deepEqual(basesFrom(2), [0, 3, 5])
    assert.deepEqual(basesFrom(3), [3, 5])
    assert.deepEqual(basesFrom(9), [])
  })

  test('keeps to the limit, but for a first batch that must get through', () => {
    const log = logOf(1, 1, 1)
    const size = log.batches[0]?.bytes.length ?? 0
    const count = (maxBytes: number, atLeastOne: boolean): number =>
      log.read(0, { maxBytes, atLeastOne }).chunks.length
    assert.equal(count(2 * size, false), 2)
    assert.equal(count(3 * size - 1, true), 2)
    assert.equal(count(1, true), 1)
    assert.equal(count(1, false), 0)
  })

  test('a stamped batch has the time of the broker, and a sound checksum', () => {
    const log = new PartitionLog()
    const bytes = batchOf({ values: ['a', 'b'], timestamp: 5 })
    const header = readProducedBatch(bytes, LIMITS) as BatchHeader
    log.append(bytes, header, { leaderEpoch: 0, logAppendTime: 777 })
    const [batch] = [...readRecordBatches(bytes)]
    assert.equal(batch?.timestampType, 'LogAppendTime')
    assert.equal(batch?.maxTimestamp, 777)
    assert.deepEqual(findByTimestamp(log, 700), { offset: 0, timestamp: 777, leaderEpoch: 0 })
  })

  test('a duplicate is not written again', () => {
    const log = new PartitionLog()
    const stamp = { producerId: 1n, producerEpoch: 0, baseSequence: 0 }
    append(log, stamp)
    const again = append(log, stamp)
    assert.ok(again.kind === 'duplicate')
    assert.equal(again.written.baseOffset, 0)
    assert.equal(log.endOffset, 1)
  })

  test('expiring moves the start, and removes whole batches', () => {
    const log = logOf(3, 3)
    log.expireBefore(4)
    assert.equal(log.logStartOffset, 4)
    assert.equal(log.batches.length, 1)
    log.expireBefore(2)
    assert.equal(log.logStartOffset, 4)
    log.expireBefore(100)
    assert.equal(log.logStartOffset, 6)
    assert.equal(log.batches.length, 0)
    append(log)
    assert.equal(log.endOffset, 7)
  })

  test('truncating loses whole batches, and what producers had written in them', () => {
    const log = new PartitionLog()
    const stamp = { producerId: 1n, producerEpoch: 0 }
    append(log, { ...stamp, values: ['a', 'b'], baseSequence: 0 })
    append(log, { ...stamp, values: ['c', 'd'], baseSequence: 2 })
    log.truncateTo(3)
    assert.equal(log.endOffset, 2)
    assert.equal(append(log, { ...stamp, values: ['x'], baseSequence: 2 }).kind, 'appended')
    log.truncateTo(50)
    assert.equal(log.endOffset, 3)
  })

  test('offsets are found by timestamp', () => {
    const log = logOf(3, 2)
    assert.deepEqual(findByTimestamp(log, 0), { offset: 0, timestamp: 1000, leaderEpoch: 0 })
    assert.deepEqual(findByTimestamp(log, 1001), { offset: 1, timestamp: 1001, leaderEpoch: 0 })
    assert.deepEqual(findByTimestamp(log, 1500), { offset: 3, timestamp: 2000, leaderEpoch: 0 })
    assert.equal(findByTimestamp(log, 9999), undefined)
    assert.deepEqual(findMaxTimestamp(log), { offset: 4, timestamp: 2001, leaderEpoch: 0 })
    assert.equal(findMaxTimestamp(new PartitionLog()), undefined)
    log.expireBefore(1)
    assert.deepEqual(findByTimestamp(log, 0), { offset: 1, timestamp: 1001, leaderEpoch: 0 })
  })
})
