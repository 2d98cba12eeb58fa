/** Lets a member join a classic group; the response follows when the generation begins. */
import { ErrorCode, joinGroup, type ResponseInput } from '@odradek/protocol'
import { type JoinAnswer, type JoinEvent, refusedJoin } from '../group/classic-group.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

const NULL_NAME_FROM_VERSION = 7
const KNOWN_ID_FROM_VERSION = 4
const SKIPPING_FROM_VERSION = 9
const MEMBER_ID_BYTES = 16

export const joinGroupHandler = handler({
  api: joinGroup,
  handle(body, context) {
    const { groupId, memberId } = body
    const { node, version } = context
    const { groupMinSessionTimeoutMs: min, groupMaxSessionTimeoutMs: max } = context.cluster.options
    const located = node.groups.locate(groupId)
    if (located.errorCode !== ErrorCode.NONE) {
      return refused(located.errorCode, memberId, version)
    }
    if (body.sessionTimeoutMs < min || body.sessionTimeoutMs > max) {
      return refused(ErrorCode.INVALID_SESSION_TIMEOUT, memberId, version)
    }
    if (located.group === undefined && memberId !== '') {
      return refused(ErrorCode.UNKNOWN_MEMBER_ID, memberId, version)
    }
    const group =
      memberId === '' || located.group === undefined
        ? node.groups.forClassicMember(groupId)
        : located.group
    if (group.kind === 'share') {
      return refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId, version)
    }
    const clientId = context.clientId ?? ''
    const event: Omit<JoinEvent, 'request'> = {
      type: 'join',
      memberId,
      newMemberId: newMemberId(body.groupInstanceId ?? clientId, context),
      groupInstanceId: body.groupInstanceId,
      clientId,
      clientHost: context.connection.host,
      sessionTimeoutMs: body.sessionTimeoutMs,
      // Version 0 had one timeout for both.
      rebalanceTimeoutMs: version === 0 ? body.sessionTimeoutMs : body.rebalanceTimeoutMs,
      protocolType: body.protocolType,
      protocols: body.protocols,
      requiresKnownMemberId: version >= KNOWN_ID_FROM_VERSION,
      supportsSkippingAssignment: version >= SKIPPING_FROM_VERSION,
    }
    const answer = group.join(event)
    return answer instanceof Promise
      ? answer.then((late) => responseOf(late, version))
      : responseOf(answer, version)
  },
  errorResponse: ({ memberId }, errorCode, version) => refused(errorCode, memberId, version),
})

/** Member ids are the client id, which a person can search for, and a random part. */
function newMemberId(prefix: string, { node }: RequestContext): string {
  const bytes = node.environment.random.bytes(MEMBER_ID_BYTES).toString('hex')
  const uuid = [8, 12, 16, 20, 32].map((end, index, ends) => bytes.slice(ends[index - 1] ?? 0, end))
  return `${prefix}-${uuid.join('-')}`
}

function responseOf(answer: JoinAnswer, version: number): ResponseInput<typeof joinGroup> {
  const noName = version >= NULL_NAME_FROM_VERSION ? null : ''
  return { ...answer, protocolName: answer.protocolName ?? noName }
}

function refused(errorCode: number, memberId: string, version: number) {
  return responseOf(refusedJoin(errorCode, memberId), version)
}
