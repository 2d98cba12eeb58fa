/**
 * What a share group has done with one partition (KIP-932): from the start offset on, every record
 * that was ever delivered is available again, acquired by a member under a lock, or done. The start
 * offset follows the records that are done. Plain bookkeeping: the time is an argument, and no call
 * waits.
 *
 * | state     | becomes                                                                           |
 * | --------- | --------------------------------------------------------------------------------- |
 * | available | acquired, with one delivery more                                                  |
 * | acquired  | done (accepted, rejected, a gap); available (released, the lock expired), or done  |
 * |           | if that was its last delivery; acquired for longer (renewed)                      |
 *
 * Decisions are durable immediately; locks are not: the next leader knows no locks, and counts
 * deliveries from the last decision.
 */
import { ErrorCode } from '@odradek/protocol'
import type { ShareChangeName } from '../cluster/cluster-events.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import {
  ACKNOWLEDGE,
  type AcknowledgementBatch,
  type Acquired,
  type AcquiredRange,
  type AcquireOptions,
  type InFlightRecord,
  type OffsetRange,
  type ShareChange,
  type ShareLimits,
  type ShareSnapshot,
} from './share-record.ts'

const NOBODY = { memberId: '', lockedUntil: 0 } as const

export class SharePartition {
  startOffset: number
  /** After the last record that was ever delivered. */
  endOffset: number
  readonly #records: Map<number, InFlightRecord>
  readonly #log: PartitionLog
  readonly #onChange: (change: ShareChange) => void
  readonly #persist: (snapshot: ShareSnapshot) => void

  constructor(options: {
    readonly log: PartitionLog
    readonly snapshot: ShareSnapshot
    /** The start offset if the snapshot has none. */
    readonly initialOffset: number
    readonly onChange: (change: ShareChange) => void
    readonly persist: (snapshot: ShareSnapshot) => void
  }) {
    const { log, snapshot, initialOffset, onChange, persist } = options
    this.#log = log
    this.#onChange = onChange
    this.#persist = persist
    this.#records = new Map(snapshot.records)
    this.startOffset = snapshot.startOffset < 0 ? initialOffset : snapshot.startOffset
    this.endOffset = this.startOffset
    for (const offset of this.#records.keys()) {
      this.endOffset = Math.max(this.endOffset, offset + 1)
    }
    this.#advance()
  }

  get records(): ReadonlyMap<number, InFlightRecord> {
    return this.#records
  }

