/**
 * What one answer acquired of one partition, as records. A batch is sent whole when a single record
 * of it was acquired, so the acquired ranges decide what comes out. Offsets in them without a
 * record (compacted away, markers of transactions) are gaps, which the broker wants to hear of.
 */
import { ProtocolError } from '@odradek/protocol'
import { FetchedChunk } from '../consumer/partition/completed-fetch.ts'
import { Hold, type HoldKeeper, type LockTimes } from './acquired-record.ts'
import { type AnyShareRecord, ShareRecord } from './share-record.ts'
import type { ShareTarget } from './share-target.ts'

export interface AcquiredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

export interface Acquisition {
  readonly target: ShareTarget
  readonly records: Buffer
  readonly ranges: readonly AcquiredRange[]
  readonly times: LockTimes
  readonly keeper: HoldKeeper
  readonly checkCrcs: boolean
}

export interface AcquiredRecords {
  readonly records: readonly AnyShareRecord[]
  /** Acquired offsets where there is no record. */
  readonly gaps: readonly number[]
  /** Acquired offsets that cannot be read, and why. */
  readonly unreadable: readonly number[]
  readonly error: unknown
}

export function readAcquired(acquisition: Acquisition): AcquiredRecords {
  const { target, keeper, times, checkCrcs } = acquisition
  const ranges = [...acquisition.ranges].sort((a, b) => a.firstOffset - b.firstOffset)
  const [first] = ranges
  if (first === undefined) return { records: [], gaps: [], unreadable: [], error: undefined }
  refuseNonsense(target, ranges)
  let at = 0
  const chunk = new FetchedChunk(target.lineage, acquisition.records, first.firstOffset, {
    checkCrcs,
    abortedTransactions: undefined,
    pick: (context, cursor) => {
      const { offset } = cursor
      while (at < ranges.length && (ranges[at] as AcquiredRange).lastOffset < offset) at++
      const range = ranges[at]
      if (range === undefined || offset < range.firstOffset) return undefined
      const { deliveryCount } = range
      const hold = new Hold(keeper, { partition: target, offset, deliveryCount }, times)
      return new ShareRecord<unknown, unknown>(context, cursor, hold)
    },
  })
  const records: AnyShareRecord[] = []
  let error: unknown
  try {
    for (let record = chunk.take(); record !== undefined; record = chunk.take()) {
      records.push(record as AnyShareRecord)
    }
  } catch (cause) {
    error = cause
  }
  const missing = missingOffsets(ranges, new Set(records.map(({ offset }) => offset)))
  const readTo = error === undefined ? Number.POSITIVE_INFINITY : chunk.position
  return {
    records,
    gaps: missing.filter((offset) => offset < readTo),
    unreadable: missing.filter((offset) => offset >= readTo),
    error,
  }
}

/** Kafka locks 10,000 records of a partition at most, and by default 2,000. */
const MAX_ACQUIRED = 100_000

/** Every acquired offset is looked at: there must not be a number of them that no log has. */
function refuseNonsense({ name }: ShareTarget, ranges: readonly AcquiredRange[]): void {
  let count = 0
  for (const { firstOffset, lastOffset } of ranges) {
    count += lastOffset - firstOffset + 1
    if (firstOffset >= 0 && lastOffset >= firstOffset && count <= MAX_ACQUIRED) continue
    throw new ProtocolError(
      `A broker claims that offsets ${firstOffset} to ${lastOffset} of ${name} are acquired`,
      { retriable: true },
    )
  }
}

function missingOffsets(ranges: readonly AcquiredRange[], found: ReadonlySet<number>): number[] {
  const missing: number[] = []
  for (const { firstOffset, lastOffset } of ranges) {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      if (!found.has(offset)) missing.push(offset)
    }
  }
  return missing
}
