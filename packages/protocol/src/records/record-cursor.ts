/**
 * Walks the records of a batch without making an object of any: after `next()` the fields below
 * hold where the current record's parts are. The one place where every record of every fetch comes
 * by, so it is written out by hand; each length is checked against the record's end, and the
 * record's end against the bytes.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Headers, readHeaders } from './headers.ts'

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
    const length = this.#varint(this.#end)
    const end = this.#position + length
    if (length < 0 || end > this.#end) this.#fail(`A record claims ${length} bytes`)
    this.#position++
    const timestamp = this.#timestampAfter(end)
    this.timestamp = this.#logAppendTime ?? timestamp
    const offset = this.#baseOffset + this.#varint(end)
    if (offset < this.#baseOffset || offset > this.#lastOffset) {
      this.#fail(`A record claims offset ${offset}, outside of its batch`)
    }
    this.offset = offset
    const keySize = this.#varint(end)
    this.keyStart = this.#position
    this.keyEnd = keySize < 0 ? -1 : this.#skip(keySize, end)
    const valueSize = this.#varint(end)
    this.valueStart = this.#position
    this.valueEnd = valueSize < 0 ? -1 : this.#skip(valueSize, end)
    this.headerCount = this.#varint(end)
    if (this.headerCount < 0 || this.headerCount > end - this.#position) {
      this.#fail(`A record claims ${this.headerCount} headers`)
    }
    if (this.headerCount === 0 && this.#position !== end) {
      this.#fail('A record is shorter than it claims')
    }
    this.headersStart = this.#position
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

  #skip(size: number, end: number): number {
    const to = this.#position + size
    if (to > end) this.#fail(`A field of a record claims ${size} bytes`)
    this.#position = to
    return to
  }

  #varint(end: number): number {
    const { buffer } = this
    let at = this.#position
    if (at < end) {
      const first = buffer[at]!
      if (first < 0x80) {
        this.#position = at + 1
        return (first >>> 1) ^ -(first & 1)
      }
    }
    let raw = 0
    for (let shift = 0; shift < 35 && at < end; shift += 7) {
      const byte = buffer[at++]!
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#position = at
        return (raw >>> 1) ^ -(raw & 1)
      }
    }
    return this.#fail('A varint of a record has no end')
  }

  /** Reads the next delta (a varlong) and adds it to the base timestamp. */
  #timestampAfter(end: number): number {
    const { buffer } = this
    const start = this.#position
    let at = start
    let raw = 0
    // Four bytes hold 28 bits: deltas up to a day and a half, without a bigint.
    for (let shift = 0; shift < 28 && at < end; shift += 7) {
      const byte = buffer[at++]!
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#position = at
        return saturate(this.#baseTimestamp + ((raw >>> 1) ^ -(raw & 1)))
      }
    }
    at = start
    let wide = 0n
    for (let shift = 0n; shift < 70n && at < end; shift += 7n) {
      const byte = buffer[at++]!
      wide |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#position = at
        const unsigned = BigInt.asUintN(64, wide)
        const delta = (unsigned >> 1n) ^ -(unsigned & 1n)
        // Java's sum wraps: the end of time is a negative delta away from a negative base.
        return saturate(Number(BigInt.asIntN(64, BigInt(this.#baseTimestamp) + delta)))
      }
    }
    return this.#fail('A varint of a record has no end')
  }

  #fail(message: string): never {
    throw new ProtocolError(message, { offset: this.#position, code: 'CORRUPT_MESSAGE' })
  }
}

function saturate(timestamp: number): number {
  if (timestamp > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
  return timestamp < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : timestamp
}
