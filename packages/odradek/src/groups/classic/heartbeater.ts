/**
 * Heartbeats of a classic member, which keep its session alive. A heartbeat's deadline is a third
 * of the session, so that one lost answer is noticed and tried again in time. Whether the member
 * may still act is asked here: not when its session is not fresh (`shell/session-clock.ts`), when
 * the heartbeat thread was refused, or when the group may have gone on without it
 * (`join-deadline.ts`).
 */
import type { Timer } from '@odradek/environment'
import { KafkaError } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../../cluster/index.ts'
import { TimeoutError } from '../../errors/errors.ts'
import type { Seat } from '../shell/heartbeat-handle.ts'
import { AnswerDeadline } from '../shell/response-deadline.ts'
import { type Moment, SessionClock } from '../shell/session-clock.ts'
import { JoinDeadline } from './join-deadline.ts'
import { heartbeatTimeoutMs, type Life, sendHeartbeat } from './heartbeat-request.ts'

export type { Life } from './heartbeat-request.ts'

export interface HeartbeaterOptions {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  /** Beside the heartbeat thread, if there is one. */
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
  /** The newest heartbeat under way; what older ones hear counts as news of the session alone. */
  #pending: symbol | undefined
  readonly #joinDeadline: JoinDeadline
  readonly #session: SessionClock
  readonly #answerDeadline: AnswerDeadline
  #lastBeatAt = 0
  #failures = 0

  constructor(cluster: Cluster, options: HeartbeaterOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#joinDeadline = new JoinDeadline(options)
    this.#session = new SessionClock(cluster.environment, {
      timeoutMs: options.sessionTimeoutMs,
      seat: options.seat,
      onExpired: () => {
        if (this.#life !== undefined) options.onExpired(this.#life)
      },
    })
    this.#answerDeadline = new AnswerDeadline(cluster.environment, options.groupId)
  }

  /**
   * The coordinator counted us in. When is not known: the answer may have waited in a socket while
   * the loop was blocked. So the session of a member that lives on is not renewed by it.
   */
  start(life: Life): void {
    const livesOn = this.#life?.memberId === life.memberId
    const counted = (livesOn ? this.#session.alive : undefined) ?? this.#session.now()
    this.stop()
    this.#life = life
    this.#failures = 0
    this.#joinDeadline.calm(counted.at)
    const { groupId, groupInstanceId, sessionTimeoutMs, heartbeatIntervalMs } = this.#options
    const timings = { sessionTimeoutMs, heartbeatIntervalMs }
    const lines = { protocol: 'classic', groupId, groupInstanceId, life, ...timings } as const
    const times = { aliveAt: counted.at, aliveAtByWall: counted.byWall }
    this.#options.seat?.begin(lines, times)
    this.#session.confirm(counted)
    this.beatSoon()
  }

  stop(): void {
    const { timers } = this.#cluster.environment
    this.#options.seat?.end()
    timers.clear(this.#beatTimer)
    this.#session.stop()
    this.#answerDeadline.stop()
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
    const isAlive = (): boolean => this.#session.isFresh(now)
    const isFresh = !isRefused && (isAlive() || (this.#learn() && isAlive()))
    if (!isFresh) {
      if (this.#pending === undefined) this.#armBeat(0)
      return false
    }
    const isLate = (): boolean =>
      this.#joinDeadline.mayHavePassed(now, this.#session.alive?.at ?? 0)
    if (!isLate()) return true
    this.#learn()
    if (!isLate()) return true
    const soon = Math.max(0, this.#lastBeatAt + EARLY_CHECK_MS - now)
    if (this.#pending === undefined) this.#armBeat(soon)
    return false
  }

  /**
   * Takes over what the heartbeat thread heard while the loop was blocked. True when it is news.
   */
  #learn(): boolean {
    const board = this.#options.seat?.board
    if (board !== undefined) this.#joinDeadline.calm(board.calmAt)
    return this.#session.learn()
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
    const { sessionTimeoutMs, seat } = this.#options
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, sessionTimeoutMs)
    seat?.reclaim()
    const term = seat?.term ?? 0
    const attempt = Symbol('heartbeat')
    this.#pending = attempt
    const sent = this.#session.now()
    this.#lastBeatAt = sent.at
    this.#answerDeadline.start(timeoutMs, (error) => this.#settle(attempt, life, error))
    const heard = (): void => {
      if (life === this.#life) this.#confirm(sent, term)
    }
    sendHeartbeat(this.#cluster, this.#options, life, timeoutMs).then(
      () => {
        heard()
        if (life === this.#life) this.#joinDeadline.calm(sent.at)
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

  #confirm(sent: Moment, term: number): void {
    this.#session.confirm(sent)
    const { times } = this.#session
    if (times !== undefined) this.#options.seat?.confirm(term, times)
  }

  #settle(attempt: symbol, life: Life, error: KafkaError | undefined): void {
    if (attempt !== this.#pending || life !== this.#life) return
    const { environment } = this.#cluster
    this.#answerDeadline.stop()
    this.#pending = undefined
    const { heartbeatIntervalMs } = this.#options
    const isAcknowledged = error === undefined || error.code === 'REBALANCE_IN_PROGRESS'
    if (isAcknowledged) {
      this.#failures = 0
      const sinceSent = environment.clock.monotonic() - (this.#session.alive?.at ?? 0)
      this.#armBeat(Math.max(0, heartbeatIntervalMs - sinceSent))
    } else {
      const pauseMs = retryPauseMs(this.#cluster, this.#failures++)
      this.#armBeat(Math.min(heartbeatIntervalMs, pauseMs))
    }
    if (error === undefined) this.#options.onAcknowledged(life)
    else this.#options.onRefused(error, life)
  }
}
