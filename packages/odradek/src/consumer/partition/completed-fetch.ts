/**
 * What one fetch brought for one partition, read record by record as somebody asks: batches are
 * checked and unpacked when they are reached, records are made when they are taken. Control
 * records, aborted transactions and what lies before the wanted offset never come out, but reading
 * moves past them.
 */
import {
  BATCH_HEADER_BYTES,
  type RecordBatch,
  type RecordCursor,
  readRecordBatches,
} from '@odradek/protocol'
import { type BatchContext, ConsumerRecord } from './consumer-record.ts'
import type { Lineage } from './position-epoch.ts'
import { type AbortedTransaction, AbortedTransactionFilter } from './aborted-transactions.ts'

export interface ChunkOptions {
  readonly checkCrcs: boolean
  /** Absent unless only committed transactions are wanted. */
  readonly abortedTransactions: readonly AbortedTransaction[] | undefined
  /** What becomes a record, and of which kind; by default everything, as a `ConsumerRecord`. */
  readonly pick?: (
    context: BatchContext,
    cursor: RecordCursor,
  ) => ConsumerRecord<unknown, unknown> | undefined
  /** Records are `CheckedRecord`s: whether one can be decoded is asked before it is handed out. */
  readonly isChecked?: boolean
}

export class FetchedChunk {
  readonly lineage: Lineage
  readonly byteLength: number
  readonly startOffset: number
  /** Where the next fetch begins. */
  readonly endOffset: number
  /** The leader epoch of the last batch; -1 when there is none. */
  readonly endEpoch: number
  /** The latest timestamp of the last batch; undefined when there is none of today's format. */
  readonly endTimestamp: number | undefined
  /** Whether it claims records for users: a batch that is neither empty nor a marker. */
  readonly hasRecords: boolean
  readonly #records: Buffer
  readonly #options: ChunkOptions
  #batches: Generator<RecordBatch, void, undefined>
  #filter: AbortedTransactionFilter | undefined
  #cursor: RecordCursor | undefined
  #context: BatchContext | undefined
  /** Records before this offset are left out. */
  #from: number

  constructor(lineage: Lineage, records: Buffer, startOffset: number, options: ChunkOptions) {
    this.lineage = lineage
    this.byteLength = records.length
    this.startOffset = startOffset
    const end = endOf(records, startOffset)
    this.endOffset = end.offset
    this.endEpoch = end.leaderEpoch
    this.endTimestamp = end.timestamp
    this.hasRecords = end.hasRecords
    this.#records = records
    this.#options = options
    this.#from = startOffset
    this.#batches = this.#open()
  }

  #open(): Generator<RecordBatch, void, undefined> {
    const { checkCrcs, abortedTransactions } = this.#options
    this.#filter = abortedTransactions && new AbortedTransactionFilter(abortedTransactions)
    return readRecordBatches(this.#records, { checkCrcs })
  }

  get isChecked(): boolean {
    return this.#options.isChecked === true
  }

