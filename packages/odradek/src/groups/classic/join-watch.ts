/**
 * Whether the coordinator knows of a join that is under way, for a member whose heartbeats do not
 * run yet: it has an id, and no generation. A heartbeat of no generation is refused either way, but
 * not alike: whose join is parked is in the group, in another generation (ILLEGAL_GENERATION);
 * whose join was lost is not in it (UNKNOWN_MEMBER_ID).
 */
import type { Timer } from '@odradek/environment'
import { KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { AnswerDeadline } from '../shell/response-deadline.ts'
import {
  type HeartbeatIdentity,
  heartbeatTimeoutMs,
  type Life,
  sendHeartbeat,
} from './heartbeat-request.ts'
import type { State } from './membership-classic.states.ts'

export interface JoinWatchOptions extends HeartbeatIdentity {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly onAnswered: (life: Life, error: KafkaError | undefined) => void
}

export class JoinWatch {
  readonly #cluster: Cluster
  readonly #options: JoinWatchOptions
  readonly #answerDeadline: AnswerDeadline
  #life: Life | undefined
  #timer: Timer | undefined

  constructor(cluster: Cluster, options: JoinWatchOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#answerDeadline = new AnswerDeadline(cluster.environment, options.groupId)
  }

  /** Called after every step: watches while there is something to watch. */
  follow(state: State): void {
    const memberId = watchedIn(state)
    if (memberId === this.#life?.memberId) return
    this.#stop()
    if (memberId === undefined) return
    this.#life = { memberId, generationId: NO_GENERATION_ID }
    this.#askLater(this.#life)
  }

  #stop(): void {
    this.#life = undefined
    this.#answerDeadline.stop()
    this.#cluster.environment.timers.clear(this.#timer)
  }

  #askLater(life: Life): void {
    const { timers } = this.#cluster.environment
    this.#timer = timers.set(this.#options.heartbeatIntervalMs, () => this.#ask(life))
  }

  #ask(life: Life): void {
    const timeoutMs = heartbeatTimeoutMs(this.#cluster, this.#options.sessionTimeoutMs)
    let isSettled = false
    const settle = (error: KafkaError | undefined): void => {
      if (isSettled || life !== this.#life) return
      isSettled = true
      this.#answerDeadline.stop()
      this.#askLater(life)
      this.#options.onAnswered(life, error)
    }
    this.#answerDeadline.start(timeoutMs, settle)
    sendHeartbeat(this.#cluster, this.#options, life, timeoutMs).then(
      () => settle(undefined),
      (error: unknown) => {
        if (error instanceof KafkaError) settle(error)
      },
    )
  }
}

const NO_GENERATION_ID = -1

function watchedIn(state: State): string | undefined {
  if (state.name !== 'joining') return undefined
  const { memberId, generation } = state.member
  return memberId === '' || generation.generationId >= 0 ? undefined : memberId
}
