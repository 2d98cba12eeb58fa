/** Carries out the acknowledgements of a request, whichever of the two kinds it is. */
import { ErrorCode } from '@odradek/protocol'
import type { RequestContext } from '../handlers/handler.ts'
import { findLed, type Led } from '../handlers/leader-lookup.ts'
import { partitionKey } from '../group/topic-partitions.ts'
import { acknowledgementError } from './acknowledgement-check.ts'
import type { AcknowledgementBatch } from './share-record.ts'
import type { ShareSession } from './share-sessions.ts'

export interface AcknowledgedPartition {
  readonly topicId: string
  readonly partitionIndex: number
  readonly found: Led
  readonly errorCode: number
}

interface TopicBody {
  readonly topicId: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly acknowledgementBatches: readonly AcknowledgementBatch[]
  }[]
}

/** The outcome of each partition that was acknowledged, by its key. */
export function acknowledgeTopics(
  session: ShareSession,
  topics: readonly TopicBody[],
  isRenewAck: boolean,
  context: RequestContext,
): ReadonlyMap<string, AcknowledgedPartition> {
  const outcomes = new Map<string, AcknowledgedPartition>()
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex, acknowledgementBatches: batches } of partitions) {
      if (batches.length === 0) continue
      const found = findLed({ topic: null, topicId, partition: partitionIndex }, context)
      const errorCode = outcomeOf(session, found, batches, isRenewAck, context)
      outcomes.set(partitionKey(topicId, partitionIndex), {
        topicId,
        partitionIndex,
        found,
        errorCode,
      })
    }
  }
  return outcomes
}

function outcomeOf(
  session: ShareSession,
  { topic, partition, errorCode }: Led,
  batches: readonly AcknowledgementBatch[],
  isRenewAck: boolean,
  { node }: RequestContext,
): number {
  const invalid = acknowledgementError(batches, { isRenewAck })
  if (invalid !== ErrorCode.NONE) return invalid
  if (errorCode !== ErrorCode.NONE || topic === undefined || partition === undefined) {
    return errorCode
  }
  return node.shares.acknowledge(session, topic, partition, batches)
}
