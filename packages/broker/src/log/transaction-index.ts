/**
 * What a partition knows of transactions: which are open, from which offset on, and which were
 * aborted. Records from the first open one on are not stable; readers of committed records read up
 * to there and get the list of aborted transactions in that range (KIP-98).
 */
import type { BatchHeader } from './batch-header.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** The offset of its marker. */
  readonly lastOffset: number
}

export class TransactionIndex {
  /** Where the open transaction of each producer began; the earliest is the first. */
  readonly #open = new Map<bigint, number>()
  #aborted: AbortedTransaction[] = []

  /** Where the producer's open transaction began; undefined when it has none here. */
  startOf(producerId: bigint): number | undefined {
    return this.#open.get(producerId)
  }

  /** The start of the first open transaction; undefined if none is open. */
  get firstUnstableOffset(): number | undefined {
    for (const firstOffset of this.#open.values()) return firstOffset
    return undefined
  }

  /** Updates the index with an appended batch, data or marker. */
  note({ producerId, isTransactional, marker }: BatchHeader, baseOffset: number): void {
    if (!isTransactional) return
    const firstOffset = this.#open.get(producerId)
    if (marker === undefined) {
      if (firstOffset === undefined) this.#open.set(producerId, baseOffset)
      return
    }
    if (firstOffset === undefined) return
    this.#open.delete(producerId)
    if (marker.type === 'commit') return
    this.#aborted.push({ producerId, firstOffset, lastOffset: baseOffset })
  }

  /** Aborted transactions that touch offsets from `start` on, and before `end`. */
  abortedBetween(start: number, end: number): readonly AbortedTransaction[] {
    return this.#aborted.filter(
      ({ firstOffset, lastOffset }) => lastOffset >= start && firstOffset < end,
    )
  }

  expireBefore(offset: number): void {
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= offset)
  }

  clear(): void {
    this.#open.clear()
    this.#aborted = []
  }
}
