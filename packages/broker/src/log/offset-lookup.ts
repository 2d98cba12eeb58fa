/**
 * Offsets by timestamp. Batches are few, so they are searched in order; inside a batch the records
 * decide, so a compressed batch must be decompressed: its codec is loaded first if it is not yet
 * (virtual worlds load codecs before their clock starts).
 */
import { isCodecLoaded, loadCodecs, RecordBatch } from '@odradek/protocol'
import type { PartitionLog, StoredBatch } from './partition-log.ts'

export interface FoundOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** The first record that is not older than `timestamp`. */
export function findByTimestamp(
  log: PartitionLog,
  timestamp: number,
): FoundOffset | undefined | Promise<FoundOffset | undefined> {
  const batch = log.batches.find((one) => one.maxTimestamp >= timestamp)
  if (batch === undefined) return undefined
  return openBatch(batch, () => firstRecord(log, batch, timestamp))
}

/** The first record that has the largest timestamp of the log. */
export function findMaxTimestamp(
  log: PartitionLog,
): FoundOffset | undefined | Promise<FoundOffset | undefined> {
  let newest: StoredBatch | undefined
  for (const batch of log.batches) {
    if (newest === undefined || batch.maxTimestamp > newest.maxTimestamp) newest = batch
  }
  if (newest === undefined) return undefined
  const batch = newest
  return openBatch(batch, () => firstRecord(log, batch, batch.maxTimestamp))
}

function openBatch<T>(batch: StoredBatch, look: () => T): T | Promise<T> {
  const { compressionType } = new RecordBatch(batch.bytes)
  return isCodecLoaded(compressionType) ? look() : loadCodecs([compressionType]).then(look)
}

function firstRecord(
  log: PartitionLog,
  batch: StoredBatch,
  timestamp: number,
): FoundOffset | undefined {
  const { leaderEpoch } = batch
  const cursor = new RecordBatch(batch.bytes).records()
  while (cursor.next()) {
    if (cursor.timestamp >= timestamp && cursor.offset >= log.logStartOffset) {
      return { offset: cursor.offset, timestamp: cursor.timestamp, leaderEpoch }
    }
  }
  return undefined
}
