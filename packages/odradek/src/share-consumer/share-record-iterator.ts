/**
 * `for await (const record of shareConsumer)`: asking for the next record accepts the one before
 * (unless something else was said about it, or the mode is explicit); a `break` or a `throw`
 * releases the record in hand, so that it is delivered again.
 */
import { UsageError } from '../errors/errors.ts'
import { type Caller, callers } from '../consumer/delivery/callers.ts'
import { isAmong, loopOf, type Within } from '../consumer/delivery/close-from-within.ts'
import { RECORDS_PER_TURN } from '../consumer/delivery/record-iterator.ts'
import type { Surface } from '../consumer/delivery/read-guard.ts'
import type { ShareBuffer } from './share-fetch-buffer.ts'
import type { ShareLedger } from './acknowledgement-tracker.ts'
import type { AnyShareRecord } from './share-record.ts'

export class ShareRecordIterator implements AsyncIterableIterator<AnyShareRecord>, Within {
  readonly #surface: Surface<ShareBuffer>
  readonly #ledger: ShareLedger
  readonly #isImplicit: boolean
  readonly #loop: string | undefined
  #inHand: AnyShareRecord | undefined
  #isPending = false
  #isDone = false
  #sinceTurn = 0

  constructor(surface: Surface<ShareBuffer>, ledger: ShareLedger, isImplicit: boolean) {
    this.#surface = surface
    this.#ledger = ledger
    this.#isImplicit = isImplicit
    this.#loop = loopOf(callers())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<AnyShareRecord, undefined>> {
    if (this.#isPending) {
      return Promise.reject(
        new UsageError(
          'next() was called while another next() is pending. Each call accepts the record ' +
            'before, so records must be asked for one at a time.',
        ),
      )
    }
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined })
    const before = this.#inHand
    this.#inHand = undefined
    if (before !== undefined && this.#isImplicit) this.#ledger.settle(before.hold, 'accept')
    return this.#next()
  }

  async #next(): Promise<IteratorResult<AnyShareRecord, undefined>> {
    this.#isPending = true
    const { deliveries } = this.#surface
    try {
      for (;;) {
        if (++this.#sinceTurn >= RECORDS_PER_TURN) {
          this.#sinceTurn = 0
          await this.#surface.turn()
        }
        const record = deliveries.take()
        if (record !== undefined) {
          this.#inHand = record
          // Who settles by hand renews by hand, too: a record that is forgotten must come back.
          record.hold.isRenewable &&= this.#isImplicit
          return { done: false, value: record }
        }
        if (deliveries.hasEnded) return this.#finish()
        await this.#surface.waitForRecords()
      }
    } catch (error) {
      this.#finish()
      throw error
    } finally {
      this.#isPending = false
    }
  }

  #finish(): { done: true; value: undefined } {
    this.#isDone = true
    this.#surface.release(this)
    return { done: true, value: undefined }
  }

  /** `break` and `throw` look the same from here. */
  return(): Promise<IteratorResult<AnyShareRecord, undefined>> {
    const record = this.#inHand
    this.#inHand = undefined
    if (record !== undefined) this.#ledger.settle(record.hold, 'release')
    return Promise.resolve(this.#finish())
  }

  hasAmong(calling: readonly Caller[]): boolean {
    return this.#inHand !== undefined && isAmong(this.#loop, calling)
  }

  /** As if the loop were left here. */
  leaveIt(): number {
    void this.return()
    return 0
  }
}
