/**
 * The last heartbeat of a member. Worth a few tries where another broker has become the
 * coordinator: until the group hears of it, the partitions of the member (or its group instance id)
 * wait for its session to pass.
 */
import { BrokerError, consumerGroupHeartbeat, KafkaError } from '@odradek/protocol'
import { type Cluster, retryPauseMs } from '../../cluster/index.ts'
import { reactionTo, throwIfError } from '../../errors/reaction.ts'
import { heartbeatBody, type HeartbeatIdentity } from './consumer-requests.ts'

const MAX_TRIES = 4

export interface Goodbye {
  /** -2 lets go of a static member's place, and keeps it for whoever comes next. */
  readonly memberEpoch: -1 | -2
  /** By the monotonic clock. */
  readonly deadline: number
  /** False once this member has joined again. */
  isMeant(): boolean
}

/** Resolves when the coordinator knows, or will have to notice by itself. */
export async function sayGoodbye(
  cluster: Cluster,
  identity: HeartbeatIdentity,
  goodbye: Goodbye,
): Promise<void> {
  const { groupId } = identity
  const { memberEpoch, deadline } = goodbye
  const heartbeat = { memberEpoch, isFull: false, subscription: null, owned: null }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const timeoutMs = deadline - cluster.environment.clock.monotonic()
    if (timeoutMs <= 0 || !goodbye.isMeant()) return
    try {
      const body = heartbeatBody(identity, heartbeat)
      const answer = await cluster.requestCoordinator(
        'group',
        groupId,
        consumerGroupHeartbeat,
        body,
        { purpose: 'heartbeat', timeoutMs },
      )
      throwIfError(answer.errorCode, `leave group "${groupId}"`, answer.errorMessage)
      return
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      // Not a member any more is what was wanted; without any answer nobody is there to tell.
      const { retry, refresh } = reactionTo(error, { isRead: false })
      if (!(error instanceof BrokerError) || !retry) return
      if (refresh === 'coordinator') cluster.forgetCoordinator('group', groupId)
      await cluster.sleep(retryPauseMs(cluster, tries))
    }
  }
}
