/**
 * Moves the start offset of a share group that has no members: its records in flight are dropped. A
 * group that does not exist is created.
 */
import { alterShareGroupOffsets, ErrorCode, ZERO_UUID } from '@odradek/protocol'
import { partitionKey } from '../cluster/topic-partitions.ts'
import { locateEmptyShareGroup } from './group-lookup.ts'
import { handler } from './handler.ts'

export const alterShareGroupOffsetsHandler = handler({
  api: alterShareGroupOffsets,
  handle(body, context) {
    const { groupId, topics } = body
    const { errorCode, errorMessage, isNew } = locateEmptyShareGroup(groupId, context)
    const { node, cluster, stores } = context
    if (isNew === true) node.groups.createShare(groupId)
    else if (errorCode !== ErrorCode.NONE) {
      return { throttleTimeMs: 0, errorCode, errorMessage, responses: [] }
    }
    cluster.forgetShareLocks(groupId)
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      responses: topics.map(({ topicName, partitions }) => {
        const topic = cluster.topics.byName(topicName)
        return {
          topicName,
          topicId: topic?.id ?? ZERO_UUID,
          partitions: partitions.map(({ partitionIndex, startOffset }) => {
            if (topic?.partitions[partitionIndex] === undefined) {
              return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
            }
            const snapshot = { startOffset, records: new Map() }
            stores.shares.set(groupId, partitionKey(topic.id, partitionIndex), snapshot)
            return { partitionIndex, errorCode: ErrorCode.NONE }
          }),
        }
      }),
    }
  },
  errorResponse: (_body, errorCode) => ({ throttleTimeMs: 0, errorCode, responses: [] }),
})
