/**
 * Writes markers into logs that this broker leads: how brokers end transactions at each other's
 * partitions, and how an administrator aborts one that hangs (KIP-664).
 */
import { ErrorCode, writeTxnMarkers, ZERO_UUID } from '@odradek/protocol'
import { applyTransactionMarker } from '../cluster/appending.ts'
import { findLed } from '../cluster/leader-lookup.ts'
import { handler } from './handler.ts'

export const writeTxnMarkersHandler = handler({
  api: writeTxnMarkers,
  handle: (body, context) => ({
    markers: body.markers.map(({ topics, transactionResult, ...marker }) => ({
      producerId: marker.producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const found = findLed(
            { topic: name, topicId: ZERO_UUID, partition: partitionIndex },
            context.node,
          )
          const { topic, partition, errorCode } = found
          if (errorCode !== ErrorCode.NONE || topic === undefined || partition === undefined) {
            return { partitionIndex, errorCode }
          }
          const type = transactionResult ? 'commit' : 'abort'
          const written = { ...marker, type } as const
          return {
            partitionIndex,
            errorCode: applyTransactionMarker(context.cluster, topic, partition, written),
          }
        }),
      })),
    })),
  }),
  errorResponse: (body, errorCode) => ({
    markers: body.markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    })),
  }),
})
