/**
 * Writes Kafka's primitive types into a buffer that doubles as it fills. Large byte fields (record
 * batches above all) are not copied: they become chunks of their own, so that a produce request of
 * a megabyte costs a few hundred bytes of copying. `chunks()` gives everything in order.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

/** From here on a byte field is referenced, not copied. Two system calls' worth of memcpy. */
const BY_REFERENCE_BYTES = 4096
const INITIAL_BYTES = 512

export class Writer {
  #buffer: Buffer
  #view: DataView
  #position = 0
  /** Where the chunk that is being filled starts in `#buffer`. */
  #chunkStart = 0
  #flushedBytes = 0
  readonly #chunks: Uint8Array[] = []

  constructor(initialBytes = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
    this.#view = viewOf(this.#buffer)
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#flushedBytes + this.#position - this.#chunkStart
  }

  #reserve(count: number): number {
    const start = this.#position
    const needed = start + count
    if (needed > this.#buffer.length) this.#grow(count)
    const at = this.#position
    this.#position = at + count
    return at
  }

  #grow(count: number): void {
    const pending = this.#position - this.#chunkStart
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, pending + count))
    this.#buffer.copy(grown, 0, this.#chunkStart, this.#position)
    this.#buffer = grown
    this.#view = viewOf(grown)
    this.#chunkStart = 0
    this.#position = pending
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#view.setInt8(at, value)
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#view.setInt16(at, value)
  }

  uint16(value: number): void {
    const at = this.#reserve(2)
    this.#view.setUint16(at, value)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setInt32(at, value)
  }

  uint32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value)
  }

  int64(value: bigint): void {
    const at = this.#reserve(8)
    this.#view.setBigInt64(at, value)
  }

  float64(value: number): void {
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value)
  }

  /** A safe integer as int64. */
  safeInt64(value: number): void {
    const at = this.#reserve(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#view.setInt32(at, high)
    this.#view.setUint32(at + 4, value - high * 0x1_0000_0000)
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.int8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.int8(rest)
  }

  uuid(value: string): void {
    const at = this.#reserve(16)
    if (value.length !== 22 || this.#buffer.write(value, at, 16, 'base64url') !== 16) {
      throw new ProtocolError(`"${value}" is no uuid`)
    }
  }

  string(value: string, byteLength: number): void {
    const at = this.#reserve(byteLength)
    this.#buffer.write(value, at, byteLength, 'utf8')
  }

  bytes(value: Uint8Array): void {
    if (value.length >= BY_REFERENCE_BYTES) {
      this.#flush()
      this.#chunks.push(value)
      this.#flushedBytes += value.length
      return
    }
    const at = this.#reserve(value.length)
    this.#buffer.set(value, at)
  }

  #flush(): void {
    if (this.#position === this.#chunkStart) return
    this.#chunks.push(this.#buffer.subarray(this.#chunkStart, this.#position))
    this.#flushedBytes += this.#position - this.#chunkStart
    this.#chunkStart = this.#position
  }

  /** Everything that was written, in order. The writer is finished afterwards. */
  chunks(): readonly Uint8Array[] {
    this.#flush()
    return this.#chunks
  }

  /** Everything that was written, as one buffer (copied if it was more than one chunk). */
  toBuffer(): Buffer {
    const chunks = this.chunks()
    const [only] = chunks
    if (chunks.length === 1 && only !== undefined) {
      return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
    }
    return Buffer.concat(chunks)
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
}
