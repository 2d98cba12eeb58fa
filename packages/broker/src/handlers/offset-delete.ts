/** Deletes committed offsets of a group, except for topics that its members are subscribed to. */
import { ErrorCode, offsetDelete } from '@odradek/protocol'
import { forgetOffsets } from '../group/forget-offsets.ts'
import { handler } from './handler.ts'

export const offsetDeleteHandler = handler({
  api: offsetDelete,
  handle(body, { node, cluster, stores }) {
    const located = node.groups.locate(body.groupId)
    if (located.errorCode !== ErrorCode.NONE) return failed(located.errorCode)
    const { group } = located
    if (group === undefined) return failed(ErrorCode.GROUP_ID_NOT_FOUND)
    if (!group.isEmpty && group.view().protocolType !== 'consumer') {
      return failed(ErrorCode.NON_EMPTY_GROUP)
    }
    return {
      errorCode: ErrorCode.NONE,
      throttleTimeMs: 0,
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          if (cluster.topics.byName(name)?.partitions[partitionIndex] === undefined) {
            return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          }
          if (group.isSubscribed(name)) {
            return { partitionIndex, errorCode: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC }
          }
          forgetOffsets(cluster, stores.groups, {
            groupId: body.groupId,
            cause: 'deleted',
            topic: name,
            partition: partitionIndex,
          })
          return { partitionIndex, errorCode: ErrorCode.NONE }
        }),
      })),
    }
  },
  errorResponse: (_body, errorCode) => failed(errorCode),
})

function failed(errorCode: number) {
  return { errorCode, throttleTimeMs: 0, topics: [] }
}
