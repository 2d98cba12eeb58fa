/**
 * How the leader of a classic group divides partitions among members: a pure function over data.
 * An assignor is a fixpoint (its own answer, fed back, changes nothing) and does not depend on the
 * order in which members or topics are given.
 */
import type { TopicPartition } from '../../events/topic-partition.ts'

export interface GroupMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** Topics that this member subscribed to. */
  readonly topics: readonly string[]
  /** What it says that it owns, and since which generation; -1 when it does not say. */
  readonly ownedPartitions: readonly TopicPartition[]
  readonly generationId: number
  readonly userData: Buffer | null
  readonly rackId: string | null
}

export interface AssignorInput {
  readonly members: readonly GroupMember[]
  /** Partition counts of every topic that some member wants and the cluster has. */
  readonly partitionCounts: ReadonlyMap<string, number>
  /**
   * By topic, and there by partition, the racks that have a replica (KIP-881). A topic is absent
   * when nothing is known of its racks.
   */
  readonly partitionRacks?: PartitionRacks | undefined
}

export type PartitionRacks = ReadonlyMap<string, readonly ReadonlySet<string>[]>

/** What each member gets, by member id; every member has an entry. */
export type GroupAssignment = ReadonlyMap<string, readonly TopicPartition[]>

export interface Assignor {
  /** The name by which members of a group find common ground; Kafka's own for Kafka's own. */
  readonly name: string
  /** Cooperative: members keep what they own while they join; eager: they give up everything. */
  readonly protocol: 'cooperative' | 'eager'
  /**
   * Bytes for the leader that travel with this member's subscription: what it owns, and since which
   * generation. A member of an eager generation has given up everything when it joins; it is told
   * what its last sync gave it.
   */
  userData?(owned: readonly TopicPartition[], generationId: number): Buffer | null
  assign(input: AssignorInput): GroupAssignment
}
