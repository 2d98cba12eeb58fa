/**
 * Kafka's compression codecs behind one interface: loaded once, asynchronously (one of them is
 * WASM), then synchronous, because a record batch is decoded while somebody iterates. Every decoder
 * is bounded: bytes from a network must not make it allocate more than the limit.
 */
import { constants } from 'node:buffer'
import { ProtocolError } from '../errors/protocol-error.ts'

export type CompressionType = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** The codec's number in the attributes of a record batch is its place here. */
export const COMPRESSION_TYPES: readonly CompressionType[] = [
  'none',
  'gzip',
  'snappy',
  'lz4',
  'zstd',
]

export interface Codec {
  /** Compresses; `level` where the codec has levels, its own default otherwise. */
  encode(bytes: Buffer, level?: number): Buffer
  /** Decompresses to at most `maxBytes`, or throws a `ProtocolError`. */
  decode(bytes: Buffer, maxBytes: number): Buffer
}

/** The default limit of a decompressed batch. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024

export function tooLarge(codec: CompressionType, maxBytes: number): ProtocolError {
  return new ProtocolError(`A ${codec} batch decompresses to more than ${maxBytes} bytes`, {
    code: 'TOO_LARGE',
  })
}

/** Runs one of Node's own decoders, which know limits from 1 to what a buffer can hold. */
export function limited(
  codec: CompressionType,
  maxBytes: number,
  decode: (options: { readonly maxOutputLength: number }) => Buffer,
): Buffer {
  return guarded(codec, () => {
    try {
      const plain = decode({
        maxOutputLength: Math.min(Math.max(1, maxBytes), constants.MAX_LENGTH),
      })
      if (plain.length > maxBytes) throw tooLarge(codec, maxBytes)
      return plain
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE') throw error
      throw tooLarge(codec, maxBytes)
    }
  })
}

/** Runs a library's decoder: whatever it throws is the bytes' fault. */
export function guarded(codec: CompressionType, decode: () => Buffer): Buffer {
  try {
    return decode()
  } catch (error) {
    if (error instanceof ProtocolError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProtocolError(`A ${codec} batch cannot be decompressed: ${reason}`, {
      code: 'CORRUPT_MESSAGE',
      cause: error,
    })
  }
}
