/** The ways in which committed offsets go, each with its tombstone. */
import type { TombstoneEvent } from '../cluster/cluster-events.ts'
import type { ClusterState } from '../cluster/cluster-state.ts'
import type { Topic } from '../cluster/topics.ts'
import type { GroupStore } from './group-store.ts'

export interface ForgottenOffsets {
  readonly groupId: string
  readonly cause: TombstoneEvent['cause']
  /** All topics without it. */
  readonly topic?: string | undefined
  /** All partitions without it. */
  readonly partition?: number | undefined
}

/** Removes committed offsets of a group: all of them, those of a topic, or that of a partition. */
export function forgetOffsets(
  cluster: ClusterState,
  groups: GroupStore,
  { groupId, cause, topic, partition }: ForgottenOffsets,
): void {
  const stored = groups.get(groupId)
  for (const [name, partitions] of [...(stored?.offsets ?? [])]) {
    if (topic !== undefined && topic !== name) continue
    const topicId = cluster.topics.byName(name)?.id ?? ''
    for (const [index, { offset }] of [...partitions]) {
      if (partition !== undefined && partition !== index) continue
      stored?.deleteOffset(name, index)
      const at = cluster.now()
      const what = { at, groupId, topic: name, topicId, partition: index, offset, cause }
      cluster.events.emit('tombstone', what)
    }
  }
}

/** Removes the offsets of a topic from all groups, committed and pending ones. */
export function forgetTopicOffsets(cluster: ClusterState, groups: GroupStore, topic: Topic): void {
  for (const groupId of groups.groupIds()) {
    forgetOffsets(cluster, groups, { groupId, cause: 'topicDeleted', topic: topic.name })
    groups.get(groupId)?.pending.forgetTopic(topic.name)
  }
}
