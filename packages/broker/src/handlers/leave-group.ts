/** Lets members leave a classic group: one before version 3, then several at once. */
import { ErrorCode, leaveGroup, type ResponseInput } from '@odradek/protocol'
import type { LeaveAnswer } from '../group/classic-group.ts'
import { handler } from './handler.ts'

const BATCHED_FROM_VERSION = 3

export const leaveGroupHandler = handler({
  api: leaveGroup,
  handle(body, { node, version }) {
    const located = node.groups.locate(body.groupId)
    if (located.errorCode !== ErrorCode.NONE) return { errorCode: located.errorCode }
    if (located.group === undefined || located.group.kind === 'share') {
      return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID }
    }
    const members =
      version < BATCHED_FROM_VERSION
        ? [{ memberId: body.memberId, groupInstanceId: null }]
        : body.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId }))
    const answer = located.group.leave({ type: 'leave', members })
    return answer instanceof Promise
      ? answer.then((late) => responseOf(late, version))
      : responseOf(answer, version)
  },
  errorResponse: (_body, errorCode) => ({ errorCode }),
})

function responseOf(answer: LeaveAnswer, version: number): ResponseInput<typeof leaveGroup> {
  if (version >= BATCHED_FROM_VERSION) return answer
  return { errorCode: answer.errorCode || (answer.members[0]?.errorCode ?? ErrorCode.NONE) }
}
