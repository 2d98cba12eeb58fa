/**
 * What is acquired from one broker and what is to be told to it about that: bookkeeping without a
 * request in it. A lock is looked after until the broker has confirmed what became of the record,
 * or the lock is gone.
 */
import { BrokerError } from '@odradek/protocol'
import { TimeoutError } from '../errors/errors.ts'
import type { AssignedPartition, EndReason } from '../groups/shell/membership.ts'
import type { Acknowledgement, Hold, LockTimes } from './acquired-record.ts'
import { Holds, type HoldsOwner } from './acquisition-locks.ts'
import {
  type AcknowledgementLot,
  type PendingAcknowledgement,
  PendingAcknowledgements,
} from './pending-acknowledgements.ts'
import type { ShareLedger } from './acknowledgement-tracker.ts'
import { acknowledgeReaction } from '../groups/share/share-reactions.ts'
import { idPartitionKey } from '../groups/shell/membership.ts'

/** What the broker said to a lot. */
export interface LotAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** How long an acknowledgement waits for company, ms. */
const LINGER_MS = 50
const LATE_RENEWAL =
  'The renewal was answered when the lock may have run out: it may be another member’s by now.'

export class BrokerLocks {
  readonly #ledger: ShareLedger
  readonly #holds: Holds
  readonly #pending = new PendingAcknowledgements()
  #tellAt = Number.POSITIVE_INFINITY

  constructor(ledger: ShareLedger, owner: HoldsOwner) {
    this.#ledger = ledger
    this.#holds = new Holds(owner)
  }

  /** Nothing is locked here. */
  get isEmpty(): boolean {
    return this.#holds.isEmpty
  }

  get hasPending(): boolean {
    return !this.#pending.isEmpty
  }

  /** What is pending is told from then on, fetch or no fetch. */
  get tellAt(): number {
    return this.#tellAt
  }

  /** `lookAfter` has nothing to do before. */
  get nextCheckAt(): number {
    return this.#holds.nextCheckAt
  }

