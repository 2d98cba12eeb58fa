/**
 * How long a member's session still holds, by our own clocks. What counts is when the last
 * acknowledged heartbeat was *sent*. A session is over only after arrived input was read (a blocked
 * loop runs late timers first); when the wall clock ran ahead (a suspended machine) it is not fresh
 * until one more heartbeat was answered. While the loop is blocked a heartbeat thread may heartbeat
 * in our place (`liveness/`): what it heard is on the member's board, and is looked at before the
 * session is called over.
 */
import type { Environment, Timer } from '@odradek/environment'
import type { Seat, SessionTimes } from './heartbeat-handle.ts'

/** By the monotonic clock, and by the clock on the wall. */
export interface Moment {
  readonly at: number
  readonly byWall: number
}

export interface SessionClockOptions {
  readonly timeoutMs: number
  readonly seat?: Seat | undefined
  onExpired(): void
}

export class SessionClock {
  readonly #environment: Environment
  readonly #options: SessionClockOptions
  #timeoutMs: number
  #alive: Moment | undefined
  #timer: Timer | undefined

  constructor(environment: Environment, options: SessionClockOptions) {
    this.#environment = environment
    this.#options = options
    this.#timeoutMs = options.timeoutMs
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
    return { at: clock.monotonic(), byWall: clock.now() }
  }

  /** When the coordinator last heard of us, for sure; undefined without a session. */
  get alive(): Moment | undefined {
    return this.#alive
  }

  /** The same, for the member's board. */
  get times(): SessionTimes | undefined {
    if (this.#alive === undefined) return undefined
    return { aliveAt: this.#alive.at, aliveAtByWall: this.#alive.byWall }
  }

  /** Who was counted in when this was sent has a session. False when newer news is known. */
  confirm(sent: Moment): boolean {
    if (this.#alive !== undefined && sent.at < this.#alive.at) return false
    this.#alive = sent
    this.#arm()
    return true
  }

  stop(): void {
    this.#environment.timers.clear(this.#timer)
    this.#alive = undefined
  }

  /** By the larger of both clocks' gaps (virtual machines suspend). */
  isFresh(now = this.#environment.clock.monotonic()): boolean {
    if (this.#alive === undefined) return false
    const { at, byWall } = this.#alive
    if (now - at >= this.#timeoutMs) return false
    return this.#environment.clock.now() - byWall < this.#timeoutMs
  }

  /**
   * Takes over what the heartbeat thread heard while the loop was blocked. True when it is news.
   */
  learn(): boolean {
    const board = this.#options.seat?.board
    const alive = this.#alive
    if (board === undefined || alive === undefined || board.aliveAt <= alive.at) return false
    this.#alive = { at: board.aliveAt, byWall: board.aliveAtByWall }
    return true
  }

  #arm(): void {
    const { timers, clock } = this.#environment
    timers.clear(this.#timer)
    if (this.#alive === undefined) return
    const remainingMs = this.#alive.at + this.#timeoutMs - clock.monotonic()
    this.#timer = timers.set(Math.max(0, remainingMs), () => {
      // Late or not: answers that have arrived are read before the session is called over.
      timers.soon(() => {
        if (this.#alive === undefined) return
        this.learn()
        if (clock.monotonic() - this.#alive.at < this.#timeoutMs) this.#arm()
        else this.#options.onExpired()
      })
    })
  }
}
