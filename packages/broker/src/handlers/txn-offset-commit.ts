/**
 * Commits offsets of a group in a transaction: its marker applies them. From version 5 on the
 * request adds the group to the transaction; before, AddOffsetsToTxn must have done so. The request
 * may identify the member (KIP-447): then a member of an older generation is refused, by which the
 * group fences zombies.
 */
import { ErrorCode, type RequestOf, type ResponseInput, txnOffsetCommit } from '@odradek/protocol'
import type { Topic } from '../cluster/topics.ts'
import type { GroupShell } from '../group/group-shells.ts'
import type { RequestContext } from '../services/request-context.ts'
import { participationError } from '../transaction/participation.ts'
import { commitTopics, failedTopics, refusalOf, type TopicLookup } from './commit-topics.ts'
import { handler } from './handler.ts'

type Body = RequestOf<typeof txnOffsetCommit>
type PartitionBody = Body['topics'][number]['partitions'][number]

const ABORTABLE_FROM_VERSION = 4
const ADDS_FROM_VERSION = 5
const TOPIC_IDS_FROM_VERSION = 6
/** Members of both protocols may commit in transactions: no version of OffsetCommit is too old. */
const NEWEST_OFFSET_COMMIT = 10

export const txnOffsetCommitHandler = handler({
  api: txnOffsetCommit,
  handle(body, context) {
    const { groupId, transactionalId, producerId, producerEpoch } = body
    const { node, cluster, version } = context
    const located = node.groups.locate(groupId)
    if (located.errorCode !== ErrorCode.NONE) return errorResponse(body, located.errorCode)
    const refusal = participationError(cluster, {
      transactionalId,
      producerId,
      producerEpoch,
      participants: [{ kind: 'group', groupId }],
      adds: version >= ADDS_FROM_VERSION,
      knowsAbortable: version >= ABORTABLE_FROM_VERSION,
    })
    if (refusal !== ErrorCode.NONE) return errorResponse(body, refusal)
    if (located.group === undefined && body.generationIdOrMemberEpoch >= 0) {
      return errorResponse(body, ErrorCode.ILLEGAL_GENERATION)
    }
    const group = located.group ?? node.groups.create(groupId)
    const lookup = { cluster, isById: version >= TOPIC_IDS_FROM_VERSION }
    const groupError = validate(group, body, lookup)
    if (groupError !== ErrorCode.NONE) return errorResponse(body, groupError)
    const topics = commitTopics(body.topics, lookup, (topic, partition) =>
      commit(group, topic, partition, body, context),
    )
    return { throttleTimeMs: 0, topics }
  },
  errorResponse,
})

function errorResponse(body: Body, errorCode: number): ResponseInput<typeof txnOffsetCommit> {
  return { throttleTimeMs: 0, topics: failedTopics(body.topics, errorCode) }
}

/** 0, or why the group refuses the committer. */
function validate(group: GroupShell, body: Body, lookup: TopicLookup): number {
  const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = body
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return ErrorCode.NONE
  const identity = { memberId, groupInstanceId, generationId }
  const validation = group.validateCommit(identity, NEWEST_OFFSET_COMMIT)
  const errorCode =
    typeof validation === 'number' ? validation : refusalOf(body.topics, validation, lookup)
  return transactionalErrorOf(errorCode)
}

function transactionalErrorOf(errorCode: number): number {
  // The generation is the current one, and the transaction may end before the rebalance does.
  if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return ErrorCode.NONE
  // Clients know only the errors of classic groups.
  return errorCode === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : errorCode
}

function commit(
  group: GroupShell,
  topic: Topic,
  partition: PartitionBody,
  body: Body,
  { cluster, connection, clientId }: RequestContext,
): void {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
  const { producerId, memberId, groupInstanceId } = body
  group.stored.commitInTransaction(producerId, {
    topic: topic.name,
    partition: partitionIndex,
    committed: {
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata ?? '',
      committedAt: cluster.now(),
      expiresAt: null,
    },
    author: {
      connectionId: connection.id,
      generationId: body.generationIdOrMemberEpoch,
      memberId,
      groupInstanceId,
      clientId,
    },
  })
}
