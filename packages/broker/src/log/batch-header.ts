/**
 * What a broker must know of a batch before it stores it, read from the header without reading the
 * records: a compressed batch is stored as it was sent. The checks are those of Kafka's
 * LogValidator that need no decompression, in its order, with its error codes.
 */
import {
  BATCH_HEADER_BYTES,
  COMPRESSION_TYPES,
  type ControlType,
  crc32c,
  ErrorCode,
} from '@odradek/protocol'

const LENGTH_AT = 8
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const RECORD_COUNT_AT = 57
const LOG_OVERHEAD_BYTES = 12

const COMPRESSION_MASK = 0x07
const TRANSACTIONAL_FLAG = 0x10
const CONTROL_FLAG = 0x20
const MAGIC = 2
const ZSTD = 4

export interface BatchHeader {
  readonly recordCount: number
  readonly maxTimestamp: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  /** Of a marker that ends a transaction; no client may write one. */
  readonly marker?: Marker | undefined
}

export interface Marker {
  readonly type: ControlType
  readonly coordinatorEpoch: number
}

/** Why a batch is refused; `message` goes to the client. */
export interface Refusal {
  readonly errorCode: number
  readonly message: string
}

export interface BatchLimits {
  readonly maxMessageBytes: number
  /** Older requests may not carry zstd (KIP-110). */
  readonly allowsZstd: boolean
}

function refuse(errorCode: number, message: string): Refusal {
  return { errorCode, message }
}

/** Reads and checks the records of one partition: exactly one batch of the current format. */
export function readProducedBatch(
  bytes: Buffer | null,
  limits: BatchLimits,
): BatchHeader | Refusal {
  if (bytes === null || bytes.length === 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'The request carries no record batch.')
  }
  if (bytes.length <= MAGIC_AT) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'A record batch is cut off.')
  }
  const magic = bytes.readInt8(MAGIC_AT)
  if (magic !== MAGIC) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `Record batches must have magic 2; this one has ${magic}.`,
    )
  }
  if (bytes.length < BATCH_HEADER_BYTES) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'A record batch is shorter than its header.')
  }
  const size = bytes.readInt32BE(LENGTH_AT) + LOG_OVERHEAD_BYTES
  if (size < BATCH_HEADER_BYTES || size > bytes.length) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, `A record batch claims ${size} bytes.`)
  }
  if (size < bytes.length) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      'Produce requests must carry exactly one record batch per partition.',
    )
  }
  return readHeader(bytes, limits)
}

function readHeader(bytes: Buffer, limits: BatchLimits): BatchHeader | Refusal {
  if (bytes.length > limits.maxMessageBytes) {
    return refuse(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The record batch has ${bytes.length} bytes; max.message.bytes is ${limits.maxMessageBytes}.`,
    )
  }
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes, ATTRIBUTES_AT)) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'The checksum of the record batch does not match.')
  }
  const attributes = bytes.readInt16BE(ATTRIBUTES_AT)
  const recordCount = bytes.readInt32BE(RECORD_COUNT_AT)
  const lastOffsetDelta = bytes.readInt32BE(LAST_OFFSET_DELTA_AT)
  if (recordCount <= 0 || lastOffsetDelta !== recordCount - 1) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `The record batch claims ${recordCount} records and a last offset delta of ${lastOffsetDelta}.`,
    )
  }
  if ((attributes & CONTROL_FLAG) !== 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'Clients may not write control batches.')
  }
  const compression = attributes & COMPRESSION_MASK
  if (compression >= COMPRESSION_TYPES.length) {
    return refuse(ErrorCode.INVALID_RECORD, `Compression type ${compression} is unknown.`)
  }
  if (compression === ZSTD && !limits.allowsZstd) {
    return refuse(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      'Produce requests below version 7 may not use zstd.',
    )
  }
  const producerId = bytes.readBigInt64BE(PRODUCER_ID_AT)
  const baseSequence = bytes.readInt32BE(BASE_SEQUENCE_AT)
  const producerEpoch = bytes.readInt16BE(PRODUCER_EPOCH_AT)
  if (producerId >= 0n && (producerEpoch < 0 || baseSequence < 0)) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `The record batch of producer ${producerId} has epoch ${producerEpoch} and base sequence ` +
        `${baseSequence}; neither may be negative.`,
    )
  }
  return {
    recordCount,
    maxTimestamp: readTimestamp(bytes, MAX_TIMESTAMP_AT),
    producerId,
    producerEpoch,
    baseSequence,
    isTransactional: (attributes & TRANSACTIONAL_FLAG) !== 0,
  }
}

/** Saturated at the safe integers, as timestamps are everywhere. */
function readTimestamp(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
}
