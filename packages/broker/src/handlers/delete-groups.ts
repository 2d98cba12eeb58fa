/** Deletes groups that have no members, with their offsets. */
import { deleteGroups, ErrorCode } from '@odradek/protocol'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

export const deleteGroupsHandler = handler({
  api: deleteGroups,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    results: body.groupsNames.map((groupId) => ({
      groupId,
      errorCode: deleteGroup(groupId, context),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    results: body.groupsNames.map((groupId) => ({ groupId, errorCode })),
  }),
})

function deleteGroup(groupId: string, { node }: RequestContext): number {
  const located = node.groups.locate(groupId)
  if (located.errorCode !== ErrorCode.NONE) return located.errorCode
  if (located.group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
  if (!located.group.isEmpty) return ErrorCode.NON_EMPTY_GROUP
  node.groups.delete(groupId)
  return ErrorCode.NONE
}
