/**
 * Commits offsets of a group in a transaction: they count when its marker comes. From version 5 on
 * the request adds the group to the transaction; before, AddOffsetsToTxn must have. Who the
 * committer is need not be said, but is checked if it is (KIP-447): a member of an older generation
 * must not commit, by which the group fences zombies.
 */
import { ErrorCode, type RequestOf, type ResponseInput, txnOffsetCommit } from '@odradek/protocol'
import type { Topic } from '../cluster/topics.ts'
import type { GroupShell } from '../group/group-shells.ts'
import { participationError } from '../transaction/participation.ts'
import type { RequestContext } from '../services/request-context.ts'
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
    const groupError = judge(group, body, context)
    if (groupError !== ErrorCode.NONE) return errorResponse(body, groupError)
    return {
      throttleTimeMs: 0,
      topics: body.topics.map(({ name, topicId, partitions }) => {
        const topic = findTopic({ name, topicId }, context)
        return {
          name,
          topicId,
          partitions: partitions.map((partition) => ({
            partitionIndex: partition.partitionIndex,
            errorCode:
              topic === undefined && version >= TOPIC_IDS_FROM_VERSION
                ? ErrorCode.UNKNOWN_TOPIC_ID
                : commit(group, topic, partition, body, context),
          })),
        }
      }),
    }
  },
  errorResponse,
})

function errorResponse(body: Body, errorCode: number): ResponseInput<typeof txnOffsetCommit> {
  return {
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}

function findTopic(
  { name, topicId }: { readonly name: string; readonly topicId: string },
  { cluster, version }: RequestContext,
): Topic | undefined {
  const { topics } = cluster
  return version >= TOPIC_IDS_FROM_VERSION ? topics.byId(topicId) : topics.byName(name)
}

/** 0, or why the group refuses the committer. */
function judge(group: GroupShell, body: Body, context: RequestContext): number {
  const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = body
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return ErrorCode.NONE
  const identity = { memberId, groupInstanceId, generationId }
  const judged = group.judgeCommit(identity, NEWEST_OFFSET_COMMIT)
  if (typeof judged === 'number') return inTransactionalWords(judged)
  for (const { name, topicId, partitions } of body.topics) {
    const id = findTopic({ name, topicId }, context)?.id
    for (const { partitionIndex } of partitions) {
      const errorCode = id === undefined ? ErrorCode.NONE : judged(id, partitionIndex)
      if (errorCode !== ErrorCode.NONE) return inTransactionalWords(errorCode)
    }
  }
  return ErrorCode.NONE
}

function inTransactionalWords(errorCode: number): number {
  // Its generation is the current one, and the transaction may end before the members have it.
  if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return ErrorCode.NONE
  // Clients know only what classic groups say.
  return errorCode === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : errorCode
}

function commit(
  group: GroupShell,
  topic: Topic | undefined,
  partition: PartitionBody,
  body: Body,
  { cluster, connection, clientId }: RequestContext,
): number {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
  if (topic?.partitions[partitionIndex] === undefined) {
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }
  const metadata = committedMetadata ?? ''
  if (Buffer.byteLength(metadata) > cluster.options.offsetMetadataMaxBytes) {
    return ErrorCode.OFFSET_METADATA_TOO_LARGE
  }
  const { producerId, memberId, groupInstanceId } = body
  group.stored.commitInTransaction(producerId, {
    topic: topic.name,
    partition: partitionIndex,
    committed: {
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata,
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
  return ErrorCode.NONE
}
