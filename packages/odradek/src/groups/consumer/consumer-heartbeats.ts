/**
 * The heartbeats of one KIP-848 member, as its machine wants them: when the next one is due, what
 * was sent last, and what the coordinator said to it. One that is not answered within a third of
 * the session counts as refused, so that it is tried again in time.
 */
import type { Timer } from '@odradek/environment'
import { consumerGroupHeartbeat, KafkaError, type ResponseOf } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import { AnswerDeadline } from '../shell/response-deadline.ts'
import { refuseStrangeAssignment } from '../shell/refuse-strange-assignment.ts'
import { heartbeatBody, type HeartbeatIdentity } from './consumer-requests.ts'
import type { Heartbeat } from './membership-consumer.states.ts'
import type { Sent, Session } from './session.ts'

export type HeartbeatAnswer = ResponseOf<typeof consumerGroupHeartbeat>

export interface Refusal {
  readonly ticket: number
  readonly error: KafkaError
  /** The coordinator has refused us our group instance id for as long as another may have it. */
  readonly hasWaitedForSession: boolean
}

export interface ConsumerHeartbeatEvents {
  onDue(): void
  onAnswered(ticket: number, answer: HeartbeatAnswer): void
  onRefused(refusal: Refusal): void
}

export class ConsumerHeartbeats {
  readonly #cluster: Cluster
  readonly #identity: HeartbeatIdentity
  readonly #session: Session
  readonly #events: ConsumerHeartbeatEvents
  readonly #answerDeadline: AnswerDeadline
  #timer: Timer | undefined
  #ticket = 0
  #sent: Sent = { at: 0, byWall: 0, term: 0 }
  /**
   * Since when the coordinator has refused us our group instance id, as another's. Anything else in
   * between may be another coordinator, with which the other's session begins anew.
   */
  #heldSince: number | undefined

  constructor(
    cluster: Cluster,
    identity: HeartbeatIdentity,
    session: Session,
    events: ConsumerHeartbeatEvents,
  ) {
    this.#cluster = cluster
    this.#identity = identity
    this.#session = session
    this.#events = events
    this.#answerDeadline = new AnswerDeadline(cluster.environment, identity.groupId)
  }

  /** When the newest one was sent. */
  get sent(): Sent {
    return this.#sent
  }

  /** The next one is due then, unless one is sent before. */
  setDue(afterMs: number): void {
    const { timers } = this.#cluster.environment
    timers.clear(this.#timer)
    this.#timer = timers.set(afterMs, () => this.#events.onDue())
  }

  async send(ticket: number, heartbeat: Heartbeat): Promise<void> {
    const { environment, options } = this.#cluster
    const { groupId } = this.#identity
    environment.timers.clear(this.#timer)
    const timeoutMs = Math.min(options.requestTimeoutMs, Math.ceil(this.#session.timeoutMs / 3))
    this.#ticket = ticket
    this.#sent = this.#session.sending()
    this.#answerDeadline.start(timeoutMs, (error) => this.#refused(ticket, error))
    let answer: HeartbeatAnswer
    try {
      answer = await this.#cluster.requestCoordinator(
        'group',
        groupId,
        consumerGroupHeartbeat,
        heartbeatBody(this.#identity, heartbeat),
        { purpose: 'heartbeat', timeoutMs },
      )
      throwIfError(answer.errorCode, `be a member of group "${groupId}"`, answer.errorMessage)
      refuseStrangeAssignment(answer.assignment, groupId)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.#refused(ticket, error)
      return
    }
    this.#settle(ticket)
    this.#events.onAnswered(ticket, answer)
  }

  #refused(ticket: number, error: KafkaError): void {
    this.#settle(ticket)
    const now = this.#cluster.environment.clock.monotonic()
    if (error.code === 'UNRELEASED_INSTANCE_ID') this.#heldSince ??= now
    else this.#heldSince = undefined
    // The last try must come after the session of whoever was there before.
    const sessionMs = this.#session.timeoutMs + 2 * this.#cluster.options.retryBackoffMaxMs
    const hasWaitedForSession = now - (this.#heldSince ?? now) > sessionMs
    this.#events.onRefused({ ticket, error, hasWaitedForSession })
  }

  #settle(ticket: number): void {
    if (ticket === this.#ticket) this.#answerDeadline.stop()
  }

  /** Nothing is due, and nothing is awaited. */
  stop(): void {
    this.#cluster.environment.timers.clear(this.#timer)
    this.#answerDeadline.stop()
  }
}
