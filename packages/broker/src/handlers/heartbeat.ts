/** Extends the session of a member of a classic group and reports rebalances to it. */
import { ErrorCode, heartbeat } from '@odradek/protocol'
import { handler } from './handler.ts'

export const heartbeatHandler = handler({
  api: heartbeat,
  handle(body, { node }) {
    const { groupId, memberId, groupInstanceId, generationId } = body
    const located = node.groups.locate(groupId)
    if (located.errorCode !== ErrorCode.NONE) return { errorCode: located.errorCode }
    if (located.group === undefined || located.group.kind === 'share') {
      return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID }
    }
    const answer = located.group.heartbeat({
      type: 'heartbeat',
      memberId,
      groupInstanceId,
      generationId,
    })
    return answer instanceof Promise
      ? answer.then((errorCode) => ({ errorCode }))
      : { errorCode: answer }
  },
  errorResponse: (_body, errorCode) => ({ errorCode }),
})
