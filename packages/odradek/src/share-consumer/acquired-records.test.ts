import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endTransactionMarker, placeBatch, RecordBatchBuilder } from '@odradek/protocol'
import { type AcquiredRange, type AcquiredRecords, readAcquired } from './acquired-records.ts'
import { ShareTarget } from './share-target.ts'

const STAMP = { producerId: 7n, producerEpoch: 0, baseSequence: 0 }
const keeper = { tell: () => undefined, handedOut: () => undefined, giveUp: () => undefined }

function batch(baseOffset: number, count: number): Buffer {
  const builder = new RecordBatchBuilder()
  for (let index = 0; index < count; index++) builder.append(1, null, `${baseOffset + index}`)
  const bytes = builder.build({ stamp: STAMP, isTransactional: false })
  placeBatch(bytes, { baseOffset, leaderEpoch: 4 })
  return bytes
}

function marker(baseOffset: number): Buffer {
  const bytes = endTransactionMarker('commit', 1, STAMP)
  placeBatch(bytes, { baseOffset, leaderEpoch: 4 })
  return bytes
}

function read(records: Buffer, ...given: readonly (readonly number[])[]): AcquiredRecords {
  const ranges = given.map(
    ([firstOffset = 0, lastOffset = 0, deliveryCount = 1]): AcquiredRange => {
      return { firstOffset, lastOffset, deliveryCount }
    },
  )
  const assigned = { topic: 'orders', topicId: 'A', partition: 0 }
  const target = new ShareTarget(assigned, undefined)
  const times = { sentAt: 100, answeredAt: 110, lockMs: 1000 }
  return readAcquired({ target, records, ranges, times, keeper, checkCrcs: true })
}

test('only what was acquired comes out, each with its delivery count', () => {
  const bytes = Buffer.concat([batch(10, 5), batch(15, 5)])
  const { records, gaps } = read(bytes, [16, 16, 3], [11, 12, 2])
  assert.deepEqual(
    records.map(({ offset, deliveryCount, value }) => [offset, deliveryCount, String(value)]),
    [
      [11, 2, '11'],
      [12, 2, '12'],
      [16, 3, '16'],
    ],
  )
  assert.deepEqual(gaps, [])
  const [first] = records
  assert.deepEqual([first?.hold.safeUntil, first?.hold.lostAt], [1100, 1110])
})

test('acquired offsets without a record are gaps: compacted away, or markers', () => {
  const bytes = Buffer.concat([batch(10, 2), marker(12), batch(15, 1)])
  const { records, gaps, unreadable } = read(bytes, [10, 15, 1])
  assert.deepEqual(
    records.map(({ offset }) => offset),
    [10, 11, 15],
  )
  assert.deepEqual([gaps, unreadable], [[12, 13, 14], []])
})

test('what cannot be read is told apart from gaps, and what came before it is read', () => {
  const bytes = Buffer.concat([batch(10, 2), batch(12, 3)])
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0xff
  const { records, gaps, unreadable, error } = read(bytes, [10, 14, 1])
  assert.deepEqual(
    records.map(({ offset }) => offset),
    [10, 11],
  )
  assert.deepEqual([gaps, unreadable], [[], [12, 13, 14]])
  assert.ok(error instanceof Error)
})

test('nothing acquired is nothing read', () => {
  assert.deepEqual(read(batch(0, 3)).records, [])
})

test('ranges of offsets that no log has are refused before anything is counted', () => {
  const nonsense = [
    [0, Number.MAX_SAFE_INTEGER],
    [0, 2 ** 31 - 1],
    [-4, -1],
    [5, 4],
  ]
  for (const range of nonsense) {
    assert.throws(() => read(batch(0, 1), range), /claims that offsets .* of orders-0 are acquired/)
  }
})
