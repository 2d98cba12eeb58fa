/**
 * Writes the outcome of a transaction to its participants: a control batch into the log of each
 * partition, and to each group, whose pending offsets are committed or dropped by it. A participant
 * without a running leader or coordinator is retried later; a deleted topic needs no marker.
 */
import type { ControlType } from '@odradek/protocol'
import { applyTransactionMarker } from '../cluster/appending.ts'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { Participants } from './transaction.ts'

export interface Decision {
  readonly type: ControlType
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly transactionVersion: number
}

/** The keys of the participants that have their marker now. */
export function writeMarkers(
  cluster: ClusterState,
  participants: Participants,
  decision: Decision,
): readonly string[] {
  const written: string[] = []
  for (const [key, participant] of participants) {
    if (participant.kind === 'group') {
      const nodeId = cluster.coordinators.coordinatorOf(participant.groupId)
      const groups = cluster.nodes.get(nodeId)?.groups
      if (groups?.settleOffsets(participant.groupId, decision) === true) written.push(key)
      continue
    }
    const topic = cluster.topics.byName(participant.topic)
    const partition = topic?.partitions[participant.partition]
    if (topic === undefined || partition === undefined) {
      written.push(key)
      continue
    }
    if (!cluster.nodes.has(partition.leaderId)) continue
    // A partition that refuses it has seen a newer producer or coordinator: it needs no marker.
    applyTransactionMarker(cluster, topic, partition, decision)
    written.push(key)
  }
  return written
}
