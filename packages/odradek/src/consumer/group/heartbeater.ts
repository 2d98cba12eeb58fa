/**
 * Keeps a member's session alive and knows how long it still is. A heartbeat's deadline is a third
 * of the session, so that one lost answer is noticed and tried again in time; what counts is when
 * the last acknowledged heartbeat was *sent*. A session is over only after arrived input was read
 * (a blocked loop runs late timers first), and when the wall clock ran ahead (a suspended machine)
 * the session is in doubt until one more heartbeat was answered. So it is when the group may have
 * gone on without this member (`join-deadline.ts`).
 *
 * While the loop is blocked an understudy may heartbeat in its place (`liveness/`). What it heard
 * is on the member's board: it is looked at before a session is called over, and a member that was
 * refused meanwhile is in doubt as well.
 */
import type { Timer } from '@odradek/environment'
import { KafkaError } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../../cluster/index.ts'
import { TimeoutError } from '../../errors/errors.ts'
import type { Seat } from '../liveness/seat.ts'
import { JoinDeadline } from './join-deadline.ts'
import { heartbeatTimeoutMs, type Life, sendHeartbeat } from './heartbeat-request.ts'

export type { Life } from './heartbeat-request.ts'

export interface HeartbeaterOptions {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  /** Beside the understudy, if there is one. */
  readonly seat?: Seat | undefined
  readonly onRefused: (error: KafkaError, life: Life) => void
  readonly onAcknowledged: (life: Life) => void
  readonly onExpired: (life: Life) => void
}

/** A second phase often follows at once: the first heartbeats of a generation do not wait long. */
const EARLY_CHECK_MS = 500

export class Heartbeater {
  readonly #cluster: Cluster
  readonly #options: HeartbeaterOptions
  #life: Life | undefined
  #beatTimer: Timer | undefined
  #sessionTimer: Timer | undefined
  #answerTimer: Timer | undefined
  /** The newest heartbeat under way; what older ones hear counts as news of the session alone. */
  #pending: symbol | undefined
  readonly #joinDeadline: JoinDeadline
  #lastBeatAt = 0
  #aliveAt = 0
  #aliveAtByWall = 0
  #failures = 0

  constructor(cluster: Cluster, options: HeartbeaterOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#joinDeadline = new JoinDeadline(options)
  }

  /**
   * The coordinator counted us in. When is not known: the answer may have waited in a socket while
   * the loop was blocked. So the session of a member that lives on is not renewed by it.
   */
  start(life: Life): void {
    const livesOn = this.#life?.memberId === life.memberId
    this.stop()
    const { clock } = this.#cluster.environment
    this.#life = life
    this.#failures = 0
    if (!livesOn) {
      this.#aliveAt = clock.monotonic()
      this.#aliveAtByWall = clock.now()
    }
    this.#joinDeadline.calm(this.#aliveAt)
    const { groupId, groupInstanceId, sessionTimeoutMs, heartbeatIntervalMs } = this.#options
    const timings = { sessionTimeoutMs, heartbeatIntervalMs }
    const lines = { protocol: 'classic', groupId, groupInstanceId, life, ...timings } as const
    this.#options.seat?.begin(lines, this.#times)
    this.#armSession()
    this.beatSoon()
  }

  get #times() {
    return { aliveAt: this.#aliveAt, aliveAtByWall: this.#aliveAtByWall }
  }

