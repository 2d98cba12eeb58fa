/**
 * Takes acknowledgements of a member of a share group; epoch -1 ends its session with this broker.
 */
import { ErrorCode, type ResponseInput, shareAcknowledge } from '@odradek/protocol'
import { LeaderHints } from '../cluster/leader-lookup.ts'
import { acknowledgeTopics } from '../share/acknowledge-topics.ts'
import { handler } from './handler.ts'
import { memberOf } from './share-member.ts'

type Answer = ResponseInput<typeof shareAcknowledge>
type PartitionResponse = Answer['responses'][number]['partitions'][number]

const FINAL_EPOCH = -1
const NO_LEADER = { leaderId: 0, leaderEpoch: 0 }

export const shareAcknowledgeHandler = handler({
  api: shareAcknowledge,
  handle(body, context) {
    const { node, cluster } = context
    const member = memberOf(body, cluster)
    if (typeof member === 'number') return refused(member)
    const { groupId, memberId } = member
    const { shareSessionEpoch: epoch, topics, isRenewAck } = body
    const session = node.shares.sessions.proceed({ groupId, memberId, epoch })
    if (typeof session === 'number') return refused(session)
    const acknowledged = acknowledgeTopics(session, topics, isRenewAck, node.shares)
    if (epoch === FINAL_EPOCH) node.shares.release(session)
    const hints = new LeaderHints(context.cluster)
    const responses = new Map<string, PartitionResponse[]>()
    for (const { topicId, partitionIndex, found, errorCode } of acknowledged.values()) {
      const list = responses.get(topicId) ?? []
      responses.set(topicId, list)
      const currentLeader = hints.hint({ ...found, errorCode }) ?? NO_LEADER
      list.push({ partitionIndex, errorCode, currentLeader })
    }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      acquisitionLockTimeoutMs: node.shares.limitsOf(groupId).lockDurationMs,
      responses: [...responses].map(([topicId, partitions]) => ({ topicId, partitions })),
      nodeEndpoints: hints.endpoints(),
    }
  },
  errorResponse: (_body, errorCode) => refused(errorCode),
})

function refused(errorCode: number): Answer {
  return { throttleTimeMs: 0, errorCode, responses: [], nodeEndpoints: [] }
}
