/**
 * LZ4 frames, taken apart here and decompressed block by block: libraries that expand a whole frame
 * do so without limit, a block cannot exceed the size that the frame's header promises. Blocks may
 * refer to the 64 KB before them (other clients write such frames, Java does not).
 */
import { xxhash32 } from '../checksums/xxhash32.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Codec, guarded, tooLarge } from './codec.ts'

/** Blocks with the four bytes of their uncompressed size before them. */
interface Lz4Library {
  compressSync(bytes: Buffer): Buffer
  uncompressSync(bytes: Buffer, dictionary?: Buffer): Buffer
}

const MAGIC = 0x184d2204
const BLOCK_SIZES: readonly number[] = [0, 0, 0, 0, 65_536, 262_144, 1_048_576, 4_194_304]
const BLOCK_BYTES = 65_536
const WINDOW_BYTES = 65_536
/** Version 1, independent blocks, no checksums, no content size. */
const WRITTEN_FLAGS = 0x60
const WRITTEN_BLOCK_DESCRIPTOR = 0x40
const UNCOMPRESSED = 0x8000_0000
/** A byte of length stands for at most 255 bytes. */
const MAX_EXPANSION = 255
const NOTHING = Buffer.alloc(0)

export async function loadLz4(): Promise<Codec> {
  const module = (await import('lz4-napi')) as { default?: Lz4Library } & Lz4Library
  const lz4 = module.default ?? module
  return {
    encode: (bytes) => encodeFrame(lz4, bytes),
    decode: (bytes, maxBytes) => guarded('lz4', () => decodeFrame(lz4, bytes, maxBytes)),
  }
}

function encodeFrame(lz4: Lz4Library, bytes: Buffer): Buffer {
  const header = Buffer.alloc(7)
  header.writeUInt32LE(MAGIC, 0)
  header[4] = WRITTEN_FLAGS
  header[5] = WRITTEN_BLOCK_DESCRIPTOR
  header[6] = (xxhash32(header, 4, 6) >>> 8) & 0xff
  const parts: Buffer[] = [header]
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const plain = bytes.subarray(at, at + BLOCK_BYTES)
    const packed = lz4.compressSync(plain).subarray(4)
    const isSmaller = packed.length < plain.length
    const size = Buffer.alloc(4)
    size.writeUInt32LE(isSmaller ? packed.length : (plain.length | UNCOMPRESSED) >>> 0, 0)
    parts.push(size, isSmaller ? packed : plain)
  }
  parts.push(Buffer.alloc(4))
  return Buffer.concat(parts)
}

interface FrameHeader {
  readonly maxBlockBytes: number
  readonly areBlocksIndependent: boolean
  readonly hasBlockChecksums: boolean
  readonly hasContentChecksum: boolean
  readonly headerBytes: number
}

function readHeader(bytes: Buffer): FrameHeader {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) {
    throw new ProtocolError('There is no LZ4 frame here')
  }
  const flags = bytes[4]!
  const maxBlockBytes = BLOCK_SIZES[(bytes[5]! >>> 4) & 7]!
  if (flags >>> 6 !== 1 || maxBlockBytes === 0 || (flags & 1) !== 0) {
    throw new ProtocolError('The LZ4 frame header is not valid')
  }
  // The header checksum is not compared: the oldest message format carries a wrong one.
  const headerBytes = 7 + ((flags & 8) === 0 ? 0 : 8)
  return {
    maxBlockBytes,
    areBlocksIndependent: (flags & 0x20) !== 0,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 4) !== 0,
    headerBytes,
  }
}

function decodeFrame(lz4: Lz4Library, bytes: Buffer, maxBytes: number): Buffer {
  const header = readHeader(bytes)
  let plain: Buffer = NOTHING
  let total = 0
  let at = header.headerBytes
  for (;;) {
    if (at + 4 > bytes.length) throw new ProtocolError('The LZ4 frame has no end mark')
    const field = bytes.readUInt32LE(at)
    at += 4
    if (field === 0) break
    const size = field & 0x7fff_ffff
    if (size > bytes.length - at) throw new ProtocolError('An LZ4 block ends too early')
    const stored = bytes.subarray(at, at + size)
    at += size + (header.hasBlockChecksums ? 4 : 0)
    if (size > header.maxBlockBytes) throw new ProtocolError('An LZ4 block is too large')
    const room = maxBytes - total
    const limit = Math.min(header.maxBlockBytes, room)
    const window = header.areBlocksIndependent
      ? NOTHING
      : plain.subarray(Math.max(0, total - WINDOW_BYTES), total)
    let block = stored
    if (field < UNCOMPRESSED) {
      try {
        block = decodeBlock(lz4, stored, limit, window)
      } catch (error) {
        // The library does not say why; that the block had not room enough is most likely.
        if (room < header.maxBlockBytes) throw tooLarge('lz4', maxBytes)
        throw error
      }
    }
    if (block.length > limit) throw tooLarge('lz4', maxBytes)
    plain = total === 0 ? block : withAppended(plain, total, block)
    total += block.length
  }
  plain = plain.subarray(0, total)
  if (header.hasContentChecksum) {
    if (at + 4 > bytes.length || bytes.readUInt32LE(at) !== xxhash32(plain)) {
      throw new ProtocolError('The LZ4 content checksum does not match', {
        code: 'CORRUPT_MESSAGE',
      })
    }
  }
  return plain
}

/** `plain[0, total)` and the block behind it, in the same buffer if it has room. */
function withAppended(plain: Buffer, total: number, block: Buffer): Buffer {
  let target = plain
  if (total + block.length > plain.length) {
    target = Buffer.allocUnsafeSlow(Math.max(total + block.length, plain.length * 2))
    plain.copy(target, 0, 0, total)
  }
  block.copy(target, total)
  return target
}

function decodeBlock(
  lz4: Lz4Library,
  stored: Buffer,
  maxBytes: number,
  dictionary: Buffer,
): Buffer {
  // The library allocates this size: never more than the bytes can decompress to.
  const limit = Math.min(maxBytes, stored.length * MAX_EXPANSION)
  const sized = Buffer.allocUnsafe(4 + stored.length)
  sized.writeUInt32LE(limit, 0)
  stored.copy(sized, 4)
  return dictionary.length === 0 ? lz4.uncompressSync(sized) : lz4.uncompressSync(sized, dictionary)
}
