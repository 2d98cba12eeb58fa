export { FrameReader } from './frame-reader.ts'
export {
  type DecodedRequest,
  decodeApiVersionsResponse,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Frame,
  peekCorrelationId,
  type UnsupportedRequest,
} from './frames.ts'
export * from './group-blobs.ts'
