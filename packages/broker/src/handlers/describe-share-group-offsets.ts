/** The start offsets of share groups, and their lag. */
import {
  describeShareGroupOffsets,
  ErrorCode,
  type ResponseInput,
  ZERO_UUID,
} from '@odradek/protocol'
import { indexOf, partitionKey, topicIdOf } from '../cluster/topic-partitions.ts'
import type { Topic } from '../cluster/topics.ts'
import type { RequestContext } from '../services/request-context.ts'
import { locateGroup } from './group-lookup.ts'
import { handler } from './handler.ts'

type GroupResponse = ResponseInput<typeof describeShareGroupOffsets>['groups'][number]
type PartitionResponse = GroupResponse['topics'][number]['partitions'][number]

const NOTHING_YET = -1

export const describeShareGroupOffsetsHandler = handler({
  api: describeShareGroupOffsets,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    groups: body.groups.map(({ groupId, topics }): GroupResponse => {
      const { errorCode, errorMessage } = locateGroup(groupId, 'share', context)
      const isEverything = topics === null
      // If all topics are requested, Kafka returns no topics and no error for an unknown group.
      const hasNothing = isEverything && errorCode === ErrorCode.GROUP_ID_NOT_FOUND
      if (hasNothing) return { groupId, errorCode: ErrorCode.NONE, topics: [] }
      if (errorCode !== ErrorCode.NONE) return { groupId, errorCode, errorMessage, topics: [] }
      const requested = isEverything ? everything(groupId, context) : topics
      return {
        groupId,
        errorCode,
        errorMessage,
        topics: requested.map(({ topicName, partitions }) => {
          const topic = context.cluster.topics.byName(topicName)
          return {
            topicName,
            topicId: topic?.id ?? ZERO_UUID,
            partitions: partitions.map((index) => describe(groupId, topic, index, context)),
          }
        }),
      }
    }),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    groups: body.groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })),
  }),
})

/** All partitions of existing topics that the group has a state for. */
function everything(groupId: string, { cluster, stores }: RequestContext) {
  const topics = new Map<string, number[]>()
  for (const key of stores.shares.keysOf(groupId)) {
    const name = cluster.topics.byId(topicIdOf(key))?.name
    if (name === undefined) continue
    const list = topics.get(name) ?? []
    topics.set(name, list)
    list.push(indexOf(key))
  }
  return [...topics].map(([topicName, partitions]) => ({ topicName, partitions }))
}

function describe(
  groupId: string,
  topic: Topic | undefined,
  partitionIndex: number,
  { stores }: RequestContext,
): PartitionResponse {
  const partition = topic?.partitions[partitionIndex]
  if (topic === undefined || partition === undefined) {
    return { partitionIndex, startOffset: NOTHING_YET, leaderEpoch: 0, errorCode: ErrorCode.NONE }
  }
  const { startOffset, records } = stores.shares.get(
    groupId,
    partitionKey(topic.id, partitionIndex),
  )
  const { log, leaderEpoch } = partition
  const done = [...records.values()].filter(({ state }) => state === 'done').length
  const lag = startOffset < 0 ? NOTHING_YET : log.highWatermark - startOffset - done
  return { partitionIndex, startOffset, leaderEpoch, lag, errorCode: ErrorCode.NONE }
}
