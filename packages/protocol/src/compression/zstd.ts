/**
 * zstd: by Node itself where it has it (22.15 and later), else by WASM, frame by frame: that
 * library decompresses into memory of a size known before, and frames of streaming encoders, such
 * as Java's, do not state one.
 */
import * as zlib from 'node:zlib'
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Codec, guarded, limited, tooLarge } from './codec.ts'
import { type ZstdFrame, zstdFrames } from './zstd-frames.ts'

/** The part of newer Nodes' zlib that this package's types do not know yet. */
interface ZstdInNode {
  zstdCompressSync(bytes: Buffer, options?: { params?: Record<number, number> }): Buffer
  zstdDecompressSync(bytes: Buffer, options: { maxOutputLength: number }): Buffer
  constants: { ZSTD_c_compressionLevel: number }
}

const DEFAULT_LEVEL = 3

export async function loadZstd(): Promise<Codec> {
  return 'zstdDecompressSync' in zlib ? ofNode(zlib as unknown as ZstdInNode) : loadPortableZstd()
}

function ofNode(node: ZstdInNode): Codec {
  return {
    encode: (bytes, level = DEFAULT_LEVEL) =>
      node.zstdCompressSync(bytes, {
        params: { [node.constants.ZSTD_c_compressionLevel]: level },
      }),
    decode: (bytes, maxBytes) =>
      limited('zstd', maxBytes, (options) => node.zstdDecompressSync(bytes, options)),
  }
}

interface ZstdOfWasm {
  init(): Promise<unknown>
  compress(bytes: Uint8Array, level: number): Uint8Array
  decompress(bytes: Uint8Array, options: { defaultHeapSize: number }): Uint8Array
}

/** Without Node's own zstd; by itself for tests on Nodes that have it. */
export async function loadPortableZstd(): Promise<Codec> {
  const wasm: ZstdOfWasm = await import('@bokuweb/zstd-wasm')
  await wasm.init()
  return {
    encode: (bytes, level = DEFAULT_LEVEL) => asBuffer(wasm.compress(bytes, level)),
    decode: (bytes, maxBytes) =>
      guarded('zstd', () => {
        const parts: Buffer[] = []
        let total = 0
        for (const frame of zstdFrames(bytes)) {
          const part = decodeFrame(wasm, frame, maxBytes - total)
          if (part === undefined) throw tooLarge('zstd', maxBytes)
          total += part.length
          parts.push(part)
        }
        return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
      }),
  }
}

/** The content, or undefined when there is no room for it. */
function decodeFrame(wasm: ZstdOfWasm, frame: ZstdFrame, room: number): Buffer | undefined {
  const { bytes, statedBytes, blockBytes } = frame
  // What a frame states is what the library allocates.
  if (statedBytes !== undefined) {
    if (statedBytes > room) return undefined
    if (statedBytes > blockBytes) throw new ProtocolError('A zstd frame says more than it holds')
  }
  try {
    return asBuffer(wasm.decompress(bytes, { defaultHeapSize: Math.min(blockBytes, room) }))
  } catch (error) {
    if (statedBytes === undefined && blockBytes > room) return undefined
    throw error
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
