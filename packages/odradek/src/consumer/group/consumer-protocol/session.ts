/**
 * How long a membership still holds by our own clocks. What counts is when the last acknowledged
 * heartbeat was *sent*. A session is over only after arrived input was read (a blocked loop runs
 * late timers first); when the wall clock ran ahead (a suspended machine) it is in doubt until one
 * more heartbeat was answered.
 */
import type { Environment, Timer } from '@odradek/environment'

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
}

export class Session {
  readonly #environment: Environment
  readonly #events: SessionEvents
  #timeoutMs: number
  #alive: Moment | undefined
  #timer: Timer | undefined
  #isInDoubt = false

  constructor(environment: Environment, timeoutMs: number, events: SessionEvents) {
    this.#environment = environment
    this.#timeoutMs = timeoutMs
    this.#events = events
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

  /** The coordinator counted us in when this was sent. Begins the session if there is none. */
  confirm(sent: Moment): void {
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
    const { at, byWall } = this.now()
    const age = Math.max(at - this.#alive.at, byWall - this.#alive.byWall)
    if (age < this.#timeoutMs) return true
    if (!this.#isInDoubt) {
      this.#isInDoubt = true
      this.#environment.timers.soon(() => {
        if (this.#isInDoubt) this.#events.onDoubt()
      })
    }
    return false
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
        if (this.now().at - this.#alive.at < this.#timeoutMs) this.#arm()
        else this.#events.onExpired()
      })
    })
  }
}
