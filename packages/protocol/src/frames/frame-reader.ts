/**
 * Assembles frames from whatever pieces a socket delivers. The socket's buffer is reused, so every
 * frame is copied once, into a buffer of exactly its size; records stay views of it for as long as
 * somebody holds one. A frame's size is checked before anything is allocated, and sizes that are
 * really the first bytes of TLS or HTTP are named as what they are.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

const SIZE_BYTES = 4
/** A frame's buffer grows with what arrived, so that a lying size costs no memory. */
const FIRST_ALLOCATION_BYTES = 1024 * 1024

export class FrameReader {
  readonly #maxFrameBytes: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #sizeBytes = Buffer.alloc(SIZE_BYTES)
  #sizeFilled = 0
  #frameSize = -1
  #frame: Buffer | undefined
  #filled = 0

  constructor(maxFrameBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxFrameBytes = maxFrameBytes
    this.#onFrame = onFrame
  }

  /** Bytes of a frame that is not complete yet. */
  get pendingBytes(): number {
    return this.#sizeFilled + this.#filled
  }

  push(bytes: Uint8Array, length: number): void {
    let offset = 0
    while (offset < length) {
      if (this.#frameSize < 0) {
        const count = Math.min(SIZE_BYTES - this.#sizeFilled, length - offset)
        this.#sizeBytes.set(bytes.subarray(offset, offset + count), this.#sizeFilled)
        this.#sizeFilled += count
        offset += count
        if (this.#sizeFilled < SIZE_BYTES) return
        this.#begin(this.#sizeBytes.readInt32BE(0))
        // A frame of no bytes is complete already.
        if (this.#frameSize < 0) continue
      }
      const count = Math.min(this.#frameSize - this.#filled, length - offset)
      const frame = this.#room(count)
      frame.set(bytes.subarray(offset, offset + count), this.#filled)
      this.#filled += count
      offset += count
      if (this.#filled === this.#frameSize) this.#complete(frame)
    }
  }

  #begin(size: number): void {
    if (size < 0 || size > this.#maxFrameBytes) throw this.#refusal(size)
    this.#frameSize = size
    this.#filled = 0
    this.#frame = Buffer.allocUnsafeSlow(Math.min(size, FIRST_ALLOCATION_BYTES))
    if (size === 0) this.#complete(this.#frame)
  }

  #room(count: number): Buffer {
    const frame = this.#frame ?? Buffer.alloc(0)
    const needed = this.#filled + count
    if (needed <= frame.length) return frame
    const grown = Buffer.allocUnsafeSlow(
      Math.min(this.#frameSize, Math.max(needed, frame.length * 4)),
    )
    frame.copy(grown, 0, 0, this.#filled)
    this.#frame = grown
    return grown
  }

  #complete(frame: Buffer): void {
    this.#frameSize = -1
    this.#sizeFilled = 0
    this.#filled = 0
    this.#frame = undefined
    this.#onFrame(frame)
  }

  #refusal(size: number): ProtocolError {
    const first = this.#sizeBytes
    if (first[0] === 0x15 && first[1] === 0x03) {
      return new ProtocolError(
        'The peer answered with a TLS alert: it speaks TLS, this end does not',
      )
    }
    if (first[0] === 0x16 && first[1] === 0x03) {
      return new ProtocolError('The peer began a TLS handshake; this end speaks no TLS')
    }
    if (first.toString('latin1') === 'HTTP') {
      return new ProtocolError('The peer answered in HTTP: this is not the port of a Kafka broker')
    }
    return new ProtocolError(
      `A frame claims ${size} bytes; at most ${this.#maxFrameBytes} are accepted`,
      { code: 'TOO_LARGE' },
    )
  }
}
