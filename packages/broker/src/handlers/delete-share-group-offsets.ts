/** Deletes the state of a share group without members for topics. */
import { deleteShareGroupOffsets, ErrorCode, ZERO_UUID } from '@odradek/protocol'
import { partitionKey } from '../cluster/topic-partitions.ts'
import { locateEmptyShareGroup } from './group-lookup.ts'
import { handler } from './handler.ts'

export const deleteShareGroupOffsetsHandler = handler({
  api: deleteShareGroupOffsets,
  handle(body, context) {
    const { groupId, topics } = body
    const { errorCode: refusal, errorMessage } = locateEmptyShareGroup(groupId, context)
    if (refusal !== ErrorCode.NONE) {
      return { throttleTimeMs: 0, errorCode: refusal, errorMessage, responses: [] }
    }
    const { cluster, stores } = context
    cluster.forgetShareLocks(groupId)
    return {
      throttleTimeMs: 0,
      errorCode: refusal,
      responses: topics.map(({ topicName }) => {
        const topic = cluster.topics.byName(topicName)
        if (topic === undefined) {
          const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          return { topicName, topicId: ZERO_UUID, errorCode }
        }
        for (const { index } of topic.partitions) {
          stores.shares.delete(groupId, partitionKey(topic.id, index))
        }
        return { topicName, topicId: topic.id, errorCode: ErrorCode.NONE }
      }),
    }
  },
  errorResponse: (_body, errorCode) => ({ throttleTimeMs: 0, errorCode, responses: [] }),
})
