/** What a plan does to topics and their logs: they lose records, grow, go, and come back empty. */
import type { EmbeddedCluster } from '@odradek/broker'
import type { VirtualWorld } from '@odradek/environment'
import type { TopicPartition } from '../history/topic-partition.ts'
import type { History } from '../history/history.ts'
import type { FaultOf } from './fault.ts'

interface Place {
  readonly world: VirtualWorld
  readonly cluster: EmbeddedCluster
  readonly history: History
}

type Change = FaultOf<'truncation' | 'expiry' | 'topicGrowth' | 'topicRecreation'>

/** Whether the partition exists: its topic may have gone, or come back smaller. */
export function isThere(cluster: EmbeddedCluster, { topic, partition }: TopicPartition): boolean {
  return cluster.hasTopic(topic) && partition < cluster.partitionCount(topic)
}

/** Does nothing to what is not there at the moment. */
export function changeTopic(fault: Change, place: Place): void {
  const { cluster } = place
  switch (fault.kind) {
    case 'topicGrowth':
      if (cluster.hasTopic(fault.topic)) grow(fault, place)
      return
    case 'topicRecreation':
      if (cluster.hasTopic(fault.topic)) recreate(fault, place)
      return
    case 'expiry':
      if (isThere(cluster, fault)) expire(fault, place)
      return
    case 'truncation':
      if (isThere(cluster, fault)) truncate(fault, place)
  }
}

function note(history: History, what: string, until = history.now): void {
  history.add({ type: 'fault', what, until })
}

function grow({ topic, more }: FaultOf<'topicGrowth'>, { cluster, history }: Place): void {
  const partitions = cluster.partitionCount(topic) + more
  note(history, `${topic} gets ${more} more partitions`)
  cluster.addPartitions(topic, partitions)
  history.add({ type: 'topic', topic, partitions })
}

function recreate(
  { topic, partitions, forMs }: FaultOf<'topicRecreation'>,
  { world, cluster, history }: Place,
): void {
  note(history, `${topic} is deleted`, world.now + forMs)
  for (let partition = 0; partition < cluster.partitionCount(topic); partition++) {
    const { endOffset: to } = cluster.partition(topic, partition)
    history.add({ type: 'recordsGone', topic, partition, cause: 'deleted', from: 0, to })
  }
  history.add({ type: 'topic', topic, partitions: 0 })
  cluster.deleteTopic(topic)
  const makeAnew = (): void => {
    note(history, `${topic} is made anew, with ${partitions} partitions`)
    cluster.createTopic(topic, { partitions })
    history.add({ type: 'topic', topic, partitions })
  }
  if (forMs === 0) makeAnew()
  else world.at(world.now + forMs, makeAnew)
}

function expire({ topic, partition, keep }: FaultOf<'expiry'>, { cluster, history }: Place): void {
  const { logStartOffset, endOffset } = cluster.partition(topic, partition)
  const before = endOffset - keep
  if (before <= logStartOffset) return
  note(history, `${topic}-${partition} keeps ${keep} records`)
  cluster.expireRecords(topic, partition, { before })
}

function truncate(
  { topic, partition, records }: FaultOf<'truncation'>,
  { cluster, history }: Place,
): void {
  const { logStartOffset, endOffset } = cluster.partition(topic, partition)
  const to = Math.max(logStartOffset, endOffset - records)
  if (to === endOffset) return
  const from = cluster.truncate(topic, partition, { to })
  note(history, `${topic}-${partition} loses its end`)
  history.add({ type: 'recordsGone', topic, partition, cause: 'truncated', from, to: endOffset })
}
