/**
 * Walks the records of a batch without making an object of any: after `next()` the fields below
 * hold where the current record's parts are. The one place where every record of every fetch comes
 * by, so it is written out by hand; where a record's fields end is checked against where the record
 * ends, and that against the bytes.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Headers, readHeaders } from './headers.ts'
import { readVarint, readVarlong, varintEnd, varlongEnd } from './varint.ts'

export interface CursorStart {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly recordCount: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly baseTimestamp: number
  /** Set when the broker stamped the whole batch: then it is every record's timestamp. */
  readonly logAppendTime: number | undefined
}

export class RecordCursor {
  readonly buffer: Buffer
  offset = -1
  timestamp = 0
  keyStart = 0
  /** -1 when the key is null. */
  keyEnd = -1
  valueStart = 0
  /** -1 when the value is null. */
  valueEnd = -1
  headersStart = 0
  headersEnd = 0
  headerCount = 0
  #position: number
  readonly #end: number
  #remaining: number
  readonly #baseOffset: number
  readonly #lastOffset: number
  readonly #baseTimestamp: number
  readonly #logAppendTime: number | undefined

  constructor(from: CursorStart) {
    this.buffer = from.buffer
    this.#position = from.start
    this.#end = from.end
    this.#remaining = from.recordCount
    this.#baseOffset = from.baseOffset
    this.#lastOffset = from.lastOffset
    this.#baseTimestamp = from.baseTimestamp
    this.#logAppendTime = from.logAppendTime
  }

  /** Records that are still to come. */
  get remaining(): number {
    return this.#remaining
  }

  /** Moves to the next record; false after the last. */
  next(): boolean {
    if (this.#remaining === 0) {
      if (this.#position !== this.#end) this.#fail('Bytes follow the last record of a batch')
      return false
    }
    const { buffer } = this
    let at = this.#position
    const length = readVarint(buffer, at)
    at = varintEnd(buffer, at)
    const end = at + length
    if (length < 0 || end > this.#end) this.#fail(`A record claims ${length} bytes`)
    at++ // The attributes of a record: none are defined.
    const timestampAt = at
    at = varlongEnd(buffer, at)
    this.timestamp = this.#logAppendTime ?? this.#timestamp(timestampAt, at)
    const offset = this.#baseOffset + readVarint(buffer, at)
    if (offset < this.#baseOffset || offset > this.#lastOffset) {
      this.#fail(`A record claims offset ${offset}, outside of its batch`)
    }
    this.offset = offset
    at = varintEnd(buffer, at)
    const keySize = readVarint(buffer, at)
    at = varintEnd(buffer, at)
    this.keyStart = at
    this.keyEnd = keySize < 0 ? -1 : (at += keySize)
    const valueSize = readVarint(buffer, at)
    at = varintEnd(buffer, at)
    this.valueStart = at
    this.valueEnd = valueSize < 0 ? -1 : (at += valueSize)
    const headerCount = readVarint(buffer, at)
    at = varintEnd(buffer, at)
    // Numbers and fields may have been taken from beyond the record: only here it shows.
    if (at > end || headerCount < 0 || headerCount > end - at || (headerCount === 0 && at < end)) {
      this.#fail('The fields of a record do not fill it')
    }
    this.headerCount = headerCount
    this.headersStart = at
    this.headersEnd = end
    this.#position = end
    this.#remaining--
    return true
  }

  get key(): Buffer | null {
    return this.keyEnd < 0 ? null : this.buffer.subarray(this.keyStart, this.keyEnd)
  }

  get value(): Buffer | null {
    return this.valueEnd < 0 ? null : this.buffer.subarray(this.valueStart, this.valueEnd)
  }

  get headers(): Headers {
    return readHeaders(this.buffer, this.headersStart, this.headersEnd, this.headerCount)
  }

  /** The base timestamp and the delta in `buffer[at, end)`. */
  #timestamp(at: number, end: number): number {
    // Four bytes hold 28 bits: deltas up to a day and a half, without a bigint.
    if (end - at <= 4) return saturate(this.#baseTimestamp + readVarint(this.buffer, at))
    // Java's sum wraps: the end of time is a negative delta away from a negative base.
    const sum = BigInt(this.#baseTimestamp) + readVarlong(this.buffer, at)
    return saturate(Number(BigInt.asIntN(64, sum)))
  }

  #fail(message: string): never {
    throw new ProtocolError(message, { offset: this.#position, code: 'CORRUPT_MESSAGE' })
  }
}

/**
 * The difference of a record's timestamp to its batch's, from where its key begins. Before the key
 * stand its size, the offset's difference and this one; each of them ends with the only byte of it
 * that has no high bit, so that they can be walked back over. Nothing has to be kept for it.
 */
export function timestampDeltaBefore(buffer: Buffer, keyStart: number): bigint {
  let at = keyStart
  for (let field = 0; field < FIELDS_FROM_TIMESTAMP_TO_KEY; field++) {
    at--
    while (buffer[at - 1]! >= 0x80) at--
  }
  return readVarlong(buffer, at)
}

const FIELDS_FROM_TIMESTAMP_TO_KEY = 3

function saturate(timestamp: number): number {
  if (timestamp > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
  return timestamp < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : timestamp
}
