/**
 * What outlives every broker of a cluster besides its logs: what Kafka keeps in the internal topics
 * of groups, share groups and transactions.
 */
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { Topic } from '../cluster/topics.ts'
import { forgetTopicOffsets } from '../group/forget-offsets.ts'
import { GroupStore } from '../group/group-store.ts'
import { ShareStore } from '../share/share-store.ts'
import { TransactionStore } from '../transaction/transaction-store.ts'

export class Stores {
  readonly groups = new GroupStore()
  readonly shares = new ShareStore()
  readonly transactions = new TransactionStore()
}

/** Deletes a topic with its committed offsets. */
export function deleteTopic(cluster: ClusterState, { groups }: Stores, topic: Topic): void {
  forgetTopicOffsets(cluster, groups, topic)
  cluster.topics.delete(topic)
}
