/** Calls about one group are asked of the broker that coordinates it. */
import { type AnyApi, BrokerError, ErrorCode, type ResponseOf } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'

export function askCoordinator<A extends AnyApi>(
  cluster: Cluster,
  groupId: string,
  api: A,
  body: Parameters<typeof cluster.requestCoordinator<A>>[3],
): Promise<ResponseOf<A>> {
  return cluster.requestCoordinator('group', groupId, api, body)
}

/** Throws a group's error; a coordinator that is not it any more is looked up again. */
export function checkGroup(
  cluster: Cluster,
  groupId: string,
  errorCode: number,
  action: string,
  brokerMessage: string | null,
): void {
  if (errorCode === ErrorCode.NONE) return
  const error = new BrokerError(errorCode, { action, brokerMessage })
  if (error.code === 'NOT_COORDINATOR' || error.code === 'COORDINATOR_NOT_AVAILABLE') {
    cluster.forgetCoordinator('group', groupId)
  }
  throw error
}
