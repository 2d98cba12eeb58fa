/** What the heartbeat thread sends for a KIP-848 member while the event loop is blocked. */
import { consumerGroupHeartbeat } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { HeartbeatResult, HeartbeatSnapshot } from '../shell/heartbeat-snapshot.ts'
import type { Seat } from '../shell/heartbeat-handle.ts'
import { heartbeatBody, type HeartbeatIdentity } from './consumer-requests.ts'
import { fullHeartbeat } from './membership-consumer.transitions.ts'
import type { Heartbeat, State } from './membership-consumer.states.ts'
import type { Session } from './session.ts'

export interface ConsumerSnapshot extends HeartbeatSnapshot {
  readonly protocol: 'consumer'
  readonly identity: HeartbeatIdentity
  /** In full. */
  readonly heartbeat: Heartbeat
}

/**
 * `memberEpoch` is the newest that the coordinator responded since the snapshot was taken, if any.
 */
export async function sendConsumerSnapshot(
  cluster: Cluster,
  { identity, heartbeat }: ConsumerSnapshot,
  memberEpoch: number | undefined,
  timeoutMs: number,
): Promise<HeartbeatResult> {
  const { groupId } = identity
  const response = await cluster.requestCoordinator(
    'group',
    groupId,
    consumerGroupHeartbeat,
    heartbeatBody(identity, { ...heartbeat, memberEpoch: memberEpoch ?? heartbeat.memberEpoch }),
    { purpose: 'heartbeat', timeoutMs },
  )
  throwIfError(response.errorCode, `stay in group "${groupId}"`, response.errorMessage)
  const target = new Set(
    response.assignment?.topicPartitions.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => `${topicId} ${partition}`),
    ),
  )
  const owned = heartbeat.owned ?? []
  return {
    memberEpoch: response.memberEpoch > 0 ? response.memberEpoch : undefined,
    isCalm: owned.every(({ topicId, partition }) => target.has(`${topicId} ${partition}`)),
  }
}

/** Keeps a seat's lines true: they are what the membership would say in full at this moment. */
export class ConsumerSnapshots {
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
    const lines: ConsumerSnapshot = {
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
