/** The vocabulary of share partitions: records in flight, acknowledgements, and limits. */
import type { ShareChangeName } from '../cluster/cluster-events.ts'

export const ACKNOWLEDGE = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const

export type RecordState = 'available' | 'acquired' | 'done'

export interface InFlightRecord {
  readonly state: RecordState
  readonly deliveryCount: number
  /** Empty unless it is acquired. */
  readonly memberId: string
  /** When the lock expires. */
  readonly lockedUntil: number
}

/** What the next leader loads. */
export interface ShareSnapshot {
  /** -1 before the first decision. */
  readonly startOffset: number
  readonly records: ReadonlyMap<number, InFlightRecord>
}

export const NO_SHARE_SNAPSHOT: ShareSnapshot = { startOffset: -1, records: new Map() }

export interface ShareLimits {
  readonly lockDurationMs: number
  readonly deliveryCountLimit: number
  readonly maxRecordLocks: number
}

export interface OffsetRange {
  readonly firstOffset: number
  readonly lastOffset: number
}

export interface AcquiredRange extends OffsetRange {
  readonly deliveryCount: number
}

export interface AcquireOptions {
  readonly memberId: string
  readonly now: number
  readonly maxRecords: number
  readonly maxBytes: number
  /** Ranges of new records end at the batch that reaches this number. */
  readonly batchSize: number
  /** No more than `maxRecords`; otherwise batches are acquired as a whole. */
  readonly isRecordLimit: boolean
  /** The first batch is returned regardless of its size. */
  readonly atLeastOne: boolean
  readonly limits: ShareLimits
}

export interface Acquired {
  readonly ranges: readonly AcquiredRange[]
  readonly recordCount: number
  readonly chunks: readonly Buffer[]
  readonly byteLength: number
}

export interface AcknowledgementBatch extends OffsetRange {
  /** One for all of the range, or one for each offset. */
  readonly acknowledgeTypes: readonly number[]
}

/** A change of records, for events. */
export interface ShareChange extends AcquiredRange {
  readonly what: ShareChangeName
  readonly memberId: string
}
