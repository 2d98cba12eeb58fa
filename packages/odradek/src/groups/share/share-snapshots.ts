/** What the heartbeat thread sends for a share group member while the event loop is blocked. */
import type { Clock } from '@odradek/environment'
import { shareGroupHeartbeat } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { HeartbeatResult, HeartbeatSnapshot } from '../shell/heartbeat-snapshot.ts'
import type { Seat, SessionTimes } from '../shell/heartbeat-handle.ts'
import type { State } from './membership-share.machine.ts'

/** Kafka's own default of group.share.session.timeout.ms, before the group's is known. */
export const DEFAULT_SESSION_TIMEOUT_MS = 45_000

export interface ShareIdentity {
  readonly groupId: string
  readonly memberId: string
}

/** No partition is claimed or revoked in it: members of a share group share every partition. */
export interface ShareSnapshot extends HeartbeatSnapshot {
  readonly protocol: 'share'
  readonly identity: ShareIdentity
  readonly memberEpoch: number
  readonly subscribedTopicNames: readonly string[]
  readonly rackId: string | null
}

/**
 * `newestEpoch` is the newest that the coordinator responded since the snapshot was taken, if any.
 */
export async function sendShareSnapshot(
  cluster: Cluster,
  { identity, subscribedTopicNames, rackId, memberEpoch }: ShareSnapshot,
  newestEpoch: number | undefined,
  timeoutMs: number,
): Promise<HeartbeatResult> {
  const { groupId } = identity
  const response = await cluster.requestCoordinator(
    'group',
    groupId,
    shareGroupHeartbeat,
    { ...identity, memberEpoch: newestEpoch ?? memberEpoch, subscribedTopicNames, rackId },
    { purpose: 'heartbeat', timeoutMs },
  )
  throwIfError(response.errorCode, `stay in share group "${groupId}"`, response.errorMessage)
  return {
    memberEpoch: response.memberEpoch > 0 ? response.memberEpoch : undefined,
    isCalm: true,
  }
}

interface Sent extends SessionTimes {
  /** Of the board beside the heartbeat thread. */
  readonly term: number
}

/** Keeps a seat's lines true, and knows when the coordinator last heard of the member. */
export class ShareSnapshots {
  readonly #seat: Seat | undefined
  readonly #given: Pick<ShareSnapshot, 'identity' | 'subscribedTopicNames' | 'rackId'>
  sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS
  #heartbeatIntervalMs = 0
  #times: SessionTimes | undefined
  /** The lines that hold, to compare; undefined while the member is not counted in. */
  #said: string | undefined

  constructor(
    seat: Seat | undefined,
    given: Pick<ShareSnapshot, 'identity' | 'subscribedTopicNames' | 'rackId'>,
  ) {
    this.#seat = seat
    this.#given = given
  }

  /** A heartbeat of our own is sent now. */
  sending(clock: Clock): Sent {
    const { term } = this.#seat ?? { term: 0 }
    return { aliveAt: clock.monotonic(), aliveAtByWall: clock.now(), term }
  }

  /** It was answered: the coordinator counted us in when it was sent. */
  confirm(sent: Sent, heartbeatIntervalMs: number): void {
    this.#heartbeatIntervalMs = heartbeatIntervalMs
    this.#times = sent
    this.#seat?.confirm(sent.term, sent)
  }

  isAlive(now: number): boolean {
    if (this.#times === undefined || this.#seat?.isInDoubt === true) return false
    const aliveAt = Math.max(this.#times.aliveAt, this.#seat?.board.aliveAt ?? 0)
    return now - aliveAt < this.sessionTimeoutMs
  }

  /** After every step. */
  follow(state: State): void {
    const member = state.name === 'asking' || state.name === 'waiting' ? state.member : undefined
    if (member === undefined || member.memberEpoch === 0 || this.#times === undefined) {
      this.#times = undefined
      if (this.#said !== undefined) this.#seat?.end()
      this.#said = undefined
      return
    }
    const lines: ShareSnapshot = {
      protocol: 'share',
      ...this.#given,
      memberEpoch: member.memberEpoch,
      sessionTimeoutMs: this.sessionTimeoutMs,
      heartbeatIntervalMs: this.#heartbeatIntervalMs,
    }
    const said = JSON.stringify(lines)
    if (said === this.#said) return
    const isFirst = this.#said === undefined
    this.#said = said
    if (isFirst) this.#seat?.begin(lines, this.#times)
    else this.#seat?.change(lines)
  }
}
