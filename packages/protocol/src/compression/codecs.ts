/**
 * Which codecs are loaded. A codec is loaded when the first batch needs it, so that a missing
 * package matters to nothing but the batches that need it (rule S45). Loading is idempotent, and is
 * tried again after a failure; a batch in a codec that is not loaded is an error.
 */
import { CodecUnavailableError } from '../errors/codec-unavailable-error.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { type Codec, COMPRESSION_TYPES, type CompressionType } from './codec.ts'
import { gzip } from './gzip.ts'
import { loadLz4 } from './lz4.ts'
import { loadSnappy } from './snappy.ts'
import { loadZstd } from './zstd.ts'

interface Loader {
  readonly packageName: string
  readonly load: () => Promise<Codec>
}

const loaded = new Map<CompressionType, Codec>([['gzip', gzip]])
const loading = new Map<CompressionType, Promise<Codec>>()
/** The last failure of each codec that could not be loaded. */
const failures = new Map<CompressionType, CodecUnavailableError>()

const LOADERS: Readonly<Partial<Record<CompressionType, Loader>>> = {
  snappy: { packageName: 'snappyjs', load: loadSnappy },
  lz4: { packageName: 'lz4-napi', load: loadLz4 },
  zstd: { packageName: '@bokuweb/zstd-wasm', load: loadZstd },
}

/**
 * Makes codecs ready for use; all of them when none is named.
 *
 * @throws CodecUnavailableError when a codec's package cannot be loaded.
 */
export async function loadCodecs(
  types: readonly CompressionType[] = COMPRESSION_TYPES,
): Promise<void> {
  await Promise.all(types.map(loadCodec))
}

async function loadCodec(type: CompressionType): Promise<void> {
  const loader = LOADERS[type]
  if (loader === undefined || loaded.has(type)) return
  let pending = loading.get(type)
  if (pending === undefined) {
    pending = loader.load()
    loading.set(type, pending)
  }
  try {
    loaded.set(type, await pending)
    failures.delete(type)
  } catch (cause) {
    const { packageName } = loader
    const error = new CodecUnavailableError({ codec: type, packageName, cause })
    failures.set(type, error)
    throw error
  } finally {
    loading.delete(type)
  }
}

/**
 * Makes codecs ready for use as far as they can be loaded. Returns undefined, without a promise,
 * when there is nothing to load.
 */
export function tryToLoadCodecs(types: ReadonlySet<CompressionType>): Promise<void> | undefined {
  const missing = [...types].filter((type) => !isCodecLoaded(type))
  if (missing.length === 0) return undefined
  return Promise.allSettled(missing.map(loadCodec)).then(() => undefined)
}

/** Why a codec that is not loaded could not be loaded when it was last tried. */
export function codecFailure(type: CompressionType): CodecUnavailableError | undefined {
  return isCodecLoaded(type) ? undefined : failures.get(type)
}

export function isCodecLoaded(type: CompressionType): boolean {
  return type === 'none' || loaded.has(type)
}

export function codecOf(type: CompressionType): Codec {
  const codec = loaded.get(type)
  if (codec === undefined) {
    const failure = failures.get(type)
    if (failure !== undefined) throw failure
    throw new ProtocolError(`The ${type} codec is not loaded; await loadCodecs(['${type}']) first`)
  }
  return codec
}

/** For tests: `load` takes the place of a codec's own loader. The result undoes that. */
export function replaceCodecLoader(type: CompressionType, load: () => Promise<Codec>): () => void {
  const own = LOADERS[type]
  if (own === undefined) throw new Error(`${type} has no loader`)
  const wasLoaded = loaded.get(type)
  const loaders = LOADERS as Partial<Record<CompressionType, Loader>>
  loaders[type] = { ...own, load }
  loaded.delete(type)
  return () => {
    loaders[type] = own
    failures.delete(type)
    if (wasLoaded !== undefined) loaded.set(type, wasLoaded)
  }
}
