/** What the event `partitionProgress` says of a partition. */
export type PartitionStatus =
  /** It moves again. */
  | 'resumed'
  /** There is nothing to read; told where something else was told before. */
  | 'idle'
  | 'paused'
  /** User code has its records, or does not take them up. */
  | 'processing'
  /** It has records to deliver, and nothing reads the consumer. */
  | 'noReader'
  /** Everything that may be buffered is, of other partitions. */
  | 'bufferFull'
  | 'throttled'
  | 'leaderNotAvailable'
  /** It is read up to the last stable offset: a transaction before it neither commits nor aborts. */
  | 'hangingTransaction'
  | 'stuck'

export type PartitionAction = 'metadata' | 'session' | 'connection'
