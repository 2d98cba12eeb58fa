/**
 * Who is near to what (KIP-881): a member is near to a partition that has a replica in its rack. A
 * member without a rack is near to everything. Racks count for nothing when no member's rack has
 * replicas, or when every rack has one of every partition.
 */
import type { AssignorInput, GroupMember } from './assignor.ts'

const NO_RACKS: ReadonlySet<string> = new Set()

/** The racks of each partition of a topic, as far as they are known. */
export function racksOf(
  { partitionCounts, partitionRacks }: Pick<AssignorInput, 'partitionCounts' | 'partitionRacks'>,
  topic: string,
): readonly ReadonlySet<string>[] {
  const known = partitionRacks?.get(topic)
  const count = partitionCounts.get(topic) ?? 0
  return Array.from({ length: count }, (_one, index) => known?.[index] ?? NO_RACKS)
}

export function isNear(rackId: string | null, racks: ReadonlySet<string>): boolean {
  return rackId === null || racks.has(rackId)
}

/** Whether racks can make any difference to these members and partitions. */
export function racksMatter(
  members: readonly Pick<GroupMember, 'rackId'>[],
  partitions: readonly ReadonlySet<string>[],
): boolean {
  const all = new Set(partitions.flatMap((racks) => [...racks]))
  const isShared = members.some(({ rackId }) => rackId !== null && all.has(rackId))
  return isShared && partitions.some((racks) => racks.size < all.size)
}
