/**
 * How long a membership still holds by our own clocks. What counts is when the last acknowledged
 * heartbeat was *sent*. A session is over only after arrived input was read (a blocked loop runs
 * late timers first); when the wall clock ran ahead (a suspended machine) it is in doubt until one
 * more heartbeat was answered. While the loop is blocked an understudy may heartbeat in our place:
 * what it heard is looked at before the session is called over, and a member that was refused
 * meanwhile is in doubt as well.
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

export class Session {
  readonly #environment: Environment
  readonly #events: SessionEvents
  readonly #seat: Seat | undefined
  #timeoutMs: number
  #alive: Moment | undefined
  #timer: Timer | undefined
  #isInDoubt = false

  constructor(
    environment: Environment,
    timeoutMs: number,
    { seat, ...events }: SessionEvents & { readonly seat?: Seat | undefined },
  ) {
    this.#environment = environment
    this.#timeoutMs = timeoutMs
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

  /** When the coordinator last heard of us; undefined without a session. */
  get times(): SessionTimes | undefined {
    if (this.#alive === undefined) return undefined
    return { aliveAt: this.#alive.at, aliveAtByWall: this.#alive.byWall }
  }

  /** The coordinator counted us in when this was sent. Begins the session if there is none. */
  confirm(sent: Moment): void {
    this.#seat?.confirm(sent.term, { aliveAt: sent.at, aliveAtByWall: sent.byWall })
    if (this.#alive !== undefined && sent.at < this.#alive.at) return
    this.#alive = sent
    this.#arm()
    if (!this.#isInDoubt) return
    this.#isInDoubt = false
    this.#events.onCertain()
  }

  stop(): void {
    this.#environment.timers.clear(this.#timer)
    this.#alive = undefined
    this.#isInDoubt = false
  }

  isAlive(): boolean {
    if (this.#alive === undefined) return false
    const isRefused = this.#seat?.isInDoubt === true
    if (!isRefused && (this.#isFresh() || (this.#learn() && this.#isFresh()))) return true
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

  /** Takes over what the understudy heard. True when it is news. */
  #learn(): boolean {
    const board = this.#seat?.board
    const alive = this.#alive
    if (board === undefined || alive === undefined || board.aliveAt <= alive.at) return false
    this.#alive = { ...alive, at: board.aliveAt, byWall: board.aliveAtByWall }
    return true
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
