/**
 * Which codecs the bytes of a fetch need, from the headers alone, so that codecs can be loaded
 * before the records are read (reading is synchronous).
 */
import { COMPRESSION_TYPES, type CompressionType } from '../compression/codec.ts'
import { codecFailure } from '../compression/codecs.ts'
import type { CodecUnavailableError } from '../errors/codec-unavailable-error.ts'
import {
  ATTRIBUTES_AT,
  COMPRESSION_MASK,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
} from './layout.ts'

/** Old message formats have one byte of attributes, behind the magic. */
const LEGACY_ATTRIBUTES_AT = MAGIC_AT + 1
/** Of two bytes of attributes the second has the codec. */
const CODEC_AT = ATTRIBUTES_AT + 1

/** Adds the compression types of all batches to `types`. */
export function addNeededCodecs(records: Buffer, types: Set<CompressionType>): void {
  walk(records, (type) => {
    types.add(type)
    return true
  })
}

/** The batches before the first one whose codec could not be loaded; all when there is none. */
export function readableBatches(records: Buffer): {
  readonly bytes: Buffer
  readonly error: CodecUnavailableError | undefined
} {
  let end = records.length
  let error: CodecUnavailableError | undefined
  walk(records, (type, at) => {
    error = codecFailure(type)
    if (error !== undefined) end = at
    return error === undefined
  })
  return { bytes: records.subarray(0, end), error }
}

/** Calls `visit` for each whole batch until it returns false; damaged headers end the walk. */
function walk(records: Buffer, visit: (type: CompressionType, at: number) => boolean): void {
  let at = 0
  while (records.length - at > CODEC_AT) {
    const end = at + LOG_OVERHEAD_BYTES + records.readInt32BE(at + LENGTH_AT)
    if (end <= at + CODEC_AT || end > records.length) return
    const isLegacy = records[at + MAGIC_AT]! < 2
    const attributes = records[at + (isLegacy ? LEGACY_ATTRIBUTES_AT : CODEC_AT)]!
    const type = COMPRESSION_TYPES[attributes & COMPRESSION_MASK]
    if (type !== undefined && type !== 'none' && !visit(type, at)) return
    at = end
  }
}
