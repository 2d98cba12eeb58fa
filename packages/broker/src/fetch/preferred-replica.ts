/**
 * Where a consumer had better read (KIP-392): in its own rack, if a replica there has what it asks
 * for. The leader says so and gives no records; the replica serves what it has copied. Kafka's
 * followers serve every consumer that finds them; here they do so only when they are to be found.
 */
import type { Partition } from '../cluster/partition.ts'
import type { RequestContext } from '../handlers/handler.ts'

const RACKS_FROM_VERSION = 11
const HERE = -1

export function servesFollowerFetches({ cluster, version }: RequestContext): boolean {
  return cluster.options.replicaSelector === 'rack' && version >= RACKS_FROM_VERSION
}

/** The node id of a replica that is better placed than this leader; -1 for none. */
export function preferredReplicaOf(
  partition: Partition,
  fetchOffset: number,
  rackId: string,
  context: RequestContext,
): number {
  const { cluster, node } = context
  const { leaderId } = partition
  if (rackId === '' || !servesFollowerFetches(context) || leaderId !== node.nodeId) return HERE
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
