/**
 * The replica that a consumer should read from (KIP-392): one in its own rack, if it has the
 * offset. The leader returns its id and no records; the replica serves what it has copied. Kafka's
 * followers serve every consumer; here they do so only with `replicaSelector: 'rack'`.
 */
import type { BrokerContext } from '../cluster/broker-context.ts'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { Partition } from '../cluster/partition.ts'

const RACKS_FROM_VERSION = 11
const HERE = -1

/** Whether replicas in the rack of the client serve its fetches, in this version of Fetch. */
export function servesFollowerFetches({ options }: ClusterState, version: number): boolean {
  return options.replicaSelector === 'rack' && version >= RACKS_FROM_VERSION
}

/** The node id of a replica that is better placed than this leader; -1 for none. */
export function preferredReplicaOf(
  partition: Partition,
  fetchOffset: number,
  rackId: string,
  { cluster, nodeId: ownId }: Pick<BrokerContext, 'cluster' | 'nodeId'>,
): number {
  const { leaderId } = partition
  if (rackId === '' || leaderId !== ownId) return HERE
  const { rackOf } = cluster.options
  if (rackOf(leaderId) === rackId) return HERE
  let preferred = HERE
  let most = -1
  for (const nodeId of cluster.inSyncReplicas(partition)) {
    const endOffset = partition.endOffsetAt(nodeId)
    if (rackOf(nodeId) !== rackId || endOffset < fetchOffset || endOffset <= most) continue
    preferred = nodeId
    most = endOffset
  }
  return preferred
}
