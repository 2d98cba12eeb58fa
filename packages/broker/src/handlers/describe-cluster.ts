/** The brokers of the cluster; clients cannot connect to its controller. */
import { describeCluster, ErrorCode, type ResponseInput } from '@odradek/protocol'
import { handler } from './handler.ts'
import { CLUSTER_OPERATIONS, operationsBits } from './operations.ts'

const BROKERS = 1

export const describeClusterHandler = handler({
  api: describeCluster,
  handle(body, { cluster }) {
    if (body.endpointType !== BROKERS) {
      const message = 'This is a broker, and clients cannot reach the controller.'
      return failed(ErrorCode.MISMATCHED_ENDPOINT_TYPE, message)
    }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      clusterId: cluster.clusterId,
      controllerId: cluster.controllerId,
      brokers: cluster.endpoints().map(({ nodeId, ...rest }) => ({ brokerId: nodeId, ...rest })),
      ...(body.includeClusterAuthorizedOperations
        ? { clusterAuthorizedOperations: operationsBits(CLUSTER_OPERATIONS) }
        : {}),
    }
  },
  errorResponse: (_body, errorCode) => failed(errorCode, null),
})

function failed(
  errorCode: number,
  errorMessage: string | null,
): ResponseInput<typeof describeCluster> {
  return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: '', brokers: [] }
}
