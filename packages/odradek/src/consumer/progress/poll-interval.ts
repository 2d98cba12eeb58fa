/**
 * `maxPollIntervalMs`: user code that has had a record for so long is taken for dead.
 *
 * `run` can give up one record: its signal aborts, and what the handler then throws goes to
 * `onError`. Other lanes go on. Only a handler that does not even settle for as long again costs
 * the membership. Iterating, by record or by batch, has one thing in hand: the member leaves the
 * group, so that others read on, and joins again when the next record is asked for.
 *
 * A member with records to deliver that nothing reads for `maxPollIntervalMs` (a loop that was
 * left, a stream whose queue is full) leaves, too, and so does one whose `run` failed (S43).
 */
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { InHand, Occupant, Place } from '../delivery/in-flight-records.ts'

export interface PollIntervalOptions {
  readonly groupId: string
  readonly maxPollIntervalMs: number
}

export interface PollIntervalOwner {
  readonly occupant: Occupant | undefined
  /**
   * A record that is held, or could be delivered now; 'partitions' where only partitions are held,
   * which no other member reads meanwhile; undefined when nothing is.
   */
  readonly waiting: Place | 'partitions' | undefined
  /** Leaves the group until `wake`; false where there is no group to leave. */
  rest(reason: string): boolean
  wake(): void
  /** Commits what was processed and leaves the group until `wake`; false where there is none. */
  leaveUnread(reason: string): boolean
}

const LEFT = 'This member has left the group, so that others read its partitions on; it joins again'
const NO_READER =
  'It has records to deliver, and nothing reads this consumer. ' +
  'This member has left the group, so that other members read its partitions; it joins again ' +
  'when the next record is requested, or with the next run. Close a consumer that is not needed.'
const HINT = 'Make the work shorter, or raise maxPollIntervalMs.'

export class PollInterval {
  readonly #options: PollIntervalOptions
  readonly #owner: PollIntervalOwner
  readonly #emitter: TypedEmitter<ClientEvents>
  #isResting = false
  #unreadSince: number | undefined

  constructor(
    options: PollIntervalOptions,
    owner: PollIntervalOwner,
    emitter: TypedEmitter<ClientEvents>,
  ) {
    this.#options = options
    this.#owner = owner
    this.#emitter = emitter
  }

  check(now: number): void {
    const { occupant } = this.#owner
    if (this.#isResting) return
    if (occupant?.isReading !== true) {
      this.#checkUnread(now)
      return
    }
    this.#unreadSince = undefined
    const oldest = occupant.oldestInHand
    if (oldest === undefined) return
    const { maxPollIntervalMs } = this.#options
    const heldMs = now - oldest.since
    if (heldMs < maxPollIntervalMs) return
    if (occupant.overdue === undefined) {
      this.#leave(oldest, heldMs, 'when the next record is asked for')
      return
    }
    for (const hand of occupant.overdue(now - maxPollIntervalMs)) {
      if (hand.isTimedOut) continue
      this.#emit(
        hand,
        now - hand.since,
        'signalled',
        `Its signal was aborted; onError decides. ${HINT}`,
      )
      hand.timeOut()
    }
    if (heldMs >= 2 * maxPollIntervalMs) {
      this.#leave(oldest, heldMs, 'when the handler settles')
    }
  }

  #checkUnread(now: number): void {
    const { waiting } = this.#owner
    if (waiting === undefined) {
      this.#unreadSince = undefined
      return
    }
    this.#unreadSince ??= now
    const unreadMs = now - this.#unreadSince
    if (unreadMs < this.#options.maxPollIntervalMs) return
    const reason = `nothing has read it for ${Math.round(unreadMs / 1000)} s`
    if (!this.leaveUnread(reason) || waiting === 'partitions') return
    this.#emit({ ...waiting, since: now - unreadMs }, unreadMs, 'left', NO_READER)
  }

  /** Leaves the group although user code has no record; false where there is no group. */
  leaveUnread(reason: string): boolean {
    if (this.#isResting || !this.#owner.leaveUnread(reason)) return false
    this.#isResting = true
    return true
  }

  #leave(oldest: InHand, heldMs: number, until: string): void {
    const { topic, partition, offset } = oldest
    const held = Math.round(heldMs / 1000)
    const reason = `offset ${offset} of ${topic}-${partition} has been in hand for ${held} s`
    if (!this.#owner.rest(reason)) return
    this.#isResting = true
    this.#emit(oldest, heldMs, 'left', `${LEFT} ${until}. ${HINT}`)
  }

  #emit(hand: InHand, heldMs: number, action: 'signalled' | 'left', advice: string): void {
    const { topic, partition, offset } = hand
    const { groupId } = this.#options
    this.#emitter.emit('maxPollExceeded', {
      ...{ groupId, topic, partition, offset, action, advice },
      heldMs: Math.round(heldMs),
    })
  }

  /** User code requests no record, and shows otherwise that it is alive. */
  acted(): void {
    this.#unreadSince = undefined
  }

  /** User code came back. */
  returned(): void {
    this.#unreadSince = undefined
    if (!this.#isResting) return
    const oldest = this.#owner.occupant?.oldestInHand
    // A handler that is still out would be called with the same record again.
    if (oldest !== undefined && this.#owner.occupant?.overdue !== undefined) return
    this.#isResting = false
    this.#owner.wake()
  }
}
