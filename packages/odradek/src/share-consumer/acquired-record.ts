/**
 * One acquired record: this member alone has it until it is acknowledged or its lock runs out. The
 * broker counts from when it acquired the record; here two instants are known around that one: when
 * the request was sent (before) and when the answer came (after). Until `safeUntil` the lock holds
 * for certain, from `lostAt` on it is gone for certain.
 *
 * | stage         | meaning                                                       |
 * |---------------|---------------------------------------------------------------|
 * | buffered      | fetched, and not handed out                                   |
 * | handedOut     | in user code's hands                                          |
 * | acknowledging | user code is through with it; the broker is yet to confirm it |
 * | settled       | confirmed                                                     |
 * | lost          | somebody else may have it: whatever comes of it is late       |
 */
import type { AssignedPartition, EndReason } from '../groups/shell/membership.ts'

/** `gap` is for offsets without a record: compacted away, or of a transaction's markers. */
export type Acknowledgement = 'gap' | 'accept' | 'release' | 'reject' | 'renew'

export type HoldStage = 'buffered' | 'handedOut' | 'acknowledging' | 'settled' | 'lost'

/** The lock's duration, as the broker said it, around the request that acquired or renewed it. */
export interface LockTimes {
  readonly sentAt: number
  readonly answeredAt: number
  readonly lockMs: number
}

export interface Acquired {
  readonly partition: AssignedPartition
  readonly offset: number
  /** How often the record was delivered, this time included. */
  readonly deliveryCount: number
}

/** Who tells what becomes of a hold to the broker that gave it. */
export interface HoldKeeper {
  tell(hold: Hold, acknowledgement: Acknowledgement): void
  /** The record is in user code's hands from now on. */
  handedOut(hold: Hold): void
  /** The record waited for too long to be handed out: it goes back, if it is not gone already. */
  giveUp(hold: Hold): void
}

export class Hold implements Acquired {
  readonly keeper: HoldKeeper
  readonly partition: AssignedPartition
  readonly offset: number
  readonly deliveryCount: number
  stage: HoldStage = 'buffered'
  safeUntil = 0
  lostAt = 0
  lockMs = 0
  handedOutAt = 0
  /** False when it is not renewed by itself: nobody wants that, or the broker refused it. */
  isRenewable = true
  /** What the handler threw, for whoever hears that the record is given up. */
  failure: unknown
  readonly #renewals: ((error?: Error) => void)[] = []
  #controller: AbortController | undefined
  #endReason: EndReason | undefined

  constructor(keeper: HoldKeeper, acquired: Acquired, times: LockTimes) {
    this.keeper = keeper
    this.partition = acquired.partition
    this.offset = acquired.offset
    this.deliveryCount = acquired.deliveryCount
    this.lock(times)
  }

  /** The lock runs anew. */
  lock({ sentAt, answeredAt, lockMs }: LockTimes): void {
    this.lockMs = lockMs
    this.safeUntil = sentAt + lockMs
    this.lostAt = answeredAt + lockMs
  }

  /** From then on a renewal is due: half of the time is left to get it through. */
  get renewAt(): number {
    return this.safeUntil - this.lockMs / 2
  }

  /** Resolves when the broker has renewed the lock; rejects when it is lost. */
  renewal(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#renewals.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /** Whoever waits for a renewal hears of it. */
  renewed(error?: Error): void {
    for (const settle of this.#renewals.splice(0)) settle(error)
  }

  /** Whether user code may still decide what becomes of it. */
  get isOpen(): boolean {
    return this.stage === 'buffered' || this.stage === 'handedOut'
  }

  /** Aborts when the lock is lost; its reason says how. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#endReason !== undefined) this.#controller.abort(this.#endReason)
    return this.#controller.signal
  }

  end(reason: EndReason): void {
    this.#endReason ??= reason
    this.#controller?.abort(this.#endReason)
  }
}
