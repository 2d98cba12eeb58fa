/**
 * What became of every record that was handed out: the one place where records are settled, where
 * it is known what is in hand and what was told but not confirmed, and where it is said when an
 * acknowledgement came too late or a record was given up for good.
 */
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { RecordPlace } from '../errors/errors.ts'
import type { EndReason } from '../groups/shell/membership.ts'
import type { Hold } from './acquired-record.ts'

/** What user code may say about a record. */
export type RecordOutcome = 'accept' | 'release' | 'reject'

/** Somebody waits until what was told by now is confirmed. */
interface Flush {
  readonly remaining: Set<Hold>
  readonly failures: Map<Hold, Error>
  readonly done: () => void
}

export class ShareLedger {
  readonly #groupId: string
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #handedOut = new Set<Hold>()
  readonly #outcomes = new Map<Hold, RecordOutcome>()
  readonly #flushes = new Set<Flush>()
  readonly #idleWaiters: (() => void)[] = []
  /** So many in hand wait for the close that is under way. */
  #leftCount = 0
  /** Lost since closing began: what `close` has to own up to. */
  readonly #lostAtClose: RecordPlace[] = []
  #isClosing = false
  /** The group's `share.delivery.count.limit`, once it is known. */
  deliveryCountLimit: number | null = null

  constructor(groupId: string, emitter: TypedEmitter<ClientEvents>) {
    this.#groupId = groupId
    this.#emitter = emitter
  }

  /** Records in user code's hands. */
  get handedOutCount(): number {
    return this.#handedOut.size
  }

  handOut(hold: Hold): void {
    this.#handedOut.add(hold)
  }

  /** Says what became of a record. False when it was said before, or the lock is lost. */
  settle(hold: Hold, outcome: RecordOutcome): boolean {
    if (!hold.isOpen) return false
    hold.stage = 'acknowledging'
    this.#outcomes.set(hold, outcome)
    hold.keeper.tell(hold, outcome)
    this.#letGo(hold)
    return true
  }

  /** Nobody will ever be able to process it, for this reason: it is given up, and told. */
  rejectFor(hold: Hold, error: Error): void {
    if (this.settle(hold, 'reject')) {
      this.#emitter.emit('recordSkipped', { ...placeOf(hold), error })
    }
  }

  #letGo(hold: Hold): void {
    if (this.#handedOut.delete(hold)) this.#wakeIfIdle()
  }

  get #isIdle(): boolean {
    return this.#handedOut.size <= this.#leftCount
  }

  #wakeIfIdle(): void {
    if (!this.#isIdle) return
    for (const wake of this.#idleWaiters.splice(0)) wake()
  }

  /** The broker has it. */
  confirm(hold: Hold): void {
    const outcome = this.#outcomes.get(hold)
    if (hold.stage !== 'acknowledging' || outcome === undefined) return
    hold.stage = 'settled'
    hold.renewed()
    this.#conclude(hold)
    if (outcome === 'release') this.#sayIfExhausted(hold)
  }

  /** Another member may have the record by now; what was told of it, if anything, did not count. */
  lose(hold: Hold, error: Error, reason: EndReason): void {
    if (hold.stage === 'settled' || hold.stage === 'lost') return
    const wasInHand = hold.stage !== 'buffered'
    const outcome = this.#outcomes.get(hold) ?? null
    hold.stage = 'lost'
    hold.renewed(error)
    hold.end(reason)
    this.#letGo(hold)
    this.#conclude(hold, error)
    // Where the leader moved, the new one does not know of this delivery.
    if (reason !== 'revoked') this.#sayIfExhausted(hold)
    if (!wasInHand) return
    if (this.#isClosing) this.#lostAtClose.push(placeOf(hold))
    this.#emitter.emit('acknowledgementLate', {
      ...placeOf(hold),
      groupId: this.#groupId,
      acknowledgement: outcome,
      deliveryCount: hold.deliveryCount,
      error,
    })
  }

  #conclude(hold: Hold, error?: Error): void {
    this.#outcomes.delete(hold)
    for (const flush of this.#flushes) {
      if (!flush.remaining.delete(hold)) continue
      if (error !== undefined) flush.failures.set(hold, error)
      if (flush.remaining.size === 0) flush.done()
    }
  }

  /** It came back at its last delivery: the broker delivers it to nobody any more. */
  #sayIfExhausted(hold: Hold): void {
    const limit = this.deliveryCountLimit
    const { deliveryCount, failure } = hold
    if (limit === null || deliveryCount < limit) return
    this.#emitter.emit('deliveryExhausted', {
      ...placeOf(hold),
      groupId: this.#groupId,
      deliveryCount,
      limit,
      ...(failure === undefined ? {} : { error: failure }),
    })
  }

  /** Resolves once what was told by now is confirmed or refused; with what was refused. */
  flush(): Promise<ReadonlyMap<Hold, Error>> {
    const remaining = new Set(this.#outcomes.keys())
    const failures = new Map<Hold, Error>()
    if (remaining.size === 0) return Promise.resolve(failures)
    return new Promise((resolve) => {
      const flush: Flush = {
        remaining,
        failures,
        done: () => {
          this.#flushes.delete(flush)
          resolve(failures)
        },
      }
      this.#flushes.add(flush)
    })
  }

  /** The handler of a record in flight awaits close: close does not wait for that record. */
  leaveOne(): void {
    this.#leftCount++
    this.#wakeIfIdle()
  }

  /** Resolves when nothing is in user code's hands, but what waits for the close itself. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => void this.#idleWaiters.push(resolve))
  }

  /** From now on what is lost is told by `abandon`, too. */
  beginClosing(): void {
    this.#isClosing = true
  }

  /** Closed: what is still in hand stays unacknowledged. All places that are. */
  abandon(error: Error): readonly RecordPlace[] {
    const unsettled = [...this.#handedOut, ...this.#outcomes.keys()]
    const places = [...this.#lostAtClose, ...unsettled.map(placeOf)]
    for (const hold of unsettled) {
      hold.stage = 'lost'
      hold.renewed(error)
      hold.end('closing')
      this.#letGo(hold)
      this.#conclude(hold, error)
      this.#sayIfExhausted(hold)
    }
    return places
  }
}

export function placeOf({ partition, offset }: Hold): RecordPlace {
  return { topic: partition.topic, partition: partition.partition, offset }
}
