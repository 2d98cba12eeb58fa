/**
 * Liveness of one consumer, with everything that measures it: the heartbeat thread heartbeats while
 * the loop is blocked, blocks are told, user code that does not come back is noticed, and a
 * partition that does not move is looked after.
 */
import type { Cluster } from '../../cluster/index.ts'
import type { ClientEvents } from '../../events/client-events.ts'
import type { TypedEmitter } from '../../events/emitter.ts'
import type { Membership } from '../../groups/shell/membership.ts'
import type { Occupant, Place } from '../delivery/in-flight-records.ts'
import { type LoopListener, loopWatchOf } from '../../groups/heartbeat-thread/loop-watch.ts'
import type { ProgressWatchdog } from './watchdog.ts'
import { PollInterval } from './poll-interval.ts'
import { Seat } from '../../groups/shell/heartbeat-handle.ts'
import { blockNoticedAfterMs, tickIntervalMs } from '../../groups/heartbeat-thread/take-over.ts'
import { threadOptions } from '../../groups/heartbeat-thread/thread-options.ts'
import { heartbeatThreadOf } from '../../groups/heartbeat-thread/thread-host.ts'

export interface LivenessOptions {
  readonly groupId?: string | undefined
  readonly groupInstanceId?: string | undefined
  /** Where the broker owns it: as long as it is not known. */
  readonly sessionTimeoutMs: number
  readonly maxPollIntervalMs: number
  readonly heartbeatThread: boolean
}

export interface LivenessOwner {
  readonly membership: Pick<Membership, 'rest' | 'start' | 'isSessionAlive'>
  readonly occupant: Occupant | undefined
  /** See `PollIntervalOwner`. */
  readonly waiting?: Place | 'partitions' | undefined
  /**
   * Finishes and commits what was processed, then calls `rest`; until it resolves the member does
   * not join again. Nothing reads.
   */
  release?(): Promise<void>
  readonly watchdog: Pick<ProgressWatchdog, 'excuse' | 'look' | 'reportUnread'>
  /** What to say after a block that has cost the session, or may have. */
  readonly staleAdvice?: string
  /** What user code has is stale from now on: its partitions are about to be given up. */
  expire(): void
}

const STALE_ADVICE = 'The session is over or in doubt: nothing is delivered before it is verified.'
const ALIVE_ADVICE = 'The session was kept. Move long computations off the main thread.'

export class Liveness implements LoopListener {
  /** The member's place beside the heartbeat thread; undefined without one. */
  readonly seat: Seat | undefined
  readonly #cluster: Cluster
  readonly #options: LivenessOptions
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #owner: LivenessOwner
  readonly #pollInterval: PollInterval
  #leaveThread: (() => Promise<void>) | undefined
  #unsubscribe: (() => void) | undefined
  #beats = 0
  /** The session that the loop is watched for. */
  #watchedFor = 0
  #isThreadUnavailable = false
  #isReleasing = false
  #isWanted = false

