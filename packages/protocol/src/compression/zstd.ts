/**
 * zstd: by Node itself where it has it (22.15 and later), else by WASM. Either way frame by frame,
 * because both libraries have to be helped: Node 22 takes a frame that was cut off for a short one,
 * 22 and 24 drop what follows the first frame, and the one of WASM decompresses into memory of a
 * size known before, which frames of streaming encoders, such as Java's, do not state.
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

interface ZstdOfWasm {
  init(): Promise<unknown>
  compress(bytes: Uint8Array, level: number): Uint8Array
  decompress(bytes: Uint8Array, options: { defaultHeapSize: number }): Uint8Array
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
    decode: framewise(({ bytes }, room) =>
      limited('zstd', room, (options) => node.zstdDecompressSync(bytes, options)),
    ),
  }
}

/** Without Node's own zstd; by itself for tests on Nodes that have it. */
export async function loadPortableZstd(): Promise<Codec> {
  const module = (await import('@bokuweb/zstd-wasm')) as { default?: ZstdOfWasm } & ZstdOfWasm
  const wasm = module.default ?? module
  await wasm.init()
  return {
    encode: (bytes, level = DEFAULT_LEVEL) => asBuffer(wasm.compress(bytes, level)),
    decode: framewise(({ bytes, statedBytes, blockBytes }, room) => {
      try {
        return asBuffer(wasm.decompress(bytes, { defaultHeapSize: Math.min(blockBytes, room) }))
      } catch (error) {
        const isCut = statedBytes === undefined && blockBytes > room
        throw isCut ? tooLarge('zstd', room) : asDecodeError(error)
      }
    }),
  }
}

/** The library calls every failure one to compress. */
function asDecodeError(error: unknown): unknown {
  const code = /^Failed to compress with code (-?\d+)$/.exec((error as Error).message)?.[1]
  if (code === undefined) return error
  return new Error(`a frame is corrupt (zstd error ${code})`, { cause: error })
}

/** A decoder of all frames in a row, by a decoder of one that may become `room` bytes. */
function framewise(decodeFrame: (frame: ZstdFrame, room: number) => Buffer): Codec['decode'] {
  return (bytes, maxBytes) =>
    guarded('zstd', () => {
      const parts: Buffer[] = []
      let total = 0
      for (const frame of zstdFrames(bytes)) {
        const { statedBytes = 0, blockBytes } = frame
        // What a frame states is what a library allocates.
        if (statedBytes > maxBytes - total) throw tooLarge('zstd', maxBytes)
        if (statedBytes > blockBytes)
          throw new ProtocolError('A zstd frame says more than it holds')
        const part = decodeFrame(frame, maxBytes - total)
        total += part.length
        parts.push(part)
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
    })
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
