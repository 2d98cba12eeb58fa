/** Takes the leader's assignment and returns each member's part. */
import { ErrorCode, type ResponseInput, syncGroup } from '@odradek/protocol'
import { handler } from './handler.ts'

const NO_BYTES = Buffer.alloc(0)

export const syncGroupHandler = handler({
  api: syncGroup,
  handle(body, { node }) {
    const { groupId, memberId, groupInstanceId, generationId, protocolType, protocolName } = body
    const located = node.groups.locate(groupId)
    if (located.errorCode !== ErrorCode.NONE) return refused(located.errorCode)
    if (located.group === undefined || located.group.kind === 'share') {
      return refused(ErrorCode.UNKNOWN_MEMBER_ID)
    }
    return located.group.sync({
      type: 'sync',
      memberId,
      groupInstanceId,
      generationId,
      protocolType,
      protocolName,
      assignments: new Map(body.assignments.map((one) => [one.memberId, one.assignment])),
    })
  },
  errorResponse: (_body, errorCode) => refused(errorCode),
})

function refused(errorCode: number): ResponseInput<typeof syncGroup> {
  return { errorCode, assignment: NO_BYTES }
}
