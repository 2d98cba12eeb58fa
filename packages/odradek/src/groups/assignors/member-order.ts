/**
 * The order in which members are served: by group instance id where there is one, so that a static
 * member keeps its place when a restart gave it another member id, then by member id. Compared by
 * code units, as Java does, never by locale.
 */
import type { GroupMember } from './assignor.ts'

export function inOrder(members: readonly GroupMember[]): readonly GroupMember[] {
  const unique = new Map(members.map((member) => [member.memberId, member]))
  return [...unique.values()].sort(compareMembers)
}

function compareMembers(a: GroupMember, b: GroupMember): number {
  if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
    const order = compareText(a.groupInstanceId, b.groupInstanceId)
    if (order !== 0) return order
  } else if (a.groupInstanceId !== null) return -1
  else if (b.groupInstanceId !== null) return 1
  return compareText(a.memberId, b.memberId)
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
