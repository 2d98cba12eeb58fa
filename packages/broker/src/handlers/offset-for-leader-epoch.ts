/**
 * The end of a leader epoch, by which a client detects that the records it has read were truncated.
 */
import { ErrorCode, offsetForLeaderEpoch, ZERO_UUID } from '@odradek/protocol'
import { findLed } from '../cluster/leader-lookup.ts'
import { handler } from './handler.ts'

export const offsetForLeaderEpochHandler = handler({
  api: offsetForLeaderEpoch,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const { errorCode, partition } = findLed(
          { topic, topicId: ZERO_UUID, partition: index, currentLeaderEpoch },
          context.node,
        )
        if (errorCode !== ErrorCode.NONE || partition === undefined) {
          return { errorCode, partition: index }
        }
        const { log } = partition
        const { epoch, endOffset } = log.epochs.endOf(leaderEpoch, log.endOffset)
        return { errorCode, partition: index, leaderEpoch: epoch, endOffset }
      }),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ errorCode, partition })),
    })),
  }),
})
