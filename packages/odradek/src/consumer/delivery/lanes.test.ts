import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2 } from '@odradek/protocol'
import type { AnyRecord } from './fetch-buffer.ts'
import { Lanes } from './lanes.ts'

const CONCURRENCY = 16

/** Records with different keys, all of which the partitioner puts into partition 0. */
function recordsOfOnePartition(partitions: number, count: number): AnyRecord[] {
  const records: AnyRecord[] = []
  for (let at = 0; records.length < count; at++) {
    const rawKey = Buffer.from(`key-${at}`)
    if ((murmur2(rawKey) & 0x7fff_ffff) % partitions !== 0) continue
    records.push({ rawKey, partition: 0, offset: records.length } as unknown as AnyRecord)
  }
  return records
}

for (const partitions of [1, 4, 12, 16, 100]) {
  test(`the keys of one partition of ${partitions} use all lanes`, () => {
    let running = 0
    const lanes = new Lanes(CONCURRENCY, 'key', () => {
      running++
      return new Promise<boolean>(() => undefined)
    })
    for (const record of recordsOfOnePartition(partitions, 200)) {
      void lanes.push(record, () => undefined)
    }
    assert.equal(running, CONCURRENCY)
  })
}
