/** Carries out the acknowledgements of ShareFetch and ShareAcknowledge. */
import { ErrorCode } from '@odradek/protocol'
import { findLed, type Led } from '../cluster/leader-lookup.ts'
import { partitionKey } from '../cluster/topic-partitions.ts'
import { acknowledgementError } from './acknowledgement-check.ts'
import type { SharePartitions } from './share-partitions.ts'
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
  shares: SharePartitions,
): ReadonlyMap<string, AcknowledgedPartition> {
  const outcomes = new Map<string, AcknowledgedPartition>()
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex, acknowledgementBatches: batches } of partitions) {
      if (batches.length === 0) continue
      const found = findLed({ topic: null, topicId, partition: partitionIndex }, shares.broker)
      const errorCode = outcomeOf(session, found, batches, isRenewAck, shares)
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
  shares: SharePartitions,
): number {
  const invalid = acknowledgementError(batches, { isRenewAck })
  if (invalid !== ErrorCode.NONE) return invalid
  if (errorCode !== ErrorCode.NONE || topic === undefined || partition === undefined) {
    return errorCode
  }
  return shares.acknowledge(session, topic, partition, batches)
}
