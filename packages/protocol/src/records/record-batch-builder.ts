/**
 * Builds one record batch (version 2). A record is encoded straight into the open batch when it is
 * appended: no object per record is kept, and what the batch will weigh on the wire is known at
 * every moment. After `build` the batch is immutable but for its stamp: an idempotent producer may
 * have to send the same records under another producer id, epoch or sequence.
 */
import { crc32c } from '../checksums/crc32c.ts'
import { COMPRESSION_TYPES, type CompressionType } from '../compression/codec.ts'
import { codecOf } from '../compression/codecs.ts'
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  CONTROL_FLAG,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TRANSACTIONAL_FLAG,
} from './layout.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

export type Bytes = string | Uint8Array | null

/** A header to write. */
export type HeaderInput = readonly [key: string, value: Bytes]

export interface BatchStamp {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

export interface BuildOptions {
  readonly stamp?: BatchStamp | undefined
  readonly compressionType?: CompressionType | undefined
  readonly compressionLevel?: number | undefined
  readonly isTransactional?: boolean | undefined
  readonly isControl?: boolean | undefined
}

export const NO_STAMP: BatchStamp = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

const INITIAL_BYTES = 4096

export class RecordBatchBuilder {
  #buffer: Buffer
  #position = BATCH_HEADER_BYTES
  #recordCount = 0
  #lastOffsetDelta = -1
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** `expectedBytes` spares the buffer its growing. */
  constructor(expectedBytes = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(expectedBytes, BATCH_HEADER_BYTES + 64))
  }

  get recordCount(): number {
    return this.#recordCount
  }

  /** What the batch weighs on the wire, before compression. */
  get byteLength(): number {
    return this.#position
  }

  get maxTimestamp(): number {
    return this.#maxTimestamp
  }

  /** Appends a record and gives its index in the batch. `offsetDelta` is for compacted logs. */
  append(
    timestamp: number,
    key: Bytes,
    value: Bytes,
    headers: readonly HeaderInput[] = [],
    offsetDelta = this.#lastOffsetDelta + 1,
  ): number {
    if (this.#recordCount === 0) {
      this.#baseTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const timestampDelta = timestamp - this.#baseTimestamp
    const keyBytes = sizeOf(key)
    const valueBytes = sizeOf(value)
    let bodyBytes =
      1 +
      varlongSize(timestampDelta) +
      varintSize(offsetDelta) +
      varintSize(keyBytes) +
      varintSize(valueBytes) +
      varintSize(headers.length)
    if (keyBytes > 0) bodyBytes += keyBytes
    if (valueBytes > 0) bodyBytes += valueBytes
    for (let index = 0; index < headers.length; index++) bodyBytes += headerBytes(headers[index]!)

    this.#reserve(bodyBytes + 5)
    const buffer = this.#buffer
    let at = writeVarint(buffer, this.#position, bodyBytes)
    buffer[at++] = 0
    at = writeVarlong(buffer, at, timestampDelta)
    at = writeVarint(buffer, at, offsetDelta)
    at = writeBytes(buffer, at, key, keyBytes)
    at = writeBytes(buffer, at, value, valueBytes)
    at = writeVarint(buffer, at, headers.length)
    for (let index = 0; index < headers.length; index++) {
      const header = headers[index]!
      at = writeBytes(buffer, at, header[0], sizeOf(header[0]))
      at = writeBytes(buffer, at, header[1], sizeOf(header[1]))
    }
    this.#position = at
    this.#lastOffsetDelta = offsetDelta
    return this.#recordCount++
  }

  #reserve(bytes: number): void {
    const needed = this.#position + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#position)
    this.#buffer = grown
  }

  /** Closes the batch. The builder must not be used afterwards. */
  build(options: BuildOptions = {}): Buffer {
    const compressionType = options.compressionType ?? 'none'
    let batch = this.#buffer.subarray(0, this.#position)
    if (compressionType !== 'none') {
      const plain = batch.subarray(BATCH_HEADER_BYTES)
      const packed = codecOf(compressionType).encode(plain, options.compressionLevel)
      batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + packed.length)
      packed.copy(batch, BATCH_HEADER_BYTES)
    }
    batch.fill(0, 0, BATCH_HEADER_BYTES)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD_BYTES, LENGTH_AT)
    batch.writeInt32BE(-1, LEADER_EPOCH_AT)
    batch[MAGIC_AT] = 2
    batch.writeInt16BE(
      COMPRESSION_TYPES.indexOf(compressionType) |
        (options.isTransactional === true ? TRANSACTIONAL_FLAG : 0) |
        (options.isControl === true ? CONTROL_FLAG : 0),
      ATTRIBUTES_AT,
    )
    batch.writeInt32BE(Math.max(0, this.#lastOffsetDelta), LAST_OFFSET_DELTA_AT)
    writeTimestamp(batch, BASE_TIMESTAMP_AT, this.#baseTimestamp)
    writeTimestamp(batch, MAX_TIMESTAMP_AT, this.#maxTimestamp)
    batch.writeInt32BE(this.#recordCount, RECORD_COUNT_AT)
    stampBatch(batch, options.stamp ?? NO_STAMP)
    return batch
  }
}

/** Puts a producer's stamp on a built batch, and its checksum. */
export function stampBatch(batch: Buffer, stamp: BatchStamp): void {
  batch.writeBigInt64BE(stamp.producerId, PRODUCER_ID_AT)
  batch.writeInt16BE(stamp.producerEpoch, PRODUCER_EPOCH_AT)
  batch.writeInt32BE(stamp.baseSequence, BASE_SEQUENCE_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
}

/** An upper bound for what a record adds to a batch. */
export function maxRecordBytes(
  key: Bytes,
  value: Bytes,
  headers: readonly HeaderInput[] = [],
): number {
  const FRAMING_BYTES = 36
  let bytes = FRAMING_BYTES + Math.max(0, sizeOf(key)) + Math.max(0, sizeOf(value))
  for (const header of headers) bytes += headerBytes(header)
  return bytes
}

function headerBytes(header: HeaderInput): number {
  const nameBytes = sizeOf(header[0])
  const valueBytes = sizeOf(header[1])
  return varintSize(nameBytes) + nameBytes + varintSize(valueBytes) + Math.max(0, valueBytes)
}

function sizeOf(value: Bytes): number {
  if (value === null) return -1
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') : value.length
}

/** Up to here a loop is faster than a call that copies. */
const LOOP_BYTES = 12

function writeBytes(buffer: Buffer, position: number, value: Bytes, size: number): number {
  let at = writeVarint(buffer, position, size)
  if (value === null || size === 0) return at
  if (typeof value === 'string') {
    // As many bytes as characters: all of them are ASCII, which needs no conversion.
    if (size !== value.length) buffer.write(value, at, size, 'utf8')
    else if (size > LOOP_BYTES) buffer.write(value, at, size, 'latin1')
    else for (let index = 0; index < size; index++) buffer[at + index] = value.charCodeAt(index)
  } else if (size > LOOP_BYTES) buffer.set(value, at)
  else for (let index = 0; index < size; index++) buffer[at + index] = value[index]!
  at += size
  return at
}

function writeTimestamp(batch: Buffer, at: number, timestamp: number): void {
  batch.writeBigInt64BE(BigInt(timestamp), at)
}
