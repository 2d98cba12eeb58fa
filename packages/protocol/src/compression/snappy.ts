/**
 * snappy in the framing that Java writes (a magic of eight bytes, two versions, then blocks with
 * their lengths) and in the raw form that other clients write; both are read, the framed one is
 * written.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Codec, guarded } from './codec.ts'
import { decodeSnappyBlock } from './snappy-block.ts'

interface SnappyLibrary {
  compress(bytes: Buffer): Buffer
}

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const VERSION = 1
const HEADER_BYTES = 16
const BLOCK_BYTES = 32 * 1024

export async function loadSnappy(): Promise<Codec> {
  const module = (await import('snappyjs')) as { default?: SnappyLibrary } & SnappyLibrary
  const snappy = module.default ?? module
  return {
    encode: (bytes) => {
      const header = Buffer.alloc(HEADER_BYTES)
      MAGIC.copy(header)
      header.writeInt32BE(VERSION, 8)
      header.writeInt32BE(VERSION, 12)
      const parts: Buffer[] = [header]
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
        const block = snappy.compress(bytes.subarray(at, at + BLOCK_BYTES))
        const size = Buffer.alloc(4)
        size.writeInt32BE(block.length, 0)
        parts.push(size, block)
      }
      return Buffer.concat(parts)
    },
    decode: (bytes, maxBytes) =>
      guarded('snappy', () =>
        bytes.length >= HEADER_BYTES && bytes.subarray(0, 8).equals(MAGIC)
          ? decodeFramed(bytes, maxBytes)
          : decodeSnappyBlock(bytes, maxBytes),
      ),
  }
}

function decodeFramed(bytes: Buffer, maxBytes: number): Buffer {
  const blocks: Buffer[] = []
  let total = 0
  let at = HEADER_BYTES
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw new ProtocolError('A snappy block has no length')
    const size = bytes.readInt32BE(at)
    at += 4
    if (size < 0 || size > bytes.length - at) {
      throw new ProtocolError(`A snappy block claims ${size} bytes, ${bytes.length - at} are left`)
    }
    const block = decodeSnappyBlock(bytes.subarray(at, at + size), maxBytes - total)
    total += block.length
    blocks.push(block)
    at += size
  }
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks, total)
}
