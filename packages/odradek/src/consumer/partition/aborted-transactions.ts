/**
 * What `read_committed` leaves out. A fetch lists the aborted transactions that touch its offsets;
 * a producer's transactional batches from the first offset of such a transaction up to its abort
 * marker are not for users. The list may come in any order, and batches must be asked in the order
 * of their offsets.
 */
import { controlTypeOf, type RecordBatch } from '@odradek/protocol'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export class AbortedTransactionFilter {
  readonly #upcoming: AbortedTransaction[]
  readonly #aborting = new Set<bigint>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Whether the batch's records are for users. */
  admits(batch: RecordBatch): boolean {
    while (this.#upcoming[0] !== undefined && this.#upcoming[0].firstOffset <= batch.lastOffset) {
      this.#aborting.add((this.#upcoming.shift() as AbortedTransaction).producerId)
    }
    if (!batch.isTransactional) return true
    if (!batch.isControl) return !this.#aborting.has(batch.producerId)
    if (this.#aborting.has(batch.producerId) && isAbortMarker(batch)) {
      this.#aborting.delete(batch.producerId)
    }
    return true
  }
}

function isAbortMarker(batch: RecordBatch): boolean {
  const cursor = batch.records()
  return cursor.next() && controlTypeOf(cursor.key) === 'abort'
}
