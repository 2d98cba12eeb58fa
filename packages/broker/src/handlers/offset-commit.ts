/**
 * Commits offsets of a group: of its members under the current generation or epoch, or of any
 * client while it is empty. Once the group has accepted the committer, every partition is
 * validated.
 */
import { ErrorCode, offsetCommit, type RequestOf, type ResponseInput } from '@odradek/protocol'
import type { Topic } from '../cluster/topics.ts'
import type { CommitIdentity } from '../group/commit-check.ts'
import type { GroupShell } from '../group/group-shells.ts'
import type { RequestContext } from '../services/request-context.ts'
import { commitTopics, failedTopics, refusalOf } from './commit-topics.ts'
import { handler } from './handler.ts'

type Body = RequestOf<typeof offsetCommit>
type PartitionBody = Body['topics'][number]['partitions'][number]

const GROUP_ID_NOT_FOUND_FROM_VERSION = 9
const TOPIC_IDS_FROM_VERSION = 10

interface Committer extends CommitIdentity {
  readonly groupId: string
  readonly group: GroupShell
  /** Of old requests; -1 for the broker's default. */
  readonly retentionTimeMs: number
}

export const offsetCommitHandler = handler({
  api: offsetCommit,
  handle(body, context) {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = body
    const { groups } = context.node
    const located = groups.locate(groupId)
    if (located.errorCode !== ErrorCode.NONE) return errorResponse(body, located.errorCode)
    if (located.group === undefined && generationId >= 0) {
      const isNew = context.version >= GROUP_ID_NOT_FOUND_FROM_VERSION
      return errorResponse(
        body,
        isNew ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION,
      )
    }
    const group = located.group ?? groups.create(groupId)
    const validation = group.validateCommit(
      { memberId, groupInstanceId, generationId },
      context.version,
    )
    if (typeof validation === 'number' && validation !== ErrorCode.NONE)
      return errorResponse(body, validation)
    const lookup = {
      cluster: context.cluster,
      isById: context.version >= TOPIC_IDS_FROM_VERSION,
    }
    const refusal =
      typeof validation === 'number' ? ErrorCode.NONE : refusalOf(body.topics, validation, lookup)
    if (refusal !== ErrorCode.NONE) return errorResponse(body, refusal)
    if (generationId >= 0) group.committed(memberId)
    const { retentionTimeMs } = body
    const identity = { memberId, groupInstanceId, generationId }
    const committer = { groupId, group, retentionTimeMs, ...identity }
    const topics = commitTopics(body.topics, lookup, (topic, partition) =>
      commit(committer, topic, partition, context),
    )
    return { topics }
  },
  errorResponse,
})

function errorResponse({ topics }: Body, errorCode: number): ResponseInput<typeof offsetCommit> {
  return { topics: failedTopics(topics, errorCode) }
}

function commit(
  committer: Committer,
  topic: Topic,
  partition: PartitionBody,
  { cluster, node, connection, clientId }: RequestContext,
): void {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
  const { groupId, group, memberId, groupInstanceId, generationId } = committer
  group.stored.commit(topic.name, partitionIndex, {
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata ?? '',
    committedAt: cluster.now(),
    expiresAt: committer.retentionTimeMs < 0 ? null : cluster.now() + committer.retentionTimeMs,
  })
  node.groups.watchOffsets()
  if (cluster.events.hasListeners('commit')) {
    cluster.events.emit('commit', {
      at: cluster.now(),
      nodeId: node.nodeId,
      connectionId: connection.id,
      groupId,
      topic: topic.name,
      topicId: topic.id,
      partition: partitionIndex,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata,
      generationId,
      memberId,
      groupInstanceId,
      clientId,
      producerId: -1n,
    })
  }
}
