/** State and members of the groups that this broker coordinates. */
import { describeGroups, ErrorCode, type ResponseInput } from '@odradek/protocol'
import type { Member, State } from '../group/classic-group.ts'
import type { RequestContext } from '../services/request-context.ts'
import { withOperations } from './group-description.ts'
import { handler } from './handler.ts'

type GroupResponse = ResponseInput<typeof describeGroups>['groups'][number]

const NOT_FOUND_FROM_VERSION = 6
const NO_BYTES = Buffer.alloc(0)

export const describeGroupsHandler = handler({
  api: describeGroups,
  handle: (body, context) => ({
    groups: body.groups.map((groupId) =>
      withOperations(describe(groupId, context), body.includeAuthorizedOperations),
    ),
  }),
  errorResponse: (body, errorCode) => ({
    groups: body.groups.map((groupId) => nothing(groupId, errorCode)),
  }),
})

function nothing(groupId: string, errorCode: number, groupState = ''): GroupResponse {
  return { errorCode, groupId, groupState, protocolType: '', protocolData: '', members: [] }
}

function notFound(groupId: string, version: number, why: string): GroupResponse {
  if (version < NOT_FOUND_FROM_VERSION) return nothing(groupId, ErrorCode.NONE, 'Dead')
  return {
    ...nothing(groupId, ErrorCode.GROUP_ID_NOT_FOUND, 'Dead'),
    errorMessage: `Group ${groupId} ${why}.`,
  }
}

function describe(groupId: string, { node, version }: RequestContext): GroupResponse {
  const located = node.groups.locate(groupId)
  if (located.errorCode !== ErrorCode.NONE) return nothing(groupId, located.errorCode)
  if (located.group === undefined) return notFound(groupId, version, 'not found')
  if (located.group.kind !== 'classic') return notFound(groupId, version, 'is not a classic group')
  const { state } = located.group
  const { phase, protocolType, protocolName, members } = state
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: phase.name,
    protocolType: protocolType ?? '',
    protocolData: phase.name === 'Stable' ? (protocolName ?? '') : '',
    members: [...members.values()].map((member) => memberOf(member, state)),
  }
}

/** Metadata and assignments are valid only while the group is stable. */
function memberOf(member: Member, { phase, protocolName }: State) {
  const { memberId, groupInstanceId, clientId, clientHost, protocols, assignment } = member
  const isStable = phase.name === 'Stable'
  const chosen = protocols.find(({ name }) => name === protocolName)
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    memberMetadata: isStable ? (chosen?.metadata ?? NO_BYTES) : NO_BYTES,
    memberAssignment: isStable ? assignment : NO_BYTES,
  }
}
