/**
 * Record batches as they come out of a fetch: a view of the bytes, checked once (lengths and
 * checksum), decompressed when its records are first read.
 */
import { crc32c } from '../checksums/crc32c.ts'
import {
  COMPRESSION_TYPES,
  type CompressionType,
  DEFAULT_MAX_DECOMPRESSED_BYTES,
} from '../compression/codec.ts'
import { codecOf } from '../compression/codecs.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  COMPRESSION_MASK,
  CONTROL_FLAG,
  CRC_AT,
  DELETE_HORIZON_FLAG,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LOG_APPEND_TIME_FLAG,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  MIN_RECORD_BYTES,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TRANSACTIONAL_FLAG,
} from './layout.ts'
import { legacyToBatch } from './legacy.ts'
import type { ReadOptions } from './read-options.ts'
import { RecordCursor } from './record-cursor.ts'

export class RecordBatch {
  /** All bytes of the batch. */
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly lastOffset: number
  readonly recordCount: number
  readonly #attributes: number
  readonly #maxDecompressedBytes: number

  constructor(bytes: Buffer, options: ReadOptions = {}) {
    this.bytes = bytes
    this.baseOffset = readSafeInt64(bytes, 0)
    this.lastOffset = this.baseOffset + bytes.readInt32BE(LAST_OFFSET_DELTA_AT)
    this.recordCount = bytes.readInt32BE(RECORD_COUNT_AT)
    this.#attributes = bytes.readInt16BE(ATTRIBUTES_AT)
    this.#maxDecompressedBytes = options.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES
    const { baseOffset, lastOffset, recordCount } = this
    if (baseOffset < 0) {
      throw new ProtocolError(`A record batch claims the base offset ${baseOffset}`, {
        code: 'CORRUPT_MESSAGE',
      })
    }
    // Reading continues at the offset behind it.
    const hasNext = Number.isSafeInteger(lastOffset + 1)
    if (lastOffset < baseOffset || recordCount < 0 || !hasNext) {
      throw new ProtocolError('The header of a record batch contradicts itself', {
        code: 'CORRUPT_MESSAGE',
      })
    }
  }

  get leaderEpoch(): number {
    return this.bytes.readInt32BE(LEADER_EPOCH_AT)
  }

  get compressionType(): CompressionType {
    const type = COMPRESSION_TYPES[this.#attributes & COMPRESSION_MASK]
    if (type === undefined) {
      throw new ProtocolError(
        'A record batch has a compression type that this client does not know',
      )
    }
    return type
  }

  get timestampType(): 'CreateTime' | 'LogAppendTime' {
    return (this.#attributes & LOG_APPEND_TIME_FLAG) === 0 ? 'CreateTime' : 'LogAppendTime'
  }

  get isTransactional(): boolean {
    return (this.#attributes & TRANSACTIONAL_FLAG) !== 0
  }

  /** Markers of transactions and the like: never records for users. */
  get isControl(): boolean {
    return (this.#attributes & CONTROL_FLAG) !== 0
  }

  get producerId(): bigint {
    return this.bytes.readBigInt64BE(PRODUCER_ID_AT)
  }

  get producerEpoch(): number {
    return this.bytes.readInt16BE(PRODUCER_EPOCH_AT)
  }

  get baseSequence(): number {
    return this.bytes.readInt32BE(BASE_SEQUENCE_AT)
  }

  /** Saturated at the safe integers, as all timestamps. */
  get maxTimestamp(): number {
    return readTimestamp(this.bytes, MAX_TIMESTAMP_AT)
  }

  get baseTimestamp(): number {
    return readTimestamp(this.bytes, BASE_TIMESTAMP_AT)
  }

  /** As it is written, however large. */
  get rawBaseTimestamp(): bigint {
    return this.bytes.readBigInt64BE(BASE_TIMESTAMP_AT)
  }

  /** The same of the timestamp that the broker gave to the whole batch, if it did. */
  get rawLogAppendTime(): bigint | undefined {
    if (this.timestampType !== 'LogAppendTime') return undefined
    return this.bytes.readBigInt64BE(MAX_TIMESTAMP_AT)
  }

  /** When tombstones of a compacted topic may go; then the base timestamp means this. */
  get deleteHorizon(): number | undefined {
    return (this.#attributes & DELETE_HORIZON_FLAG) === 0 ? undefined : this.baseTimestamp
  }

  /** A cursor before the first record. Its codec must be loaded (see `loadCodecs`). */
  records(): RecordCursor {
    const type = this.compressionType
    const isPlain = type === 'none'
    const buffer = isPlain
      ? this.bytes
      : codecOf(type).decode(this.bytes.subarray(BATCH_HEADER_BYTES), this.#maxDecompressedBytes)
    const start = isPlain ? BATCH_HEADER_BYTES : 0
    if (this.recordCount * MIN_RECORD_BYTES > buffer.length - start) {
      throw new ProtocolError(
        `A record batch claims ${this.recordCount} records in ${buffer.length - start} bytes`,
        { code: 'CORRUPT_MESSAGE' },
      )
    }
    return new RecordCursor({
      buffer,
      start,
      end: buffer.length,
      recordCount: this.recordCount,
      baseOffset: this.baseOffset,
      lastOffset: this.lastOffset,
      baseTimestamp: this.baseTimestamp,
      logAppendTime: this.timestampType === 'LogAppendTime' ? this.maxTimestamp : undefined,
    })
  }
}

/**
 * The batches in the bytes of a fetch. A batch that was cut off at the end (as brokers may send it)
 * is left out; old message formats are given as the batches they would be today.
 */
export function* readRecordBatches(
  records: Buffer,
  options: ReadOptions = {},
): Generator<RecordBatch, void, undefined> {
  let at = 0
  while (records.length - at >= LOG_OVERHEAD_BYTES + 5) {
    const length = records.readInt32BE(at + LENGTH_AT)
    if (length < MAGIC_AT - LOG_OVERHEAD_BYTES) {
      throw new ProtocolError(`A record batch claims ${length} bytes`, {
        offset: at,
        code: 'CORRUPT_MESSAGE',
      })
    }
    const end = at + LOG_OVERHEAD_BYTES + length
    if (end > records.length) return
    const bytes = records.subarray(at, end)
    at = end
    yield readOne(bytes, options)
  }
}

function readOne(bytes: Buffer, options: ReadOptions): RecordBatch {
  const magic = bytes[MAGIC_AT]!
  if (magic < 2) return new RecordBatch(legacyToBatch(bytes, options), options)
  if (magic > 2) {
    throw new ProtocolError(`A record batch has version ${magic}; this client knows up to 2`)
  }
  if (bytes.length < BATCH_HEADER_BYTES) {
    throw new ProtocolError('A record batch is shorter than its header', {
      code: 'CORRUPT_MESSAGE',
    })
  }
  if (options.checkCrcs !== false && bytes.readUInt32BE(CRC_AT) !== crc32c(bytes, ATTRIBUTES_AT)) {
    throw new ProtocolError('The checksum of a record batch does not match its bytes', {
      code: 'CORRUPT_MESSAGE',
    })
  }
  return new RecordBatch(bytes, options)
}

function readSafeInt64(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) {
    throw new ProtocolError('The offset of a record batch is beyond 2^53', {
      code: 'CORRUPT_MESSAGE',
    })
  }
  return value
}

function readTimestamp(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
  return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value
}
