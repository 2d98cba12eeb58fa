/** One heartbeat of a classic member, as the main thread and its understudy both send it. */
import { heartbeat } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'

/** One generation of one member. */
export interface Life {
  readonly memberId: string
  readonly generationId: number
}

export interface HeartbeatIdentity {
  readonly groupId: string
  readonly groupInstanceId: string | null
}

/** Resolves when the coordinator has nothing to say; rejects with what it says. */
export async function sendHeartbeat(
  cluster: Cluster,
  { groupId, groupInstanceId }: HeartbeatIdentity,
  { memberId, generationId }: Life,
  timeoutMs: number,
): Promise<void> {
  const { errorCode } = await cluster.requestCoordinator(
    'group',
    groupId,
    heartbeat,
    { groupId, groupInstanceId, memberId, generationId },
    { purpose: 'heartbeat', timeoutMs },
  )
  throwIfError(errorCode, `stay in group "${groupId}"`)
}

/** How long one heartbeat may take: one lost answer is noticed, and tried again, in time. */
export function heartbeatTimeoutMs(cluster: Cluster, sessionTimeoutMs: number): number {
  return Math.min(cluster.options.requestTimeoutMs, Math.ceil(sessionTimeoutMs / 3))
}