  /** The time at which the next lock expires. */
  get nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { state, lockedUntil } of this.#records.values()) {
      if (state === 'acquired') next = Math.min(next, lockedUntil)
    }
    return next
  }

  /** Bytes of batches in which something could be acquired. */
  availableBytes(limits: ShareLimits): number {
    this.#followLog()
    const end = this.#acquirableEnd(limits)
    let total = 0
    for (const { baseOffset, lastOffset, bytes } of this.#log.batches) {
      if (lastOffset < this.startOffset || baseOffset >= end) continue
      for (let offset = Math.max(baseOffset, this.startOffset); offset <= lastOffset; offset++) {
        if (offset >= end || !this.#isAvailable(offset)) continue
        total += bytes.length
        break
      }
    }
    return total
  }

  acquire(options: AcquireOptions): Acquired {
    this.#followLog()
    const { maxRecords, maxBytes, isRecordLimit, atLeastOne, limits } = options
    const end = this.#acquirableEnd(limits)
    const offsets: number[] = []
    const chunks: Buffer[] = []
    let byteLength = 0
    let room = limits.maxRecordLocks - this.#lockedCount()
    for (const { baseOffset, lastOffset, bytes } of this.#log.batches) {
      if (lastOffset < this.startOffset) continue
      if (baseOffset >= end || offsets.length >= maxRecords) break
      const fits = byteLength + bytes.length <= maxBytes || (atLeastOne && chunks.length === 0)
      const before = offsets.length
      let isIsolated = false
      for (let offset = Math.max(baseOffset, this.startOffset); offset <= lastOffset; offset++) {
        if (offset >= end || (isRecordLimit && offsets.length >= maxRecords)) break
        if (!this.#isAvailable(offset)) continue
        if (!fits) break
        if (this.#isSuspect(offset, limits)) {
          // One of these records fails its deliveries: they are delivered in smaller batches.
          isIsolated = true
          if (offsets.length === 0) offsets.push(...this.#suspects(offset, lastOffset, limits))
          break
        }
        if (offset >= this.endOffset && room-- <= 0) break
        offsets.push(offset)
      }
      if (!fits) break
      if (offsets.length > before) {
        chunks.push(bytes)
        byteLength += bytes.length
      }
      if (isIsolated) break
    }
    const ranges = this.#lock(offsets, options)
    return { ranges, recordCount: offsets.length, chunks, byteLength }
  }

  /** Decides on acquired records; the whole request is applied, or none of it. */
  acknowledge(
    memberId: string,
    batches: readonly AcknowledgementBatch[],
    { now, limits }: { readonly now: number; readonly limits: ShareLimits },
  ): number {
    this.#followLog()
    const decided: [offset: number, type: number][] = []
    for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        // Records that the log has lost in the meantime need no decision.
        if (offset < this.startOffset) continue
        if (offset >= this.endOffset) return ErrorCode.INVALID_REQUEST
        const type = acknowledgeTypes[offset - firstOffset] ?? acknowledgeTypes[0] ?? 0
        const record = this.#records.get(offset)
        if (record?.state !== 'acquired' || record.memberId !== memberId) {
          return ErrorCode.INVALID_RECORD_STATE
        }
        decided.push([offset, type])
      }
    }
    for (const [offset, type] of decided) this.#decide(offset, type, { now, limits })
    this.#report(
      decided.map(([offset, type]) => ({ offset, what: nameOf(type) })),
      memberId,
    )
    this.#settle()
    return ErrorCode.NONE
  }

  /** A member's session has ended: its records are released. */
  releaseAll(memberId: string, limits: ShareLimits): boolean {
    const released: number[] = []
    for (const [offset, record] of this.#records) {
      if (record.state !== 'acquired' || record.memberId !== memberId) continue
      released.push(offset)
      this.#free(offset, record, limits)
    }
    this.#report(
      released.map((offset) => ({ offset, what: 'released' })),
      memberId,
    )
    if (released.length > 0) this.#settle()
    return released.length > 0
  }

  /** Releases expired locks; true if there were any. */
  expireLocks(now: number, limits: ShareLimits): boolean {
    const expired: { offset: number; what: ShareChangeName }[] = []
    for (const [offset, record] of this.#records) {
      if (record.state !== 'acquired' || record.lockedUntil > now) continue
      expired.push({ offset, what: 'expired' })
      this.#free(offset, record, limits)
    }
    this.#report(expired, '')
    if (expired.length > 0) this.#settle()
    return expired.length > 0
  }

  /** Whether half of its deliveries (two at least) have failed. */
  #isSuspect(offset: number, { deliveryCountLimit }: ShareLimits): boolean {
    const { deliveryCount = 0 } = this.#records.get(offset) ?? {}
    return deliveryCount >= Math.max(2, Math.ceil(deliveryCountLimit / 2))
  }

  /** Half of the consecutive ones, or a single one if this is its last delivery. */
  #suspects(from: number, to: number, limits: ShareLimits): readonly number[] {
    const run: number[] = []
    for (let offset = from; offset <= to; offset++) {
      if (!this.#isAvailable(offset) || !this.#isSuspect(offset, limits)) break
      run.push(offset)
    }
    const { deliveryCount = 0 } = this.#records.get(from) ?? {}
    const isLast = deliveryCount >= limits.deliveryCountLimit - 1
    return run.slice(0, isLast ? 1 : Math.max(1, run.length >> 1))
  }

  #decide(
    offset: number,
    type: number,
    { now, limits }: { readonly now: number; readonly limits: ShareLimits },
  ): void {
    const record = this.#records.get(offset)
    if (record === undefined) return
    switch (type) {
      case ACKNOWLEDGE.release:
        this.#free(offset, record, limits)
        break
      case ACKNOWLEDGE.renew:
        this.#records.set(offset, { ...record, lockedUntil: now + limits.lockDurationMs })
        break
      default:
        this.#records.set(offset, { ...record, ...NOBODY, state: 'done' })
    }
  }

  #free(offset: number, record: InFlightRecord, { deliveryCountLimit }: ShareLimits): void {
    const { deliveryCount } = record
    const isExhausted = deliveryCount >= deliveryCountLimit
    const state = isExhausted ? 'done' : 'available'
    this.#records.set(offset, { state, deliveryCount, ...NOBODY })
    if (isExhausted) this.#report([{ offset, what: 'exhausted' }], record.memberId)
  }

  #lock(
    offsets: readonly number[],
    { memberId, now, batchSize, isRecordLimit, limits }: AcquireOptions,
  ): readonly AcquiredRange[] {
    const lockedUntil = now + limits.lockDurationMs
    const starts = new Set(this.#log.batches.map(({ baseOffset }) => baseOffset))
    const firstNew = this.endOffset
    const ranges: { firstOffset: number; lastOffset: number; deliveryCount: number }[] = []
    for (const offset of offsets) {
      const deliveryCount = (this.#records.get(offset)?.deliveryCount ?? 0) + 1
      this.#records.set(offset, { state: 'acquired', deliveryCount, memberId, lockedUntil })
      this.endOffset = Math.max(this.endOffset, offset + 1)
      const last = ranges.at(-1)
      // Redelivered records and new ones are in different ranges.
      const isNext =
        last?.lastOffset === offset - 1 &&
        last.deliveryCount === deliveryCount &&
        offset !== firstNew
      const isFull =
        !isRecordLimit &&
        last !== undefined &&
        starts.has(offset) &&
        offset - last.firstOffset >= batchSize
      if (last === undefined || !isNext || isFull) {
        ranges.push({ firstOffset: offset, lastOffset: offset, deliveryCount })
      } else last.lastOffset = offset
    }
    if (isRecordLimit) this.#admitRestOfBatch()
    for (const range of ranges) this.#onChange({ ...range, what: 'acquired', memberId })
    return ranges
  }

  /** The rest of a partly delivered batch is in flight too. */
  #admitRestOfBatch(): void {
    const { endOffset } = this
    const cut = this.#log.batches.find(
      ({ baseOffset, lastOffset }) => baseOffset < endOffset && endOffset <= lastOffset,
    )
    if (cut === undefined) return
    for (let offset = endOffset; offset <= cut.lastOffset; offset++) {
      this.#records.set(offset, { state: 'available', deliveryCount: 0, ...NOBODY })
    }
    this.endOffset = cut.lastOffset + 1
  }

  /** The end of what may be acquired: while too much is in flight, the end of that. */
  #acquirableEnd({ maxRecordLocks }: ShareLimits): number {
    const { highWatermark } = this.#log
    return this.#lockedCount() >= maxRecordLocks
      ? Math.min(this.endOffset, highWatermark)
      : highWatermark
  }

  /** Records in flight: delivered once, and not done. */
  #lockedCount(): number {
    let count = 0
    for (const { state } of this.#records.values()) if (state !== 'done') count++
    return count
  }

  #isAvailable(offset: number): boolean {
    const record = this.#records.get(offset)
    return record === undefined ? offset >= this.endOffset : record.state === 'available'
  }

  /** The log may have lost its start, or its end. */
  #followLog(): void {
    const { logStartOffset, endOffset } = this.#log
    if (logStartOffset > this.startOffset) this.startOffset = logStartOffset
    if (this.startOffset > endOffset) this.startOffset = endOffset
    for (const offset of this.#records.keys()) {
      if (offset < this.startOffset || offset >= endOffset) this.#records.delete(offset)
    }
    this.endOffset = Math.min(Math.max(this.endOffset, this.startOffset), endOffset)
  }

  /** Moves the start offset past records that are done. */
  #advance(): void {
    while (this.startOffset < this.endOffset) {
      const record = this.#records.get(this.startOffset)
      if (record !== undefined && record.state !== 'done') break
      this.#records.delete(this.startOffset++)
    }
  }

  /** Stores the decisions; the start offset moves after that, and is stored the next time. */
  #settle(): void {
    const records = new Map<number, InFlightRecord>()
    for (const [offset, record] of this.#records) {
      const { state, deliveryCount } = record
      if (state !== 'acquired') records.set(offset, record)
      else {
        // The next leader does not know the current delivery.
        records.set(offset, { state: 'available', deliveryCount: deliveryCount - 1, ...NOBODY })
      }
    }
    this.#persist({ startOffset: this.startOffset, records })
    this.#advance()
  }

  /** Reports changes of offsets, one for each range of neighbours. */
  #report(
    changes: readonly { readonly offset: number; readonly what: ShareChangeName }[],
    memberId: string,
  ): void {
    let open: (OffsetRange & { what: ShareChangeName; deliveryCount: number }) | undefined
    for (const { offset, what } of changes) {
      const deliveryCount = this.#records.get(offset)?.deliveryCount ?? 0
      if (
        open !== undefined &&
        open.lastOffset === offset - 1 &&
        open.what === what &&
        open.deliveryCount === deliveryCount
      ) {
        open = { ...open, lastOffset: offset }
        continue
      }
      if (open !== undefined) this.#onChange({ ...open, memberId })
      open = { firstOffset: offset, lastOffset: offset, what, deliveryCount }
    }
    if (open !== undefined) this.#onChange({ ...open, memberId })
  }
}

function nameOf(type: number): ShareChangeName {
  switch (type) {
    case ACKNOWLEDGE.accept:
      return 'accepted'
    case ACKNOWLEDGE.release:
      return 'released'
    case ACKNOWLEDGE.renew:
      return 'renewed'
    default:
      return 'rejected'
  }
}
