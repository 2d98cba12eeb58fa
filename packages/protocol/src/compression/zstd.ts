/**
 * zstd: by Node itself where it has it (22.15 and later), else by WASM for compression and a
 * portable streaming decoder, whose output is counted as it comes (frames of streaming encoders,
 * such as Java's, do not state their size).
 */
import * as zlib from 'node:zlib'
import { type Codec, guarded, tooLarge } from './codec.ts'

/** The part of newer Nodes' zlib that this package's types do not know yet. */
interface ZstdInNode {
  zstdCompressSync(bytes: Buffer, options?: { params?: Record<number, number> }): Buffer
  zstdDecompressSync(bytes: Buffer, options: { maxOutputLength: number }): Buffer
  constants: { ZSTD_c_compressionLevel: number }
}

const DEFAULT_LEVEL = 3

export async function loadZstd(): Promise<Codec> {
  return 'zstdDecompressSync' in zlib ? ofNode(zlib as unknown as ZstdInNode) : ofWasm()
}

function ofNode(node: ZstdInNode): Codec {
  return {
    encode: (bytes, level = DEFAULT_LEVEL) =>
      node.zstdCompressSync(bytes, {
        params: { [node.constants.ZSTD_c_compressionLevel]: level },
      }),
    decode: (bytes, maxBytes) =>
      guarded('zstd', () => {
        try {
          return node.zstdDecompressSync(bytes, { maxOutputLength: maxBytes })
        } catch (error) {
          if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
            throw tooLarge('zstd', maxBytes)
          }
          throw error
        }
      }),
  }
}

async function ofWasm(): Promise<Codec> {
  const [wasm, { Decompress }] = await Promise.all([import('@bokuweb/zstd-wasm'), import('fzstd')])
  await wasm.init()
  return {
    encode: (bytes, level = DEFAULT_LEVEL) => Buffer.from(wasm.compress(bytes, level)),
    decode: (bytes, maxBytes) =>
      guarded('zstd', () => {
        const parts: Uint8Array[] = []
        let total = 0
        const stream = new Decompress((part) => {
          total += part.length
          if (total > maxBytes) throw tooLarge('zstd', maxBytes)
          parts.push(part)
        })
        // In pieces, so that the count is looked at while the output grows.
        const PIECE_BYTES = 64 * 1024
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          const end = Math.min(bytes.length, at + PIECE_BYTES)
          stream.push(bytes.subarray(at, end), end === bytes.length)
        }
        return Buffer.concat(parts, total)
      }),
  }
}