  stop(): void {
    const { timers } = this.#cluster.environment
    this.#options.seat?.end()
    timers.clear(this.#beatTimer)
    timers.clear(this.#sessionTimer)
    timers.clear(this.#answerTimer)
    this.#life = undefined
    this.#pending = undefined
  }

  /** An early heartbeat, when something may have happened. */
  beatSoon(): void {
    this.#armBeat(Math.min(EARLY_CHECK_MS, this.#options.heartbeatIntervalMs))
  }

  /** Whether the session still holds by our own clocks; in doubt it asks the coordinator. */
  isAlive(now = this.#cluster.environment.clock.monotonic()): boolean {
    if (this.#life === undefined) return false
    const isRefused = this.#options.seat?.isInDoubt === true
    const isFresh = !isRefused && (this.#isFresh(now) || (this.#learn() && this.#isFresh(now)))
    if (!isFresh) {
      if (this.#pending === undefined) this.#armBeat(0)
      return false
    }
    const isLate = (): boolean => this.#joinDeadline.mayHavePassed(now, this.#aliveAt)
    if (!isLate()) return true
    this.#learn()
    if (!isLate()) return true
    const soon = Math.max(0, this.#lastBeatAt + EARLY_CHECK_MS - now)
    if (this.#pending === undefined) this.#armBeat(soon)
    return false
  }

  #isFresh(now: number): boolean {
    const { sessionTimeoutMs } = this.#options
    const { clock } = this.#cluster.environment
    if (now - this.#aliveAt >= sessionTimeoutMs) return false
    return clock.now() - this.#aliveAtByWall < sessionTimeoutMs
  }

  /** Takes over what the understudy heard while the loop was blocked. True when it is news. */
  #learn(): boolean {
    const board = this.#options.seat?.board
    if (board !== undefined) this.#joinDeadline.calm(board.calmAt)
    if (board === undefined || board.aliveAt <= this.#aliveAt) return false
    this.#aliveAt = board.aliveAt
    this.#aliveAtByWall = board.aliveAtByWall
    return true
  }

  #armBeat(delayMs: number): void {
    const { timers } = this.#cluster.environment
    timers.clear(this.#beatTimer)
    if (this.#life === undefined) return
    this.#beatTimer = timers.set(delayMs, () => this.#beat())
  }

  #beat(): void {
    const life = this.#life
    if (life === undefined || this.#pending !== undefined) return
    const { environment } = this.#cluster
    const { sessionTimeoutMs, groupId, seat } = this.#options
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, sessionTimeoutMs)
    seat?.reclaim()
    const term = seat?.term ?? 0
    const attempt = Symbol('heartbeat')
    this.#pending = attempt
    const sentAt = environment.clock.monotonic()
    this.#lastBeatAt = sentAt
    const sentAtByWall = environment.clock.now()
    // The deadline covers finding the coordinator and connecting to it, too.
    this.#answerTimer = environment.timers.set(timeoutMs, () =>
      environment.timers.soon(() => {
        const text = `The coordinator of group "${groupId}" did not answer within ${timeoutMs} ms.`
        this.#settle(attempt, life, new TimeoutError(text))
      }),
    )
    const heard = (): void => {
      this.#confirm(life, sentAt, sentAtByWall)
      if (life === this.#life) seat?.confirm(term, this.#times)
    }
    sendHeartbeat(this.#cluster, this.#options, life, timeoutMs).then(
      () => {
        heard()
        if (life === this.#life) this.#joinDeadline.calm(sentAt)
        this.#settle(attempt, life, undefined)
      },
      (cause: unknown) => {
        const error = cause instanceof KafkaError ? cause : new TimeoutError(String(cause))
        // The coordinator knows us and says so by asking us to rejoin.
        if (error.code === 'REBALANCE_IN_PROGRESS') {
          heard()
          if (life === this.#life) this.#joinDeadline.gathers(environment.clock.monotonic())
        }
        this.#settle(attempt, life, error)
      },
    )
  }

  #confirm(life: Life, sentAt: number, sentAtByWall: number): void {
    if (life !== this.#life || sentAt < this.#aliveAt) return
    this.#aliveAt = sentAt
    this.#aliveAtByWall = sentAtByWall
    this.#armSession()
  }

  #settle(attempt: symbol, life: Life, error: KafkaError | undefined): void {
    if (attempt !== this.#pending || life !== this.#life) return
    const { environment } = this.#cluster
    environment.timers.clear(this.#answerTimer)
    this.#pending = undefined
    const { heartbeatIntervalMs } = this.#options
    const isAcknowledged = error === undefined || error.code === 'REBALANCE_IN_PROGRESS'
    if (isAcknowledged) {
      this.#failures = 0
      const sinceSent = environment.clock.monotonic() - this.#aliveAt
      this.#armBeat(Math.max(0, heartbeatIntervalMs - sinceSent))
    } else {
      const pauseMs = retryPauseMs(this.#cluster, this.#failures++)
      this.#armBeat(Math.min(heartbeatIntervalMs, pauseMs))
    }
    if (error === undefined) this.#options.onAcknowledged(life)
    else this.#options.onRefused(error, life)
  }

  #armSession(): void {
    const { timers, clock } = this.#cluster.environment
    timers.clear(this.#sessionTimer)
    const remaining = this.#aliveAt + this.#options.sessionTimeoutMs - clock.monotonic()
    this.#sessionTimer = timers.set(Math.max(0, remaining), () => {
      // Late or not: answers that have arrived are read before the session is called over.
      timers.soon(() => {
        const life = this.#life
        if (life === undefined) return
        this.#learn()
        const age = clock.monotonic() - this.#aliveAt
        if (age < this.#options.sessionTimeoutMs) this.#armSession()
        else this.#options.onExpired(life)
      })
    })
  }
}
