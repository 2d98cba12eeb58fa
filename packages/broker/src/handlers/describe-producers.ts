/** The producers that partitions remember, with their open transactions (KIP-664). */
import { describeProducers, ErrorCode, ZERO_UUID } from '@odradek/protocol'
import { findLed } from '../cluster/leader-lookup.ts'
import { handler } from './handler.ts'

export const describeProducersHandler = handler({
  api: describeProducers,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const found = findLed(
          { topic: name, topicId: ZERO_UUID, partition: partitionIndex },
          context.node,
        )
        const { errorCode, partition } = found
        if (errorCode !== ErrorCode.NONE || partition === undefined) {
          return failed(partitionIndex, errorCode)
        }
        return {
          ...failed(partitionIndex, ErrorCode.NONE),
          activeProducers: partition.log
            .activeProducers()
            .map(({ transactionStartOffset: currentTxnStartOffset, ...producer }) => ({
              ...producer,
              currentTxnStartOffset,
            })),
        }
      }),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => failed(index, errorCode)),
    })),
  }),
})

function failed(partitionIndex: number, errorCode: number) {
  return { partitionIndex, errorCode, activeProducers: [] }
}
