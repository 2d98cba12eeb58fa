/**
 * How long a KIP-848 member may act on what it holds: while its session is fresh, and the
 * coordinator can not have gone on without it. A member that was refused while the heartbeat thread
 * stood in is in doubt, too, until one more heartbeat was answered.
 *
 * The coordinator waits for what we are to give up for our rebalance timeout, and then goes on
 * without us, whatever else we hold. An acknowledgement can be late or lost without our knowing,
 * but we know when that wait can have begun at the earliest: with the first heartbeat after the
 * last one that left nothing to give up. When it may be over nothing is delivered, until we are
 * told.
 */
import type { Environment } from '@odradek/environment'
import type { Seat, SessionTimes } from '../shell/heartbeat-handle.ts'
import { type Moment, SessionClock } from '../shell/session-clock.ts'

export interface SessionEvents {
  /** Somebody asked, and the answer is not certain: time for a heartbeat. */
  onDoubt(): void
  /** The doubt is over: what was held back may go on. */
  onCertain(): void
  onExpired(): void
}

export interface Sent extends Moment {
  /** Of the board beside the heartbeat thread. */
  readonly term: number
}

export interface SessionTimings {
  readonly timeoutMs: number
  readonly rebalanceTimeoutMs: number
}

export class Session {
  readonly #environment: Environment
  readonly #events: SessionEvents
  readonly #seat: Seat | undefined
  readonly #rebalanceTimeoutMs: number
  readonly #clock: SessionClock
  #isInDoubt = false
  /** When the last heartbeat was sent that left nothing to give up. */
  #calmAt = 0
  /** When the first heartbeat after that was sent; undefined when there was none. */
  #pendingSince: number | undefined
  #term = 0

  constructor(
    environment: Environment,
    { timeoutMs, rebalanceTimeoutMs }: SessionTimings,
    { seat, ...events }: SessionEvents & { readonly seat?: Seat | undefined },
  ) {
    this.#environment = environment
    this.#rebalanceTimeoutMs = rebalanceTimeoutMs
    this.#events = events
    this.#seat = seat
    const onExpired = (): void => events.onExpired()
    this.#clock = new SessionClock(environment, { timeoutMs, seat, onExpired })
  }

  get timeoutMs(): number {
    return this.#clock.timeoutMs
  }

  set timeoutMs(timeoutMs: number) {
    this.#clock.timeoutMs = timeoutMs
  }

  /** A heartbeat is sent now. */
  sending(): Sent {
    const sent = { ...this.#clock.now(), term: this.#seat?.term ?? 0 }
    this.#learn()
    // The heartbeat thread's came before it, and when is not known.
    const hasStoodIn = sent.term !== this.#term
    this.#term = sent.term
    this.#pendingSince ??= hasStoodIn ? this.#calmAt : sent.at
    return sent
  }

  /** When the coordinator last heard of us; undefined without a session. */
  get times(): SessionTimes | undefined {
    return this.#clock.times
  }

  /**
   * The coordinator counted us in when this was sent, and if it is calm had nothing to wait for.
   * Begins the session if there is none.
   */
  confirm(sent: Sent, isCalm: boolean): void {
    if (isCalm || this.#clock.alive === undefined) {
      this.#calmAt = Math.max(this.#calmAt, sent.at)
      this.#pendingSince = undefined
    }
    this.#seat?.confirm(sent.term, { aliveAt: sent.at, aliveAtByWall: sent.byWall })
    if (!this.#clock.confirm(sent) || !this.#isInDoubt || this.#mayBeOut()) return
    this.#isInDoubt = false
    this.#events.onCertain()
  }

  stop(): void {
    this.#clock.stop()
    this.#pendingSince = undefined
    this.#isInDoubt = false
  }

  isAlive(): boolean {
    if (this.#clock.alive === undefined) return false
    const isRefused = this.#seat?.isInDoubt === true
    const isCertain = (): boolean => this.#clock.isFresh() && !this.#mayBeOut()
    if (!isRefused) {
      if (isCertain()) return true
      this.#learn()
      if (isCertain()) return true
    }
    if (!this.#isInDoubt) {
      this.#isInDoubt = true
      this.#environment.timers.soon(() => {
        if (this.#isInDoubt) this.#events.onDoubt()
      })
    }
    return false
  }

  /** The coordinator may have waited long enough for what we were to give up. */
  #mayBeOut(): boolean {
    const isStoodIn = this.#seat?.board.isHeldByThread === true
    const since = this.#pendingSince ?? (isStoodIn ? this.#calmAt : undefined)
    if (since === undefined) return false
    return this.#environment.clock.monotonic() >= since + this.#rebalanceTimeoutMs
  }

  /** Takes over what the heartbeat thread heard. */
  #learn(): void {
    const board = this.#seat?.board
    if (board !== undefined && board.calmAt > this.#calmAt) {
      this.#calmAt = board.calmAt
      if (this.#pendingSince !== undefined) {
        this.#pendingSince = Math.max(this.#pendingSince, this.#calmAt)
      }
    }
    this.#clock.learn()
  }
}
