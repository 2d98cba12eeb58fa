/**
 * `for await (const record of shareConsumer)`: asking for the next record accepts the one before
 * (unless something else was said about it, or the mode is explicit); a `break` or a `throw`
 * releases the record in flight, so that it is delivered again.
 */
import type { Surface } from '../consumer/delivery/read-guard.ts'
import { SerialIterator } from '../consumer/delivery/serial-iterator.ts'
import type { ShareLedger } from './acknowledgement-tracker.ts'
import type { ShareBuffer } from './share-fetch-buffer.ts'
import type { AnyShareRecord } from './share-record.ts'

export class ShareRecordIterator
  extends SerialIterator<AnyShareRecord, ShareBuffer>
  implements AsyncIterableIterator<AnyShareRecord>
{
  readonly #ledger: ShareLedger
  readonly #isImplicit: boolean
  #inHand: AnyShareRecord | undefined

  constructor(surface: Surface<ShareBuffer>, ledger: ShareLedger, isImplicit: boolean) {
    super(surface)
    this.#ledger = ledger
    this.#isImplicit = isImplicit
  }

  next(): Promise<IteratorResult<AnyShareRecord, undefined>> {
    if (this.isPending) {
      return Promise.reject(this.refusal('Each call accepts the record before'))
    }
    if (this.isDone) return Promise.resolve({ done: true, value: undefined })
    const before = this.#inHand
    this.#inHand = undefined
    if (before !== undefined && this.#isImplicit) this.#ledger.settle(before.hold, 'accept')
    return this.waitForNext()
  }

  protected override take(): AnyShareRecord | undefined {
    const record = this.surface.deliveries.take()
    if (record === undefined) return undefined
    this.sinceTurn++
    this.#inHand = record
    // A program that settles by hand renews by hand, too: a record that it forgets must come back.
    record.hold.isRenewable &&= this.#isImplicit
    return record
  }

  /** `break` and `throw` look the same from here. */
  return(): Promise<IteratorResult<AnyShareRecord, undefined>> {
    const record = this.#inHand
    this.#inHand = undefined
    if (record !== undefined) this.#ledger.settle(record.hold, 'release')
    return this.end()
  }

  /** False while the loop does not request a record, whatever it has. */
  get isReading(): boolean {
    return this.isPending
  }
}
