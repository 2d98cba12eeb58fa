/** One heartbeat of a classic member, as the main thread and the heartbeat thread both send it. */
import { heartbeat } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { HeartbeatSnapshot } from '../shell/heartbeat-snapshot.ts'

/** One generation of one member. */
export interface Life {
  readonly memberId: string
  readonly generationId: number
}

export interface HeartbeatIdentity {
  readonly groupId: string
  readonly groupInstanceId: string | null
}

/** What the heartbeat thread sends for a classic member. */
export interface ClassicSnapshot extends HeartbeatSnapshot, HeartbeatIdentity {
  readonly protocol: 'classic'
  readonly life: Life
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
