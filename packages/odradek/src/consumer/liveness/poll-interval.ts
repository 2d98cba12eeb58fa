/**
 * `maxPollIntervalMs`: user code that has had a record for so long is taken for dead.
 *
 * `run` can give up one record: its signal aborts, and what the handler then throws goes to
 * `onError`. Other lanes go on. Only a handler that does not even settle for as long again costs
 * the membership. Iterating, by record or by batch, has one thing in hand: the member leaves the
 * group, so that others read on, and joins again when the next record is asked for.
 */
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { InHand, Occupant } from './in-hand.ts'

export interface PollIntervalOptions {
  readonly groupId: string
  readonly maxPollIntervalMs: number
}

export interface PollIntervalOwner {
  readonly occupant: Occupant | undefined
  /** Leaves the group until `wake`; false where there is no group to leave. */
  rest(reason: string): boolean
  wake(): void
}

const LEFT = 'This member has left the group, so that others read its partitions on; it joins again'
const HINT = 'Make the work shorter, or raise maxPollIntervalMs.'

export class PollInterval {
  readonly #options: PollIntervalOptions
  readonly #owner: PollIntervalOwner
  readonly #emitter: TypedEmitter<ClientEvents>
  #isResting = false

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
    const oldest = occupant?.oldestInHand
    if (occupant === undefined || oldest === undefined || this.#isResting) return
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

  /** User code came back. */
  returned(): void {
    if (!this.#isResting) return
    const oldest = this.#owner.occupant?.oldestInHand
    // A handler that is still out would be called with the same record again.
    if (oldest !== undefined && this.#owner.occupant?.overdue !== undefined) return
    this.#isResting = false
    this.#owner.wake()
  }
}
