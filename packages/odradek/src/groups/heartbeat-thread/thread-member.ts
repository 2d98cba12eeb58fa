/** One member's place in the heartbeat thread: when it steps in, and what it hears. */
import { apiVersions, KafkaError } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../../cluster/index.ts'
import { TimeoutError } from '../../errors/errors.ts'
import { MEMBER_REACTIONS } from '../classic/classic-reactions.ts'
import { reactionFor } from '../shell/member-reactions.ts'
import { heartbeatTimeoutMs } from '../classic/heartbeat-request.ts'
import type { HeartbeatResult } from '../shell/heartbeat-snapshot.ts'
import { type AnySnapshot, classifyError, sendSnapshot } from './send-heartbeat.ts'
import { SessionBoard } from '../shell/shared-session-state.ts'
import { blockNoticedAfterMs, type ClockOffset, takeOver } from './take-over.ts'
import type { SeatSettings } from './thread-messages.ts'

export interface ThreadMemberTools {
  readonly board: SharedArrayBuffer
  readonly offset: ClockOffset
  readonly onTrouble: (reason: string) => void
}

/** How often the connection is tried out, so that it stands when it is needed ... */
const WARM_INTERVAL_MS = 60_000
/** ... and how soon again when it does not. */
const COLD_INTERVAL_MS = 5000
/** Before the member has said how long its session is. */
const DEFAULT_SESSION_TIMEOUT_MS = 45_000

export class ThreadMember {
  readonly #cluster: Cluster
  readonly #settings: SeatSettings
  readonly #board: SessionBoard
  readonly #tools: ThreadMemberTools
  #known: { readonly number: number; readonly lines: AnySnapshot } | undefined
  /** The member epoch that the coordinator answered last, and in which term. */
  #told: { readonly term: number; readonly memberEpoch: number } | undefined
  /** The newest heartbeat under way, and when it is given up. */
  #pending: { readonly until: number } | undefined
  #dueAt = 0
  #failures = 0
  #warmAt = Number.NEGATIVE_INFINITY
  #isWarming = false
  #isTold = false
  #isClosed = false

  constructor(cluster: Cluster, settings: SeatSettings, tools: ThreadMemberTools) {
    this.#cluster = cluster
    this.#settings = settings
    this.#tools = tools
    this.#board = new SessionBoard(tools.board)
  }

  get sessionTimeoutMs(): number {
    return this.#known?.lines.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS
  }

  learn(number: number, lines: AnySnapshot): void {
    this.#known = { number, lines }
    this.#told = undefined
    this.#pending = undefined
    this.#dueAt = 0
    this.#failures = 0
  }

  close(): void {
    this.#isClosed = true
    this.#known = undefined
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
    const { maxPollIntervalMs } = this.#settings
    const known = this.#known
    const decision = takeOver(
      {
        isMember: known !== undefined && known.number === board.lines,
        isRefused: board.refusedIn !== 0,
        isPending: this.#pending !== undefined,
        sinceTickMs,
        inHandMs: inHandSince === 0 ? 0 : now - offset.toOurs(inHandSince),
        dueInMs: this.#dueAt - now,
      },
      { noticedAfterMs: blockNoticedAfterMs(this.sessionTimeoutMs), maxPollIntervalMs },
    )
    // The next block is another one: its first heartbeat is due at once.
    if (decision === 'rest') this.#dueAt = 0
    if (decision !== 'beat' || known === undefined) return
    const term = board.takeOver()
    if (term !== undefined) this.#beat(known.lines, term)
  }

  #beat(lines: AnySnapshot, term: number): void {
    const { clock } = this.#cluster.environment
    const sentAt = clock.monotonic()
    const sentAtByWall = clock.now()
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, lines.sessionTimeoutMs)
    const attempt = { until: sentAt + timeoutMs }
    this.#pending = attempt
    const isCurrent = (): boolean =>
      this.#board.term === term && this.#known?.lines === lines && !this.#isClosed
    const heard = (answer: HeartbeatResult | KafkaError): void => {
      const isNewest = this.#pending === attempt
      if (isNewest) this.#pending = undefined
      // The main thread is back, or stands for something else: this answer is of an older term.
      if (!isCurrent()) return
      const hearing = answer instanceof KafkaError ? classifyError(lines, answer) : 'alive'
      if (hearing === 'alive') {
        this.#confirm(sentAt, sentAtByWall)
        if (!(answer instanceof KafkaError) && answer.isCalm) {
          this.#board.calmAt = this.#tools.offset.toTheirs(sentAt)
        }
        const told = answer instanceof KafkaError ? undefined : answer.memberEpoch
        if (told !== undefined && isNewest) this.#tell(term, told)
        if (isNewest) this.#dueAt = sentAt + lines.heartbeatIntervalMs
        return
      }
      if (hearing === 'refused') {
        this.#board.refusedIn = term
        return
      }
      if (hearing === 'coordinator') {
        this.#cluster.forgetCoordinator('group', this.#settings.groupId)
      }
      if (isNewest) this.#retryLater()
    }
    const told = this.#told?.term === term ? this.#told.memberEpoch : undefined
    sendSnapshot(this.#cluster, lines, told, timeoutMs).then(heard, (cause: unknown) => {
      heard(cause instanceof KafkaError ? cause : new TimeoutError(String(cause)))
    })
  }

  #tell(term: number, memberEpoch: number): void {
    this.#told = { term, memberEpoch }
    this.#board.tell(term, memberEpoch)
  }

  #confirm(sentAt: number, sentAtByWall: number): void {
    const aliveAt = this.#tools.offset.toTheirs(sentAt)
    this.#failures = 0
    this.#board.countBeat()
    if (aliveAt > this.#board.aliveAt) this.#board.confirm(aliveAt, sentAtByWall)
  }

  #retryLater(): void {
    const pauseMs = retryPauseMs(this.#cluster, this.#failures++)
    this.#dueAt = this.#cluster.environment.clock.monotonic() + pauseMs
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
