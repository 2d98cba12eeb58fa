/** Asks leaders where what we read under an epoch ends in their log (KIP-320). */
import { offsetForLeaderEpoch } from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import { throwIfError } from '../../errors/reaction.ts'
import type { PartitionReader } from '../partition/partition-state.ts'

/**
 * The offset behind the last record that the leader shares with us; undefined when it cannot tell
 * (the epoch is too old, or ours is not known). One attempt.
 */
export async function sharedEndOf(
  cluster: Cluster,
  reader: PartitionReader,
): Promise<number | undefined> {
  const { topic, partition } = reader
  const { epoch: fetchedEpoch } = reader.progress
  const leader = cluster.metadata.topics.get(topic)?.partitions[partition]
  if (fetchedEpoch < 0 || leader === undefined || leader.leader < 0) return undefined
  const asked = { partition, currentLeaderEpoch: leader.leaderEpoch, leaderEpoch: fetchedEpoch }
  const response = await cluster.request(offsetForLeaderEpoch, leader.leader, {
    topics: [{ topic, partitions: [asked] }],
  })
  const [answer] = response.topics[0]?.partitions ?? []
  if (answer === undefined) return undefined
  throwIfError(answer.errorCode, `find where ${reader.name} was truncated`)
  return answer.endOffset < 0 ? undefined : answer.endOffset
}

/** An epoch that no leader has had yet is not ours: a leader cannot say where it ends. */
export function forgetEpochOfTheFuture(cluster: Cluster, reader: PartitionReader): void {
  const topic = cluster.metadata.topics.get(reader.topic)
  const leaderEpoch = topic?.partitions[reader.partition]?.leaderEpoch ?? -1
  const { progress } = reader
  if (leaderEpoch >= 0 && progress.epoch > leaderEpoch) progress.correctEpoch(-1)
}