  /** Where the batch ends at which reading stands. */
  get endOfBatch(): number {
    return endOfBatchAt(this.#records, this.#from)
  }

  /** Every record before this offset was taken. */
  get position(): number {
    return this.#from
  }

  /**
   * The next record, or undefined behind the last one.
   *
   * @throws ProtocolError when the bytes are corrupt: `position` says where.
   */
  take(): ConsumerRecord<unknown, unknown> | undefined {
    for (;;) {
      const cursor = this.#cursor
      if (cursor !== undefined) {
        const context = this.#context as BatchContext
        const { pick } = this.#options
        while (cursor.next()) {
          if (cursor.offset < this.#from) continue
          this.#from = cursor.offset + 1
          if (pick === undefined) return new ConsumerRecord(context, cursor)
          const picked = pick(context, cursor)
          if (picked !== undefined) return picked
        }
        this.#cursor = undefined
      }
      if (!this.#nextBatch()) {
        this.#from = Math.max(this.#from, this.endOffset)
        return undefined
      }
    }
  }

  #nextBatch(): boolean {
    const { value: batch } = this.#batches.next()
    if (batch === undefined) return false
    const isWanted = this.#filter === undefined || this.#filter.admits(batch)
    this.lineage.noteEpoch(batch.baseOffset, batch.leaderEpoch)
    if (!isWanted || batch.isControl || batch.lastOffset < this.#from) return true
    const cursor = batch.records()
    this.#cursor = cursor
    this.#context = {
      lineage: this.lineage,
      buffer: cursor.buffer,
      leaderEpoch: batch.leaderEpoch,
      timestampType: batch.timestampType,
      rawBaseTimestamp: batch.rawBaseTimestamp,
      rawLogAppendTime: batch.rawLogAppendTime,
    }
    return true
  }

  /** Goes to a record, back to one that was taken, too: it comes out (again). */
  rewindTo(offset: number): void {
    this.#from = offset
    this.#cursor = undefined
    this.#batches = this.#open()
  }
}

/**
 * Where the batch that has an offset ends, by the headers alone: of it, or of the batch after it.
 * Where neither makes sense it is the next offset, and the broker has to be asked what is there.
 */
export function endOfBatchAt(records: Buffer, offset: number): number {
  let end = offset + 1
  let at = 0
  while (records.length - at > LAST_OFFSET_DELTA_AT + 4) {
    const base = baseOffsetAt(records, at)
    // Behind a batch whose own header is damaged.
    if (base > offset) return Number.isSafeInteger(base) ? base : end
    const last = base + records.readInt32BE(at + LAST_OFFSET_DELTA_AT)
    if (last >= offset) end = last + 1
    const length = records.readInt32BE(at + LENGTH_AT)
    if (length <= 0) break
    at += LOG_OVERHEAD_BYTES + length
  }
  return end
}

const BASE_OFFSET_AT = 0
const LENGTH_AT = 8
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const CONTROL_FLAG = 0x20
const LAST_OFFSET_DELTA_AT = 23
const MAX_TIMESTAMP_AT = 35
const RECORD_COUNT_AT = 57
const LOG_OVERHEAD_BYTES = 12

interface ChunkEnd {
  readonly offset: number
  readonly leaderEpoch: number
  readonly timestamp: number | undefined
  readonly hasRecords: boolean
}

/** The offset behind the last whole batch, and its epoch, from the headers alone. */
function endOf(records: Buffer, startOffset: number): ChunkEnd {
  let offset = startOffset
  let leaderEpoch = -1
  let lastAt: number | undefined
  let hasRecords = false
  let at = 0
  while (records.length - at > MAGIC_AT) {
    const next = at + LOG_OVERHEAD_BYTES + records.readInt32BE(at + LENGTH_AT)
    if (next <= at + MAGIC_AT || next > records.length) break
    const base = baseOffsetAt(records, at)
    // Old message formats give the offset of their last (or only) message.
    const isBatch = (records[at + MAGIC_AT] as number) >= 2 && next - at >= BATCH_HEADER_BYTES
    const last = isBatch ? base + records.readInt32BE(at + LAST_OFFSET_DELTA_AT) : base
    // A nonsensical header is found when the batch is read; here it must not move anything.
    if (Number.isSafeInteger(last + 1) && last >= offset) {
      offset = last + 1
      hasRecords ||= !isBatch || claimsRecords(records, at)
      if (isBatch) {
        leaderEpoch = records.readInt32BE(at + LEADER_EPOCH_AT)
        lastAt = at
      }
    }
    at = next
  }
  const timestamp =
    lastAt === undefined ? undefined : Number(records.readBigInt64BE(lastAt + MAX_TIMESTAMP_AT))
  return { offset, leaderEpoch, timestamp, hasRecords }
}

function claimsRecords(records: Buffer, at: number): boolean {
  const isControl = (records.readInt16BE(at + ATTRIBUTES_AT) & CONTROL_FLAG) !== 0
  return !isControl && records.readInt32BE(at + RECORD_COUNT_AT) > 0
}

function baseOffsetAt(records: Buffer, at: number): number {
  return records.readInt32BE(at + BASE_OFFSET_AT) * 0x1_0000_0000 + records.readUInt32BE(at + 4)
}
