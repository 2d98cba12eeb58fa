/**
 * Who owns what, according to the members themselves. Claims may contradict each other: a member
 * that missed a generation still names what it had. Per partition the claim of the highest
 * generation counts, and when two members claim it in the same generation neither does (KIP-792):
 * both let go of it, and it finds one owner in the next generation.
 */
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { AssignorInput, GroupMember } from './assignor.ts'
import { compareText } from './member-order.ts'

export interface Claims {
  /** Partitions that each member rightly holds and still wants, by member id. */
  readonly heldBy: ReadonlyMap<string, readonly TopicPartition[]>
  /** Everybody who names a partition (by its key), rightly or not. */
  readonly claimants: ReadonlyMap<string, ReadonlySet<string>>
}

const NO_GENERATION = -1

/** Since which generation a member holds what it holds: a field of its own, or (old) user data. */
export function claimedGeneration(member: GroupMember): number {
  if (member.generationId >= 0) return member.generationId
  const { userData } = member
  if (userData === null || userData.length < 4) return NO_GENERATION
  return Math.max(NO_GENERATION, userData.readInt32BE(0))
}

/** Settles who holds each claimed partition, for those that `isReal` accepts. */
export function settleClaims(
  members: readonly GroupMember[],
  isReal: (partition: TopicPartition) => boolean,
): Claims {
  const claimants = new Map<string, Set<string>>()
  const best = new Map<string, { generationId: number; memberId: string; isContested: boolean }>()
  for (const member of members) {
    const generationId = claimedGeneration(member)
    for (const owned of member.ownedPartitions) {
      const key = partitionKey(owned.topic, owned.partition)
      const others = claimants.get(key) ?? new Set()
      // A member that names a partition twice does not contradict itself.
      if (others.has(member.memberId)) continue
      claimants.set(key, others.add(member.memberId))
      const rival = best.get(key)
      if (rival === undefined || generationId > rival.generationId) {
        best.set(key, { generationId, memberId: member.memberId, isContested: false })
      } else if (generationId === rival.generationId) rival.isContested = true
    }
  }
  const heldBy = new Map<string, TopicPartition[]>()
  for (const member of members) {
    const topics = new Set(member.topics)
    const held: TopicPartition[] = []
    for (const { topic, partition } of member.ownedPartitions) {
      const key = partitionKey(topic, partition)
      const holder = best.get(key)
      if (holder?.memberId !== member.memberId || holder.isContested) continue
      if (!topics.has(topic) || !isReal({ topic, partition })) continue
      held.push({ topic, partition })
      best.delete(key)
    }
    held.sort((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition)
    heldBy.set(member.memberId, held)
  }
  return { heldBy, claimants }
}

/** Whether the cluster has such a partition. */
export function existsIn(
  partitionCounts: AssignorInput['partitionCounts'],
): (partition: TopicPartition) => boolean {
  return ({ topic, partition }) =>
    Number.isInteger(partition) && partition >= 0 && partition < (partitionCounts.get(topic) ?? 0)
}
