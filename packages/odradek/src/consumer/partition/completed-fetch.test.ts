import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endTransactionMarker, placeBatch, RecordBatchBuilder } from '@odradek/protocol'
import { Lineage } from './position-epoch.ts'
import type { AbortedTransaction } from './aborted-transactions.ts'
import { FetchedChunk } from './completed-fetch.ts'

interface BatchSpec {
  readonly at: number
  readonly count?: number
  readonly producerId?: bigint
  readonly marker?: 'abort' | 'commit'
}

/** A log of batches and markers at given offsets. */
function log(specs: readonly BatchSpec[]): Buffer {
  const batches = specs.map(({ at, count = 1, producerId, marker }) => {
    const stamp = { producerId: producerId ?? -1n, producerEpoch: 0, baseSequence: 0 }
    let bytes: Buffer
    if (marker === undefined) {
      const builder = new RecordBatchBuilder()
      for (let index = 0; index < count; index++) builder.append(1, null, `${at + index}`)
      bytes = builder.build({ stamp, isTransactional: producerId !== undefined })
    } else bytes = endTransactionMarker(marker, 1, stamp)
    placeBatch(bytes, { baseOffset: at, leaderEpoch: 4 })
    return bytes
  })
  return Buffer.concat(batches)
}

function chunk(
  records: Buffer,
  from: number,
  abortedTransactions?: readonly AbortedTransaction[],
): FetchedChunk {
  const lineage = new Lineage('t', 0, undefined, { offset: from, leaderEpoch: -1 })
  return new FetchedChunk(lineage, records, from, { checkCrcs: true, abortedTransactions })
}

function offsets(from: FetchedChunk): number[] {
  const found: number[] = []
  for (let record = from.take(); record !== undefined; record = from.take()) {
    found.push(record.offset)
  }
  return found
}

test('records before the wanted offset stay out, and the end is behind the last whole batch', () => {
  const bytes = log([
    { at: 10, count: 5 },
    { at: 15, count: 5 },
  ])
  const cut = bytes.subarray(0, bytes.length - 3)
  const one = chunk(cut, 12)
  assert.deepEqual([one.endOffset, one.endEpoch], [15, 4])
  assert.deepEqual(offsets(one), [12, 13, 14])
  assert.deepEqual(offsets(chunk(bytes, 12)), [12, 13, 14, 15, 16, 17, 18, 19])
})

test('a chunk that was read comes out again from where it is rewound to', () => {
  const one = chunk(
    log([
      { at: 0, count: 3 },
      { at: 3, count: 3 },
    ]),
    0,
  )
  for (let taken = 0; taken < 5; taken++) one.take()
  one.rewindTo(2)
  assert.deepEqual(offsets(one), [2, 3, 4, 5])
})

test('control records never come out, whatever the isolation level, and reading moves past them', () => {
  const bytes = log([{ at: 0 }, { at: 1, producerId: 1n, marker: 'commit' }])
  const one = chunk(bytes, 0)
  assert.deepEqual(offsets(one), [0])
  assert.deepEqual([one.endOffset, one.position], [2, 2])
})

test('read_committed leaves out aborted transactions, interleaved and listed in any order', () => {
  const bytes = log([
    { at: 0, producerId: 1n },
    { at: 1, producerId: 2n },
    { at: 2 },
    { at: 3, producerId: 1n },
    { at: 4, producerId: 1n, marker: 'abort' },
    { at: 5, producerId: 1n },
    { at: 6, producerId: 2n, marker: 'commit' },
    { at: 7, producerId: 1n, marker: 'abort' },
    { at: 8, producerId: 1n },
    { at: 9, producerId: 1n, marker: 'commit' },
  ])
  const aborted = [
    { producerId: 1n, firstOffset: 5 },
    { producerId: 1n, firstOffset: 0 },
  ]
  assert.deepEqual(offsets(chunk(bytes, 0, aborted)), [1, 2, 8])
  assert.deepEqual(offsets(chunk(bytes, 0)), [0, 1, 2, 3, 5, 8])
})

test('S33 a timestamp beyond 2^53 saturates, and its record is read like any other', () => {
  const bytes = log([{ at: 5, count: 2 }])
  bytes.writeBigInt64BE(1n << 60n, BASE_TIMESTAMP_AT)
  const lineage = new Lineage('t', 0, undefined, { offset: 5, leaderEpoch: -1 })
  const from = new FetchedChunk(lineage, bytes, 5, {
    checkCrcs: false,
    abortedTransactions: undefined,
  })
  const record = from.take()
  assert.equal(record?.timestamp, Number.MAX_SAFE_INTEGER)
  assert.equal(record?.timestampRaw, 1n << 60n)
  assert.equal(from.take()?.offset, 6)
})

test('S33 the raw timestamp is what was written, whatever stands before the key', () => {
  const timestamps = [1_700_000_000_000, 1_700_000_000_001, 1_900_000_000_000, 0, 5]
  const key = Buffer.alloc(300, 'k')
  const builder = new RecordBatchBuilder()
  for (const [index, at] of timestamps.entries())
    builder.append(at, index % 2 === 0 ? key : null, null)
  const lineage = new Lineage('t', 0, undefined, { offset: 0, leaderEpoch: -1 })
  const options = { checkCrcs: true, abortedTransactions: undefined }
  const from = new FetchedChunk(lineage, builder.build(), 0, options)
  const raw = timestamps.map(() => from.take()?.timestampRaw)
  assert.deepEqual(raw, timestamps.map(BigInt))
})

const BASE_TIMESTAMP_AT = 27
