/**
 * What a broker does to batches: check one that a producer sent, give it its place in the log, and
 * write the markers that end transactions. Base offset and leader epoch lie outside of the
 * checksum, so a batch is stored as it came.
 */
import { crc32c } from '../checksums/crc32c.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  CRC_AT,
  LEADER_EPOCH_AT,
  LOG_APPEND_TIME_FLAG,
  MAX_TIMESTAMP_AT,
} from './layout.ts'
import { type BatchStamp, RecordBatchBuilder } from './record-batch-builder.ts'

export interface Placement {
  readonly baseOffset: number
  readonly leaderEpoch: number
  /** Set for topics with `message.timestamp.type=LogAppendTime`. */
  readonly logAppendTime?: number | undefined
}

/** Writes a batch's place in the log into its header. */
export function placeBatch(batch: Buffer, placement: Placement): void {
  batch.writeBigInt64BE(BigInt(placement.baseOffset), BASE_OFFSET_AT)
  batch.writeInt32BE(placement.leaderEpoch, LEADER_EPOCH_AT)
  if (placement.logAppendTime === undefined) return
  batch.writeInt16BE(batch.readInt16BE(ATTRIBUTES_AT) | LOG_APPEND_TIME_FLAG, ATTRIBUTES_AT)
  batch.writeBigInt64BE(BigInt(placement.logAppendTime), MAX_TIMESTAMP_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
}

export type ControlType = 'abort' | 'commit'

const CONTROL_TYPES: readonly ControlType[] = ['abort', 'commit']

/** The marker that ends a transaction in a partition. */
export function endTransactionMarker(
  type: ControlType,
  timestamp: number,
  stamp: BatchStamp,
  coordinatorEpoch = 0,
): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(CONTROL_TYPES.indexOf(type), 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(coordinatorEpoch, 2)
  const builder = new RecordBatchBuilder(128)
  builder.append(timestamp, key, value)
  return builder.build({ stamp, isTransactional: true, isControl: true })
}

/** What a control record says; undefined for kinds that concern no client. */
export function controlTypeOf(key: Buffer | null): ControlType | undefined {
  return key === null || key.length < 4 ? undefined : CONTROL_TYPES[key.readInt16BE(2)]
}
