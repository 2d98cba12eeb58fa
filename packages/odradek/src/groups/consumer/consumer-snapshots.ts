/** What the understudy says for a KIP-848 member while the loop is blocked; see `liveness/`. */
import type { Lines } from '../heartbeat-thread/send-heartbeat.ts'
import type { Seat } from '../shell/heartbeat-handle.ts'
import type { HeartbeatIdentity } from './consumer-requests.ts'
import { fullHeartbeat } from './membership-consumer.transitions.ts'
import type { State } from './membership-consumer.states.ts'
import type { Session } from './session.ts'

/** Keeps a seat's lines true: they are what the membership would say in full at this moment. */
export class UnderstudyLines {
  readonly #seat: Seat | undefined
  readonly #identity: HeartbeatIdentity
  readonly #session: Session
  /** The lines that hold, to compare; undefined while there is no session to keep. */
  #said: string | undefined

  constructor(seat: Seat | undefined, identity: HeartbeatIdentity, session: Session) {
    this.#seat = seat
    this.#identity = identity
    this.#session = session
  }

  /** After every step: what was taken up must be claimed at once, or somebody else may get it. */
  follow(state: State): void {
    if (this.#seat === undefined) return
    const times = this.#session.times
    const isMember = state.name === 'stable' || state.name === 'reconciling'
    if (!isMember || times === undefined) {
      if (this.#said === undefined) return
      this.#said = undefined
      this.#seat.end()
      return
    }
    const lines: Lines = {
      protocol: 'consumer',
      identity: this.#identity,
      heartbeat: fullHeartbeat(state),
      sessionTimeoutMs: this.#session.timeoutMs,
      heartbeatIntervalMs: state.member.heartbeatIntervalMs,
    }
    const said = JSON.stringify(lines)
    if (said === this.#said) return
    const isFirst = this.#said === undefined
    this.#said = said
    if (isFirst) this.#seat.begin(lines, times)
    else this.#seat.change(lines)
  }
}
