export {
  type Codec,
  COMPRESSION_TYPES,
  type CompressionType,
  DEFAULT_MAX_DECOMPRESSED_BYTES,
} from './codec.ts'
export {
  codecOf,
  isCodecLoaded,
  loadCodecs,
  replaceCodecLoader,
  tryToLoadCodecs,
} from './codecs.ts'
