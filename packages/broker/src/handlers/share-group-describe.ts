/** State and members of share groups. */
import { ErrorCode, type ResponseInput, shareGroupDescribe } from '@odradek/protocol'
import { byTopicName } from './consumer-group-describe.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'
import { GROUP_OPERATIONS, operationsBits } from './operations.ts'

type GroupResponse = ResponseInput<typeof shareGroupDescribe>['groups'][number]

export const shareGroupDescribeHandler = handler({
  api: shareGroupDescribe,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    groups: body.groupIds.map((groupId) => {
      const group = describe(groupId, context)
      return body.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
        ? { ...group, authorizedOperations: operationsBits(GROUP_OPERATIONS) }
        : group
    }),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    groups: body.groupIds.map((groupId) => nothing(groupId, errorCode)),
  }),
})

function nothing(
  groupId: string,
  errorCode: number,
  errorMessage: string | null = null,
): GroupResponse {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}

function describe(groupId: string, { node, cluster }: RequestContext): GroupResponse {
  if (cluster.options.features['share.version'] === 0) {
    return nothing(groupId, ErrorCode.UNSUPPORTED_VERSION)
  }
  const located = node.groups.locate(groupId)
  if (located.errorCode !== ErrorCode.NONE) return nothing(groupId, located.errorCode)
  const { group } = located
  if (group?.kind !== 'share') {
    const why = group === undefined ? 'not found' : 'is not a share group'
    return nothing(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} ${why}.`)
  }
  const view = group.view()
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: view.state,
    groupEpoch: view.generationId,
    assignmentEpoch: view.assignmentEpoch,
    assignorName: view.protocolName ?? '',
    members: view.members.map(({ memberId, clientId, clientHost, modern }) => ({
      memberId,
      rackId: modern?.rackId ?? null,
      memberEpoch: modern?.memberEpoch ?? 0,
      clientId,
      clientHost,
      subscribedTopicNames: modern?.subscribedTopicNames ?? [],
      assignment: byTopicName(modern?.assigned ?? []),
    })),
  }
}
