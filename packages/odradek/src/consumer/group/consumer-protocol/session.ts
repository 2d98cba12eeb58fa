/**
 * How long a membership still holds by our own clocks. What counts is when the last acknowledged
 * heartbeat was *sent*. A session is over only after arrived input was read (a blocked loop runs
 * late timers first); when the wall clock ran ahead (a suspended machine) it is in doubt until one
 * more heartbeat was answered. While the loop is blocked an understudy may heartbeat in our place:
 * what it heard is looked at before the session is called over, and a member that was refused
 * meanwhile is in doubt as well.
 *
 * The coordinator waits for what we are to give up for our rebalance timeout, and then goes on
 * without us, whatever else we hold. An acknowledgement can be late or lost without our knowing,
 * but we know when that wait can have begun at the earliest: with the first heartbeat after the
 * last one that left nothing to give up. When it may be over nothing is delivered, until we are
 * told.
 */
import type { Environment, Timer } from '@odradek/environment'
import type { Seat, SessionTimes } from '../../liveness/seat.ts'

export interface SessionEvents {
  /** Somebody asked, and the answer is not certain: time for a heartbeat. */
  onDoubt(): void
  /** The doubt is over: what was held back may go on. */
  onCertain(): void
  onExpired(): void
}

/** A moment, by both clocks. */
export interface Moment {
  readonly at: number
  readonly byWall: number
  /** Of the board beside the understudy. */
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
  #timeoutMs: number
  #alive: Moment | undefined
  #timer: Timer | undefined
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
    this.#timeoutMs = timeoutMs
    this.#rebalanceTimeoutMs = rebalanceTimeoutMs
    this.#events = events
    this.#seat = seat
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  set timeoutMs(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#arm()
  }

  now(): Moment {
    const { clock } = this.#environment
    return { at: clock.monotonic(), byWall: clock.now(), term: this.#seat?.term ?? 0 }
  }

  /** A heartbeat is sent now. */
  sending(): Moment {
    const moment = this.now()
    this.#learn()
    // The understudy's came before it, and when is not known.
    const hasStoodIn = moment.term !== this.#term
    this.#term = moment.term
    this.#pendingSince ??= hasStoodIn ? this.#calmAt : moment.at
    return moment
  }

  /** When the coordinator last heard of us; undefined without a session. */
  get times(): SessionTimes | undefined {
    if (this.#alive === undefined) return undefined
    return { aliveAt: this.#alive.at, aliveAtByWall: this.#alive.byWall }
  }

  /**
   * The coordinator counted us in when this was sent, and if it is calm had nothing to wait for.
   * Begins the session if there is none.
   */
  confirm(sent: Moment, isCalm: boolean): void {
    if (isCalm || this.#alive === undefined) {
      this.#calmAt = Math.max(this.#calmAt, sent.at)
      this.#pendingSince = undefined
    }
    this.#seat?.confirm(sent.term, { aliveAt: sent.at, aliveAtByWall: sent.byWall })
    if (this.#alive !== undefined && sent.at < this.#alive.at) return
    this.#alive = sent
    this.#arm()
    if (!this.#isInDoubt || this.#mayBeOut()) return
    this.#isInDoubt = false
    this.#events.onCertain()
  }

  stop(): void {
    this.#environment.timers.clear(this.#timer)
    this.#alive = undefined
    this.#pendingSince = undefined
    this.#isInDoubt = false
  }

  isAlive(): boolean {
    if (this.#alive === undefined) return false
    const isRefused = this.#seat?.isInDoubt === true
    const isCertain = (): boolean => this.#isFresh() && !this.#mayBeOut()
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

  #isFresh(): boolean {
    if (this.#alive === undefined) return false
    const { clock } = this.#environment
    const { at, byWall } = this.#alive
    return Math.max(clock.monotonic() - at, clock.now() - byWall) < this.#timeoutMs
  }

  /** The coordinator may have waited long enough for what we were to give up. */
  #mayBeOut(): boolean {
    const isStoodIn = this.#seat?.board.isUnderstudys === true
    const since = this.#pendingSince ?? (isStoodIn ? this.#calmAt : undefined)
    if (since === undefined) return false
    return this.#environment.clock.monotonic() >= since + this.#rebalanceTimeoutMs
  }

  /** Takes over what the understudy heard. */
  #learn(): void {
    const board = this.#seat?.board
    const alive = this.#alive
    if (board !== undefined && board.calmAt > this.#calmAt) {
      this.#calmAt = board.calmAt
      if (this.#pendingSince !== undefined) {
        this.#pendingSince = Math.max(this.#pendingSince, this.#calmAt)
      }
    }
    if (board === undefined || alive === undefined || board.aliveAt <= alive.at) return
    this.#alive = { ...alive, at: board.aliveAt, byWall: board.aliveAtByWall }
  }

  #arm(): void {
    const { timers } = this.#environment
    timers.clear(this.#timer)
    const alive = this.#alive
    if (alive === undefined) return
    const remainingMs = alive.at + this.#timeoutMs - this.now().at
    this.#timer = timers.set(Math.max(0, remainingMs), () => {
      // Late or not: answers that have arrived are read before the session is called over.
      timers.soon(() => {
        if (this.#alive === undefined) return
        this.#learn()
        if (this.now().at - this.#alive.at < this.#timeoutMs) this.#arm()
        else this.#events.onExpired()
      })
    })
  }
}
