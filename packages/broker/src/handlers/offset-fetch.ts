/**
 * Reads committed offsets: of one group before version 8, then of several. A partition without a
 * commit has offset -1 and no error. Requests for stable offsets get UNSTABLE_OFFSET_COMMIT for
 * partitions with a commit in an open transaction (KIP-447).
 */
import { ErrorCode, offsetFetch, type ResponseInput } from '@odradek/protocol'
import type { CommittedOffset } from '../group/committed-offset.ts'
import type { RequestContext } from '../services/request-context.ts'
import { handler } from './handler.ts'

const GROUPS_FROM_VERSION = 8
const TOPIC_IDS_FROM_VERSION = 10

interface GroupRequest {
  readonly groupId: string
  /** The member that fetches, from version 9 on. */
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly requireStable: boolean
  /** Null for everything that was committed. */
  readonly topics:
    | readonly {
        readonly name: string
        readonly topicId: string
        readonly partitionIndexes: readonly number[]
      }[]
    | null
}

type GroupResponse = NonNullable<ResponseInput<typeof offsetFetch>['groups']>[number]

export const offsetFetchHandler = handler({
  api: offsetFetch,
  handle(body, context) {
    if (context.version >= GROUPS_FROM_VERSION) {
      const { requireStable } = body
      return {
        groups: body.groups.map((group) => fetchGroup({ ...group, requireStable }, context)),
      }
    }
    const topics = body.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null
    const { topics: found, errorCode = ErrorCode.NONE } = fetchGroup(
      {
        groupId: body.groupId,
        memberId: null,
        memberEpoch: -1,
        requireStable: body.requireStable,
        topics,
      },
      context,
    )
    // Before version 2 the group's error could only be set on the partitions.
    if (context.version < 2 && errorCode !== ErrorCode.NONE) {
      return { topics: failedTopics(topics, errorCode) }
    }
    return {
      errorCode,
      topics: (found ?? []).map(({ name, partitions }) => ({ name: name ?? '', partitions })),
    }
  },
  errorResponse: (body, errorCode) => ({
    errorCode,
    topics: failedTopics(body.topics, errorCode),
    groups: body.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })),
  }),
})

function failedTopics(
  topics: readonly { name: string; partitionIndexes: readonly number[] }[] | null,
  errorCode: number,
) {
  return (topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => partitionOf(index, undefined, errorCode)),
  }))
}

function fetchGroup(request: GroupRequest, context: RequestContext): GroupResponse {
  const { groupId, memberId, memberEpoch, requireStable, topics } = request
  const { node, cluster, stores, version } = context
  const located = node.groups.locate(groupId)
  if (located.errorCode !== ErrorCode.NONE) {
    return { groupId, topics: [], errorCode: located.errorCode }
  }
  const refusal = located.group?.validateFetch(memberId, memberEpoch) ?? ErrorCode.NONE
  if (refusal !== ErrorCode.NONE) return { groupId, topics: [], errorCode: refusal }
  const stored = stores.groups.get(groupId)
  const read = (topic: string, index: number) =>
    requireStable && stored?.pending.has(topic, index) === true
      ? partitionOf(index, undefined, ErrorCode.UNSTABLE_OFFSET_COMMIT)
      : partitionOf(index, stored?.offset(topic, index))
  if (topics === null) {
    const all = [...(stored?.offsets ?? [])].map(([name, partitions]) => ({
      name,
      topicId: cluster.topics.byName(name)?.id,
      partitions: [...partitions.keys()].map((index) => read(name, index)),
    }))
    return { groupId, topics: all, errorCode: ErrorCode.NONE }
  }
  const isById = version >= TOPIC_IDS_FROM_VERSION
  return {
    groupId,
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ name, topicId, partitionIndexes }) => {
      const known = isById ? cluster.topics.byId(topicId)?.name : name
      return {
        name,
        topicId,
        partitions: partitionIndexes.map((index) =>
          known === undefined
            ? partitionOf(index, undefined, ErrorCode.UNKNOWN_TOPIC_ID)
            : read(known, index),
        ),
      }
    }),
  }
}

function partitionOf(
  partitionIndex: number,
  committed: CommittedOffset | undefined,
  errorCode: number = ErrorCode.NONE,
) {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode,
  }
}