  /** Whether all that is pending may ride on a fetch of these partitions. */
  mayRideOn(partitions: readonly AssignedPartition[]): boolean {
    if (this.#pending.hasRenewals) return false
    const fetched = new Set(partitions.map(idPartitionKey))
    for (const partition of this.#pending.partitions()) {
      if (!fetched.has(idPartitionKey(partition))) return false
    }
    return true
  }

  acquire(hold: Hold): void {
    // What was to be told of an earlier delivery must not be taken for a word about this one.
    this.#pending.forget(hold.partition, hold.offset)
    const before = this.#holds.add(hold)
    if (before === undefined) return
    const text = 'The record was delivered again before it was acknowledged.'
    this.#ledger.lose(before, new TimeoutError(text), 'lost')
  }

  tell(hold: Hold, acknowledgement: Acknowledgement, now: number): void {
    const { partition, offset } = hold
    this.#pending.add(partition, { offset, acknowledgement, hold })
    this.tellBy(now + (acknowledgement === 'renew' ? 0 : LINGER_MS))
  }

  /** Not handed out in time: released, for the case that the lock still holds. */
  giveUp(hold: Hold, now: number): void {
    const text = `The lock of ${hold.lockMs} ms may have run out before the record was handed out.`
    this.#lose(hold, new TimeoutError(text), 'timeout')
    this.tellOffsets(hold.partition, [hold.offset], 'release')
    this.tellBy(now)
  }

  /** About acquired offsets that nobody gets to see. */
  tellOffsets(
    partition: AssignedPartition,
    offsets: readonly number[],
    acknowledgement: Acknowledgement,
  ): void {
    for (const offset of offsets) {
      this.#pending.add(partition, { offset, acknowledgement, hold: undefined })
    }
  }

  /** What is pending waits no longer than this. */
  tellBy(at: number): void {
    if (!this.#pending.isEmpty) this.#tellAt = Math.min(this.#tellAt, at)
  }

  /** What the next request tells. */
  take(now: number): readonly AcknowledgementLot[] {
    const lots = this.#pending.take()
    this.#tellAt = this.#pending.isEmpty ? Number.POSITIVE_INFINITY : now
    return lots
  }

  /** To be told again, from then on. */
  putBack(lots: readonly AcknowledgementLot[], at: number): void {
    for (const lot of lots) this.#pending.putBack(lot)
    this.#tellAt = this.#pending.isEmpty ? Number.POSITIVE_INFINITY : at
  }

  /** A record is in hand from now on: whether its lock is due for a look. */
  handedOut(hold: Hold, now: number): boolean {
    if (hold.renewAt > now) return false
    this.#holds.recheck(hold)
    return true
  }

  /** Renews what may be kept for longer; tells of what is gone. Whether anything is. */
  lookAfter(now: number): boolean {
    const { renewals, expired } = this.#holds.check(now)
    for (const hold of expired) {
      const text = `The lock of ${hold.lockMs} ms ran out before the record was acknowledged.`
      this.#ledger.lose(hold, new TimeoutError(text), 'timeout')
    }
    for (const hold of renewals) this.tell(hold, 'renew', now)
    return expired.length > 0
  }

  /** Only what nobody is going to read is held, and its locks are half over. */
  areUnwanted(now: number): boolean {
    return this.#pending.isEmpty && this.#holds.areUnwanted(now)
  }

  /** What the broker made of the acknowledgements of one partition: of all of them, or none. */
  settle(lot: AcknowledgementLot, answer: LotAnswer, times: LockTimes): 'retry' | 'lost' | 'done' {
    switch (acknowledgeReaction(answer.errorCode)) {
      case 'done':
        for (const { hold, acknowledgement } of lot.items) {
          if (hold !== undefined) this.#confirm(hold, acknowledgement, times)
        }
        return 'done'
      case 'divide':
        if (this.#pending.divide(lot)) this.tellBy(times.answeredAt)
        else for (const item of lot.items) this.#refuse(item, refusal(lot, answer))
        return 'done'
      case 'lost': {
        const error = refusal(lot, answer)
        for (const { hold } of lot.items) this.#lose(hold, error, 'revoked')
        this.losePartition(lot.partition, error)
        return 'lost'
      }
      case 'retry':
        return 'retry'
    }
  }

  #confirm(hold: Hold, acknowledgement: Acknowledgement, times: LockTimes): void {
    if (acknowledgement === 'renew') {
      // A broker that is through with a record renews it for anybody: too late is too late.
      const isCertain = times.answeredAt < hold.safeUntil
      if (isCertain) hold.lock(times)
      hold.renewed(isCertain ? undefined : new TimeoutError(LATE_RENEWAL))
      this.#holds.recheck(hold)
      return
    }
    this.#holds.delete(hold)
    this.#ledger.confirm(hold)
  }

  /**
   * A group may have renewals switched off: a refused one alone does not mean that a lock is gone.
   */
  #refuse({ hold, acknowledgement }: PendingAcknowledgement, error: Error): void {
    if (hold === undefined) return
    if (acknowledgement !== 'renew') {
      this.#lose(hold, error, 'lost')
      return
    }
    hold.isRenewable = false
    hold.renewed(error)
  }

  #lose(hold: Hold | undefined, error: Error, reason: EndReason): void {
    if (hold === undefined) return
    this.#holds.delete(hold)
    this.#ledger.lose(hold, error, reason)
  }

  /** The leader went elsewhere, and the locks with it. */
  losePartition(partition: AssignedPartition, error: Error): void {
    for (const hold of this.#holds.of(partition)) this.#lose(hold, error, 'revoked')
  }

  /** The session is over, and with it every lock; what was asked last is lost, too. */
  loseEverything(asked: readonly AcknowledgementLot[], error: Error): void {
    for (const { items } of [...asked, ...this.#pending.clear()]) {
      for (const { hold } of items) this.#lose(hold, error, 'lost')
    }
    for (const hold of this.#holds.all()) this.#lose(hold, error, 'lost')
    this.#tellAt = Number.POSITIVE_INFINITY
  }

  /** The first record that is neither settled nor lost; undefined when there is none. */
  get firstOpen(): Hold | undefined {
    return this.#holds.all().find(({ isOpen }) => isOpen)
  }

  /** Records that user code has, and does not come back for: nothing is said of them any more. */
  giveUpHandedOut(error: Error): void {
    for (const hold of this.#holds.all()) {
      if (hold.stage === 'handedOut') this.#lose(hold, error, 'timeout')
    }
  }

  /** What was never handed out goes back to the group. */
  giveBack(error: Error): void {
    for (const hold of this.#holds.all()) {
      if (hold.stage === 'buffered') this.#lose(hold, error, 'closing')
    }
  }
}

function refusal({ partition }: AcknowledgementLot, answer: LotAnswer): BrokerError {
  return new BrokerError(answer.errorCode, {
    action: `acknowledge records of ${partition.topic}-${partition.partition}`,
    brokerMessage: answer.errorMessage,
  })
}
