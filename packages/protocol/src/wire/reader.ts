/**
 * Reads Kafka's primitive types from one buffer. Bytes from a network may say anything, so the law
 * here is: every length and every count is compared with the bytes that remain before anything is
 * allocated or skipped, and whatever is wrong becomes a `ProtocolError` with its offset. Strings
 * and bytes are views of the buffer, not copies; code that keeps them keeps the buffer.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

export class Reader {
  readonly buffer: Buffer
  readonly #view: DataView
  offset: number
  readonly end: number

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    this.offset = offset
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  fail(message: string): never {
    throw new ProtocolError(message, { offset: this.offset })
  }

  #take(count: number): number {
    const start = this.offset
    if (count > this.end - start) {
      this.fail(`The bytes end too early: ${count} wanted, ${this.end - start} left`)
    }
    this.offset = start + count
    return start
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1))
  }

  boolean(): boolean {
    return this.#view.getInt8(this.#take(1)) !== 0
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  /** An int64 that must be a safe integer: offsets, sizes, durations. */
  safeInt64(): number {
    const start = this.#take(8)
    const high = this.#view.getInt32(start)
    const value = high * 0x1_0000_0000 + this.#view.getUint32(start + 4)
    if (!Number.isSafeInteger(value)) {
      throw new ProtocolError('An offset is beyond 2^53', { offset: start })
    }
    return value
  }

  /** An int64 that saturates at the safe integers: timestamps never fail a decode. */
  timestamp(): number {
    const start = this.#take(8)
    const value = this.#view.getInt32(start) * 0x1_0000_0000 + this.#view.getUint32(start + 4)
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
    return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value
  }

  /** An unsigned varint of at most 32 bits. */
  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#view.getUint8(this.#take(1))
      if (shift === 28 && byte > 0x0f) this.fail('A varint is longer than 32 bits')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return this.fail('A varint is longer than 5 bytes')
  }

  uuid(): string {
    const start = this.#take(16)
    return this.buffer.toString('base64url', start, start + 16)
  }

  /** `length` bytes as a view. */
  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.buffer.subarray(start, start + length)
  }

  string(length: number): string {
    const start = this.#take(length)
    return this.buffer.toString('utf8', start, start + length)
  }

  skip(length: number): void {
    this.#take(length)
  }
}
