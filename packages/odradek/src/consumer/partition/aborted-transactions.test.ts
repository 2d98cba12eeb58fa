// What `read_committed` gives, against a model: producers whose transactions are interleaved, open,
// committed and aborted, batches that compaction has thinned out or emptied, answers that are cut
// anywhere, and reading that begins in the middle of all this.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endTransactionMarker, placeBatch, RecordBatchBuilder, stampBatch } from '@odradek/protocol'
import fc from 'fast-check'
import { Lineage } from './position-epoch.ts'
import type { AbortedTransaction } from './aborted-transactions.ts'
import { FetchedChunk } from './completed-fetch.ts'

const LAST_OFFSET_DELTA_AT = 23

interface Batch {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly lastOffset: number
  /** The offsets of its records, for users. */
  readonly offsets: readonly number[]
  /** The transaction that it is of; undefined for records of none. */
  readonly transaction: Transaction | undefined
}

interface Transaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** Where its marker lies. */
  lastOffset: number
  outcome: 'open' | 'commit' | 'abort'
}

type Happening =
  | { readonly kind: 'write'; readonly producer: number; readonly kept: readonly boolean[] }
  | { readonly kind: 'plain'; readonly kept: readonly boolean[] }
  | { readonly kind: 'commit' | 'abort'; readonly producer: number }

/** A log, and what is true of it. */
class ModelLog {
  readonly batches: Batch[] = []
  readonly transactions: Transaction[] = []
  readonly #open = new Map<number, Transaction>()
  endOffset = 0

  tell(happening: Happening): void {
    switch (happening.kind) {
      case 'plain':
        this.#data(happening.kept, -1n, undefined)
        break
      case 'write': {
        const { producer, kept } = happening
        let transaction = this.#open.get(producer)
        if (transaction === undefined) {
          transaction = {
            producerId: BigInt(producer),
            firstOffset: this.endOffset,
            lastOffset: -1,
            outcome: 'open',
          }
          this.#open.set(producer, transaction)
          this.transactions.push(transaction)
        }
        this.#data(kept, transaction.producerId, transaction)
        break
      }
      default: {
        const { kind, producer } = happening
        const transaction = this.#open.get(producer)
        this.#open.delete(producer)
        // A marker without a transaction is written, too, and means nothing.
        const stamp = { producerId: BigInt(producer), producerEpoch: 0, baseSequence: -1 }
        const bytes = endTransactionMarker(kind, 1, stamp)
        if (transaction !== undefined) {
          transaction.outcome = kind
          transaction.lastOffset = this.endOffset
        }
        this.#append(bytes, 1, [], undefined)
      }
    }
  }

  #data(kept: readonly boolean[], producerId: bigint, transaction: Transaction | undefined): void {
    const builder = new RecordBatchBuilder()
    const offsets: number[] = []
    kept.forEach((isKept, delta) => {
      if (!isKept) return
      builder.append(1, null, String(this.endOffset + delta), [], delta)
      offsets.push(this.endOffset + delta)
    })
    const stamp = { producerId, producerEpoch: 0, baseSequence: producerId < 0n ? -1 : 0 }
    const bytes = builder.build({ stamp, isTransactional: transaction !== undefined })
    // Compaction keeps a batch's last offset when the record there is gone.
    bytes.writeInt32BE(kept.length - 1, LAST_OFFSET_DELTA_AT)
    stampBatch(bytes, stamp)
    this.#append(bytes, kept.length, offsets, transaction)
  }

  #append(
    bytes: Buffer,
    count: number,
    offsets: readonly number[],
    transaction: Transaction | undefined,
  ): void {
    const baseOffset = this.endOffset
    placeBatch(bytes, { baseOffset, leaderEpoch: 1 })
    this.endOffset += count
    this.batches.push({ bytes, baseOffset, lastOffset: this.endOffset - 1, offsets, transaction })
  }

  get lastStableOffset(): number {
    const open = [...this.#open.values()].map(({ firstOffset }) => firstOffset)
    return Math.min(this.endOffset, ...open)
  }

  /** What a reader of committed records must see from `from` on. */
  expected(from: number): readonly number[] {
    return this.batches
      .filter(({ transaction }) => transaction === undefined || transaction.outcome === 'commit')
      .flatMap(({ offsets }) => offsets)
      .filter((offset) => offset >= from && offset < this.lastStableOffset)
  }

  /** What a broker answers: whole batches, and perhaps a piece of the next one. */
  fetch(from: number, maxBytes: number, piece: number) {
    const chunks: Buffer[] = []
    let size = 0
    let nextOffset = from
    for (const { bytes, lastOffset } of this.batches) {
      if (lastOffset < from || lastOffset >= this.lastStableOffset) continue
      if (chunks.length > 0 && size + bytes.length > maxBytes) {
        chunks.push(bytes.subarray(0, Math.min(piece, bytes.length - 1)))
        break
      }
      chunks.push(bytes)
      size += bytes.length
      nextOffset = lastOffset + 1
    }
    const aborted = this.transactions.filter(
      ({ outcome, firstOffset, lastOffset }) =>
        outcome === 'abort' && lastOffset >= from && firstOffset < nextOffset,
    )
    return { records: Buffer.concat(chunks), aborted }
  }
}

function shuffled(list: readonly AbortedTransaction[], seed: number): AbortedTransaction[] {
  return [...list].sort((a, b) => {
    const rank = ({ firstOffset }: AbortedTransaction): number => (firstOffset * 7919 + seed) % 101
    return rank(a) - rank(b)
  })
}

const producer = fc.integer({ min: 0, max: 3 })
const kept = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 })
const whole = kept.map((list) => list.map(() => true))
const records = fc.oneof(whole, kept)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write'), producer, kept: records }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain'), kept: records }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit', 'abort'), producer }) },
)

test('exactly the committed records below the last stable offset come out, in order', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 40 }),
      fc.record({
        from: fc.nat({ max: 60 }),
        maxBytes: fc.nat({ max: 600 }),
        piece: fc.nat({ max: 80 }),
        seed: fc.nat(),
      }),
      (happenings, { from, maxBytes, piece, seed }) => {
        const log = new ModelLog()
        for (const one of happenings) log.tell(one)
        const start = Math.min(from, log.lastStableOffset)
        const seen: number[] = []
        let position = start
        while (position < log.lastStableOffset) {
          const answer = log.fetch(position, maxBytes, piece)
          const lineage = new Lineage('t', 0, undefined, { offset: position, leaderEpoch: -1 })
          const chunk = new FetchedChunk(lineage, answer.records, position, {
            checkCrcs: true,
            abortedTransactions: shuffled(answer.aborted, seed),
          })
          for (let record = chunk.take(); record !== undefined; record = chunk.take()) {
            assert.equal(String(record.value), String(record.offset))
            seen.push(record.offset)
          }
          assert.ok(chunk.endOffset > position, 'every answer moves the reader on')
          position = chunk.endOffset
        }
        assert.equal(position, Math.max(start, log.lastStableOffset))
        assert.deepEqual(seen, log.expected(start))
      },
    ),
    { numRuns: 500 },
  )
})
