/**
 * Finds the frames in zstd data without decompressing anything, and how large each may become: what
 * its header says (streaming encoders such as Java's say nothing) and what its blocks can hold. The
 * portable decoder needs before it starts.
 */
import { ProtocolError } from '../errors/protocol-error.ts'

export interface ZstdFrame {
  readonly bytes: Buffer
  /** The size of its content, if its header says one. */
  readonly statedBytes: number | undefined
  /** The most that its blocks can hold. */
  readonly blockBytes: number
}

const MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const MAX_BLOCK_BYTES = 128 * 1024

export function* zstdFrames(bytes: Buffer): Generator<ZstdFrame, void, undefined> {
  let at = 0
  while (at < bytes.length) {
    const start = at
    const magic = uint(bytes, at, 4)
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + uint(bytes, at + 4, 4)
      continue
    }
    if (magic !== MAGIC) throw corrupt('is none')
    const descriptor = uint(bytes, at + 4, 1)
    const isSingleSegment = (descriptor & 0x20) !== 0
    const hasChecksum = (descriptor & 0x04) !== 0
    at += 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!
    const statedBytes = contentSize(bytes, at, sizeBytes)
    at += sizeBytes
    let blockBytes = 0
    for (;;) {
      const block = uint(bytes, at, 3)
      const type = (block >>> 1) & 3
      const size = block >>> 3
      if (type === 3) throw corrupt('has a block of no known type')
      blockBytes += type === 2 ? MAX_BLOCK_BYTES : size
      at += 3 + (type === 1 ? 1 : size)
      if ((block & 1) !== 0) break
    }
    if (hasChecksum) at += 4
    if (at > bytes.length) throw corrupt('ends too early')
    yield { bytes: bytes.subarray(start, at), statedBytes, blockBytes }
  }
}

function contentSize(bytes: Buffer, at: number, sizeBytes: number): number | undefined {
  if (sizeBytes === 0) return undefined
  // Two bytes count from 256; eight may say more than a number holds, which only gets refused.
  if (sizeBytes === 8) return uint(bytes, at, 4) + uint(bytes, at + 4, 4) * 2 ** 32
  return uint(bytes, at, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
}

function uint(bytes: Buffer, at: number, size: number): number {
  if (at + size > bytes.length) throw corrupt('ends too early')
  return bytes.readUIntLE(at, size)
}

function corrupt(what: string): ProtocolError {
  return new ProtocolError(`A zstd frame ${what}`, { code: 'CORRUPT_MESSAGE' })
}
