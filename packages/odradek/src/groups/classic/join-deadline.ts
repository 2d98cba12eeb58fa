/**
 * When a group may have gone on without this member. A coordinator waits for joins as long as the
 * longest rebalance timeout of its members; who has not joined by then is out, and what it held
 * goes to others at once. A join can be late or lost without its member knowing, and the next
 * heartbeat tells too late. But the member knows when that wait can have begun at the earliest: not
 * before the last heartbeat to which the coordinator had nothing to say.
 */
export interface JoinDeadlineOptions {
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** So old may the proof be that a group, which waits for longer than we would, still does. */
const PROOF_MS = 1000

export class JoinDeadline {
  readonly #options: JoinDeadlineOptions
  #calmAt = 0
  #toldAt: number | undefined

  constructor(options: JoinDeadlineOptions) {
    this.#options = options
  }

  /** A heartbeat that was sent then found a group that did not gather. */
  calm(sentAt: number): void {
    if (sentAt <= this.#calmAt) return
    this.#calmAt = sentAt
    this.#toldAt = undefined
  }

  /** A heartbeat was answered with the news that the group gathers. */
  gathers(now: number): void {
    this.#toldAt ??= now
  }

  /** `aliveAt`: when the last heartbeat was sent that found this member in the group. */
  mayHavePassed(now: number, aliveAt: number): boolean {
    const { rebalanceTimeoutMs, heartbeatIntervalMs } = this.#options
    if (now < this.#calmAt + rebalanceTimeoutMs) return false
    if (this.#toldAt === undefined) return true
    // By then it is over, unless others have longer timeouts: how long they are nobody tells.
    const isOverAt = this.#toldAt + rebalanceTimeoutMs + heartbeatIntervalMs
    return aliveAt < isOverAt || now - aliveAt >= PROOF_MS
  }
}
