/**
 * Which broker coordinates a group or a transactional id. Share groups have no coordinators here.
 */
import { ErrorCode, findCoordinator, type ResponseInput } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import { handler } from './handler.ts'

const GROUP = 0
const TRANSACTION = 1
const BATCHED_FROM_VERSION = 4
const NO_NODE = { nodeId: -1, host: '', port: -1 }

interface Found {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export const findCoordinatorHandler = handler({
  api: findCoordinator,
  handle(body, { cluster, version }) {
    const { key, keyType, coordinatorKeys } = body
    if (version < BATCHED_FROM_VERSION) return find(cluster, key, keyType)
    return {
      coordinators: coordinatorKeys.map((one) => ({ key: one, ...find(cluster, one, keyType) })),
    }
  },
  errorResponse: (body, errorCode, version): ResponseInput<typeof findCoordinator> =>
    version >= BATCHED_FROM_VERSION
      ? {
          coordinators: body.coordinatorKeys.map((key) => ({
            ...NO_NODE,
            key,
            errorCode,
            errorMessage: null,
          })),
        }
      : { ...NO_NODE, errorCode },
})

function find(cluster: ClusterState, key: string, keyType: number): Found {
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    return {
      ...NO_NODE,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage:
        'The embedded broker coordinates groups and transactions; share groups need none.',
    }
  }
  const { coordinators, transactionCoordinators } = cluster
  const places = keyType === GROUP ? coordinators : transactionCoordinators
  const endpoint = cluster.endpoint(places.coordinatorOf(key))
  if (endpoint === undefined) {
    return {
      ...NO_NODE,
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      errorMessage: 'No broker is registered that could coordinate it.',
    }
  }
  const { nodeId, host, port } = endpoint
  return { errorCode: ErrorCode.NONE, errorMessage: null, nodeId, host, port }
}
