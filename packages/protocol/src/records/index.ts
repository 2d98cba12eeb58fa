export {
  type ControlType,
  controlTypeOf,
  endTransactionMarker,
  type Placement,
  placeBatch,
} from './broker-side.ts'
export { type Header, Headers, NO_HEADERS, readHeaders } from './headers.ts'
export { BATCH_HEADER_BYTES } from './layout.ts'
export { addNeededCodecs, readableBatches } from './needed-codecs.ts'
export type { ReadOptions } from './read-options.ts'
export { RecordBatch, readRecordBatches } from './record-batch.ts'
export {
  type BatchStamp,
  type BuildOptions,
  type Bytes,
  type HeaderInput,
  maxRecordBytes,
  NO_STAMP,
  RecordBatchBuilder,
  stampBatch,
} from './record-batch-builder.ts'
export { RecordCursor, timestampDeltaBefore } from './record-cursor.ts'
