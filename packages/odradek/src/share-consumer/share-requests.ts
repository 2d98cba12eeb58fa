/** The two requests of a share session, put together from what is wanted and what is to be told. */
import type { RequestInput, shareAcknowledge, shareFetch } from '@odradek/protocol'
import type { ShareIdentity } from '../groups/share/share-snapshots.ts'
import type { AssignedPartition } from '../groups/shell/membership.ts'
import {
  type AcknowledgementBatch,
  type AcknowledgementLot,
  toBatches,
} from './pending-acknowledgements.ts'
import type { SharePlan } from './share-session.ts'
import { idPartitionKey } from '../groups/shell/membership.ts'

export interface ShareFetchLimits {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxRecords: number
  readonly isRecordLimit: boolean
}

/** The first version with renewals and the acquire mode (KIP-1222, KIP-1206). */
export const FIRST_VERSION_WITH_RENEWALS = 2

export function shareFetchBody(
  identity: ShareIdentity,
  plan: SharePlan,
  lots: readonly AcknowledgementLot[],
  limits: ShareFetchLimits,
): RequestInput<typeof shareFetch> {
  const { maxWaitMs, minBytes, maxBytes, maxRecords, isRecordLimit } = limits
  return {
    ...identity,
    shareSessionEpoch: plan.shareSessionEpoch,
    maxWaitMs,
    minBytes,
    maxBytes,
    maxRecords,
    batchSize: maxRecords,
    shareAcquireMode: isRecordLimit ? 1 : 0,
    topics: topicsOf(plan.added, lots),
    forgottenTopicsData: byTopic(plan.forgotten, ({ partition }) => partition),
  }
}

export function shareAcknowledgeBody(
  identity: ShareIdentity,
  shareSessionEpoch: number,
  lots: readonly AcknowledgementLot[],
  version: number,
): RequestInput<typeof shareAcknowledge> {
  const isRenewAck = lots.some(({ items }) =>
    items.some(({ acknowledgement }) => acknowledgement === 'renew'),
  )
  return {
    ...identity,
    shareSessionEpoch,
    ...(version >= FIRST_VERSION_WITH_RENEWALS ? { isRenewAck } : {}),
    topics: topicsOf([], lots),
  }
}

interface NamedPartition {
  readonly partitionIndex: number
  readonly acknowledgementBatches: readonly AcknowledgementBatch[]
}

function topicsOf(
  added: readonly AssignedPartition[],
  lots: readonly AcknowledgementLot[],
): { readonly topicId: string; readonly partitions: readonly NamedPartition[] }[] {
  const told = new Map(lots.map((lot) => [idPartitionKey(lot.partition), lot]))
  const named = new Map(added.map((one) => [idPartitionKey(one), one]))
  for (const [key, { partition }] of told) named.set(key, partition)
  return byTopic([...named.values()], (one) => ({
    partitionIndex: one.partition,
    acknowledgementBatches: toBatches(told.get(idPartitionKey(one))?.items ?? []),
  }))
}

function byTopic<T>(
  partitions: readonly AssignedPartition[],
  entryOf: (partition: AssignedPartition) => T,
): { readonly topicId: string; readonly partitions: readonly T[] }[] {
  const topics = new Map<string, { readonly topicId: string; readonly partitions: T[] }>()
  for (const one of partitions) {
    const topic = topics.get(one.topicId) ?? { topicId: one.topicId, partitions: [] }
    topics.set(one.topicId, topic)
    topic.partitions.push(entryOf(one))
  }
  return [...topics.values()]
}
