/** Which codecs are loaded. Loading is idempotent; a batch in a codec that is not is an error. */
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Codec, COMPRESSION_TYPES, type CompressionType } from './codec.ts'
import { gzip } from './gzip.ts'
import { loadLz4 } from './lz4.ts'
import { loadSnappy } from './snappy.ts'
import { loadZstd } from './zstd.ts'

const loaded = new Map<CompressionType, Codec>([['gzip', gzip]])
const loading = new Map<CompressionType, Promise<Codec>>()

const LOADERS: Readonly<Partial<Record<CompressionType, () => Promise<Codec>>>> = {
  snappy: loadSnappy,
  lz4: loadLz4,
  zstd: loadZstd,
}

/** Makes codecs ready for use; all of them when none is named. */
export async function loadCodecs(
  types: readonly CompressionType[] = COMPRESSION_TYPES,
): Promise<void> {
  await Promise.all(types.map(loadCodec))
}

async function loadCodec(type: CompressionType): Promise<void> {
  const load = LOADERS[type]
  if (load === undefined || loaded.has(type)) return
  let pending = loading.get(type)
  if (pending === undefined) {
    pending = load()
    loading.set(type, pending)
  }
  try {
    loaded.set(type, await pending)
  } finally {
    loading.delete(type)
  }
}

export function isCodecLoaded(type: CompressionType): boolean {
  return type === 'none' || loaded.has(type)
}

export function codecOf(type: CompressionType): Codec {
  const codec = loaded.get(type)
  if (codec === undefined) {
    throw new ProtocolError(`The ${type} codec is not loaded; await loadCodecs(['${type}']) first`)
  }
  return codec
}