  constructor(
    cluster: Cluster,
    options: LivenessOptions,
    emitter: TypedEmitter<ClientEvents>,
    owner: LivenessOwner,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#emitter = emitter
    this.#owner = owner
    const { groupId = '', groupInstanceId, maxPollIntervalMs } = options
    if (options.heartbeatThread && groupId !== '') this.seat = new Seat(() => this.#join())
    this.#pollInterval = new PollInterval(
      { groupId, maxPollIntervalMs },
      {
        get occupant() {
          return owner.occupant
        },
        get waiting() {
          return owner.waiting
        },
        rest: (reason) => {
          const { membership } = owner
          if (membership.rest === undefined) return false
          owner.expire()
          membership.rest({ group: groupInstanceId === undefined ? 'leave' : 'remain', reason })
          return true
        },
        wake: () => {
          if (this.#isReleasing) this.#isWanted = true
          else owner.membership.start()
        },
        leaveUnread: (reason) => {
          if (owner.membership.rest === undefined || owner.release === undefined) return false
          owner.watchdog.reportUnread()
          void this.#release(reason)
          return true
        },
      },
      emitter,
    )
  }

  /** A `run` failed and nothing reads: what was processed is committed, and the group is left. */
  leaveUnread(reason: string): boolean {
    return this.#pollInterval.leaveUnread(reason)
  }

  async #release(reason: string): Promise<void> {
    const { groupInstanceId } = this.#options
    this.#isReleasing = true
    this.#isWanted = false
    await this.#owner.release?.()
    const { membership } = this.#owner
    membership.rest?.({ group: groupInstanceId === undefined ? 'leave' : 'remain', reason })
    this.#isReleasing = false
    if (this.#isWanted && this.#unsubscribe !== undefined) membership.start()
  }

  /** With the first use. */
  start(): void {
    this.#watch()
    const given = threadOptions(this.#cluster.options)
    if (this.seat !== undefined && 'whyNot' in given) this.#tellOff(given.whyNot)
  }

  /** Ticks as often as the session asks for; under KIP-848 it is known later. */
  #watch(): void {
    this.#unsubscribe?.()
    this.#watchedFor = this.#sessionTimeoutMs
    const intervalMs = tickIntervalMs(this.#watchedFor)
    this.#unsubscribe = loopWatchOf(this.#cluster.environment).subscribe(this, intervalMs)
  }

  get #sessionTimeoutMs(): number {
    return this.seat?.sessionTimeoutMs ?? this.#options.sessionTimeoutMs
  }

  #tellOff(reason: string): void {
    this.#isThreadUnavailable = true
    const { groupId = '' } = this.#options
    this.#emitter.emit('heartbeatThreadUnavailable', { groupId, reason })
  }

  #join(): void {
    const { seat } = this
    const isOver = this.#unsubscribe === undefined
    if (seat === undefined || isOver || this.#isThreadUnavailable) return
    const { environment } = this.#cluster
    const { groupId = '', maxPollIntervalMs } = this.#options
    this.#leaveThread = heartbeatThreadOf(environment).join({
      cluster: this.#cluster,
      seat,
      settings: { groupId, maxPollIntervalMs },
      onOff: (reason) => this.#tellOff(reason),
    })
  }

  onReturn(blockedMs: number): void {
    this.seat?.reclaim()
    this.#owner.watchdog.excuse(blockedMs)
    const { groupId = '' } = this.#options
    if (blockedMs < blockNoticedAfterMs(this.#sessionTimeoutMs)) return
    const { membership, occupant } = this.#owner
    const beats = this.seat?.board.beats ?? 0
    const isAlive = membership.isSessionAlive()
    this.#emitter.emit('eventLoopBlocked', {
      groupId,
      blockedMs: Math.round(blockedMs),
      inFlight: occupant?.lastHanded,
      heartbeats: beats - this.#beats,
      isSessionAlive: isAlive,
      advice: isAlive ? ALIVE_ADVICE : (this.#owner.staleAdvice ?? STALE_ADVICE),
    })
    this.#beats = beats
  }

  onTick(now: number): void {
    const { seat } = this
    seat?.reclaim()
    if (this.#watchedFor !== this.#sessionTimeoutMs) this.#watch()
    const { occupant } = this.#owner
    if (seat !== undefined) {
      // One record of `run` that is stuck is not the member; see `PollInterval`.
      const oldest = occupant?.overdue === undefined ? occupant?.oldestInHand : undefined
      seat.board.inHandSince = oldest?.since ?? 0
    }
    this.#pollInterval.check(now)
    this.#owner.watchdog.look(now)
  }

  /** User code asks for more, or a handler settled. */
  userReturned(): void {
    this.#pollInterval.returned()
  }

  /** User code does something with the records it has, and requests none. */
  userActed(): void {
    this.#pollInterval.acted()
  }

  async close(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    await this.#leaveThread?.()
  }
}
