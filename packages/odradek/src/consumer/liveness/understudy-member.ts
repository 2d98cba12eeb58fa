/** One member's place in the understudy's thread: when it steps in, and what it hears. */
import { apiVersions, BrokerError, KafkaError } from '@odradek/protocol'
import { backoffMs, type Cluster } from '../../cluster/index.ts'
import { TimeoutError } from '../../errors/errors.ts'
import { MEMBER_REACTIONS, reactionFor } from '../group/classic-reactions.ts'
import { heartbeatTimeoutMs, type Life, sendHeartbeat } from '../group/heartbeat-request.ts'
import { SessionBoard } from './session-board.ts'
import { blockNoticedAfterMs, type ClockOffset, takeOver } from './take-over.ts'
import type { SeatSettings } from './thread-messages.ts'

export interface UnderstudyMemberTools {
  readonly board: SharedArrayBuffer
  readonly offset: ClockOffset
  readonly onTrouble: (reason: string) => void
}

/** How often the connection is tried out, so that it stands when it is needed ... */
const WARM_INTERVAL_MS = 60_000
/** ... and how soon again when it does not. */
const COLD_INTERVAL_MS = 5000

/** Everything after which the coordinator counts this member out, whatever is tried. */
const REFUSALS = new Set(['resetGeneration', 'resetMember', 'fatal'])

export class UnderstudyMember {
  readonly #cluster: Cluster
  readonly #settings: SeatSettings
  readonly #board: SessionBoard
  readonly #tools: UnderstudyMemberTools
  #life: Life | undefined
  /** The newest heartbeat under way, and when it is given up. */
  #pending: { readonly until: number } | undefined
  #dueAt = 0
  #failures = 0
  #warmAt = Number.NEGATIVE_INFINITY
  #isWarming = false
  #isTold = false
  #isClosed = false

  constructor(cluster: Cluster, settings: SeatSettings, tools: UnderstudyMemberTools) {
    this.#cluster = cluster
    this.#settings = settings
    this.#tools = tools
    this.#board = new SessionBoard(tools.board)
  }

  get sessionTimeoutMs(): number {
    return this.#settings.sessionTimeoutMs
  }

  live(life: Life): void {
    this.#life = life
    this.#pending = undefined
    this.#dueAt = 0
    this.#failures = 0
  }

  close(): void {
    this.#isClosed = true
    this.#life = undefined
  }

  /** Called every tick. */
  look(now: number, sinceTickMs: number): void {
    if (now >= this.#warmAt && !this.#isWarming) this.#warm()
    if (this.#pending !== undefined && now >= this.#pending.until) {
      this.#pending = undefined
      this.#retryLater()
    }
    const { offset } = this.#tools
    const board = this.#board
    const { inHandSince } = board
    const { maxPollIntervalMs, sessionTimeoutMs } = this.#settings
    const decision = takeOver(
      {
        isMember: this.#life !== undefined && this.#life.generationId === board.generationId,
        isRefused: board.refusedIn !== 0,
        isPending: this.#pending !== undefined,
        sinceTickMs,
        inHandMs: inHandSince === 0 ? 0 : now - offset.toOurs(inHandSince),
        dueInMs: this.#dueAt - now,
      },
      { noticedAfterMs: blockNoticedAfterMs(sessionTimeoutMs), maxPollIntervalMs },
    )
    // The next block is another one: its first heartbeat is due at once.
    if (decision === 'rest') this.#dueAt = 0
    if (decision !== 'beat' || this.#life === undefined) return
    const term = board.takeOver()
    if (term !== undefined) this.#beat(this.#life, term)
  }

  #beat(life: Life, term: number): void {
    const { clock } = this.#cluster.environment
    const sentAt = clock.monotonic()
    const sentAtByWall = clock.now()
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, this.#settings.sessionTimeoutMs)
    const attempt = { until: sentAt + timeoutMs }
    this.#pending = attempt
    const isCurrent = (): boolean => this.#board.term === term && this.#life === life
    const heard = (error: KafkaError | undefined): void => {
      const isNewest = this.#pending === attempt
      if (isNewest) this.#pending = undefined
      // The main thread is back, or the generation another: this answer is of an older term.
      if (!isCurrent()) return
      const code = error?.code
      if (code === undefined || code === 'REBALANCE_IN_PROGRESS') {
        this.#confirm(sentAt, sentAtByWall)
        if (isNewest) this.#dueAt = sentAt + this.#settings.heartbeatIntervalMs
      } else if (error !== undefined) this.#refuse(error, term, isNewest)
    }
    sendHeartbeat(this.#cluster, this.#settings, life, timeoutMs).then(
      () => heard(undefined),
      (cause: unknown) => {
        heard(cause instanceof KafkaError ? cause : new TimeoutError(String(cause)))
      },
    )
  }

  #confirm(sentAt: number, sentAtByWall: number): void {
    const aliveAt = this.#tools.offset.toTheirs(sentAt)
    this.#failures = 0
    this.#board.countBeat()
    if (aliveAt > this.#board.aliveAt) this.#board.confirm(aliveAt, sentAtByWall)
  }

  #refuse(error: KafkaError, term: number, isNewest: boolean): void {
    const reaction = reactionFor(MEMBER_REACTIONS, error)
    if (error instanceof BrokerError && REFUSALS.has(reaction)) {
      this.#board.refusedIn = term
      return
    }
    if (reaction === 'coordinator') {
      this.#cluster.forgetCoordinator('group', this.#settings.groupId)
    }
    if (isNewest) this.#retryLater()
  }

  #retryLater(): void {
    const { environment, options } = this.#cluster
    const range = { initialMs: options.retryBackoffMs, maxMs: options.retryBackoffMaxMs }
    const pauseMs = backoffMs(range, this.#failures++, environment.random)
    this.#dueAt = environment.clock.monotonic() + pauseMs
  }

  /** A harmless request to the coordinator: the connection stands, and is not closed as idle. */
  #warm(): void {
    this.#isWarming = true
    const { groupId } = this.#settings
    const { clock } = this.#cluster.environment
    this.#cluster
      .requestCoordinator(
        'group',
        groupId,
        apiVersions,
        { clientSoftwareName: 'odradek', clientSoftwareVersion: '0.1.0' },
        { purpose: 'heartbeat' },
      )
      .then(
        () => {
          this.#isTold = false
          this.#warmAt = clock.monotonic() + WARM_INTERVAL_MS
        },
        (error: unknown) => {
          this.#warmAt = clock.monotonic() + COLD_INTERVAL_MS
          const reaction = error instanceof KafkaError ? reactionFor(MEMBER_REACTIONS, error) : ''
          if (reaction === 'coordinator') this.#cluster.forgetCoordinator('group', groupId)
          if (this.#isClosed || this.#isTold) return
          this.#isTold = true
          this.#tools.onTrouble(error instanceof Error ? error.message : String(error))
        },
      )
      .finally(() => {
        this.#isWarming = false
      })
      .catch(() => undefined)
  }
}
