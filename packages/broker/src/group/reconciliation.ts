/**
 * Moves one member towards its target assignment, as far as others allow. The rule that keeps a
 * partition from having two owners: a revoked partition is pending until the member itself reports
 * that it has released it (it stays in its old epoch until then), and a partition that another
 * member has, even pending, is not assigned.
 */

import { type PartitionKey, topicIdOf } from '../cluster/topic-partitions.ts'
import type { TopicsImage } from '../cluster/topics-image.ts'
import { type Assigned, isReconciled, type Member, wantedTopics } from './consumer-group.ts'

export interface Goal {
  readonly assignmentEpoch: number
  readonly target: ReadonlySet<PartitionKey>
  readonly resolved: ReadonlyMap<string, readonly string[]>
  readonly topics: TopicsImage
  /** The partitions that the member reports; null if it reports none. */
  readonly owned: ReadonlySet<PartitionKey> | null
  /** Whether another member has a partition, or still has to release it. */
  readonly isHeldByOthers: (key: PartitionKey) => boolean
  /** The member's subscription changed: unsubscribed partitions are revoked immediately. */
  readonly hasNewSubscription: boolean
}

const NOTHING: Assigned = new Map()

/** The member after this step; the same object when there is nothing to do. */
export function reconcile(member: Member, goal: Goal): Member {
  if (isReconciled(member, goal.assignmentEpoch)) {
    return goal.hasNewSubscription ? dropUnwanted(member, goal) : member
  }
  const isWaiting =
    member.state === 'UnrevokedPartitions' && ownsAny(member.pendingRevocation, goal.owned)
  if (!isWaiting) return advance(member, goal)
  return goal.hasNewSubscription ? dropUnwanted(member, goal) : member
}

/** A member that does not report its partitions is assumed to own all of them. */
function ownsAny(keys: Assigned, owned: Goal['owned']): boolean {
  if (owned === null) return true
  for (const key of owned) if (keys.has(key)) return true
  return false
}

function isWanted(member: Member, { resolved, topics }: Goal): (key: PartitionKey) => boolean {
  const names = wantedTopics(member, resolved)
  return (key) => {
    const topic = topics.byId.get(topicIdOf(key))
    return topic !== undefined && names.has(topic.name)
  }
}

function dropUnwanted(member: Member, goal: Goal): Member {
  const wants = isWanted(member, goal)
  const assigned = new Map(member.assigned)
  const pendingRevocation = new Map(member.pendingRevocation)
  for (const [key, epoch] of member.assigned) {
    if (wants(key)) continue
    assigned.delete(key)
    pendingRevocation.set(key, epoch)
  }
  if (assigned.size === member.assigned.size) return member
  const changed = { ...member, previousMemberEpoch: member.memberEpoch, assigned }
  if (!ownsAny(pendingRevocation, goal.owned)) return changed
  return { ...changed, state: 'UnrevokedPartitions', pendingRevocation }
}

function advance(member: Member, goal: Goal): Member {
  const { assignmentEpoch, isHeldByOthers } = goal
  const wants = isWanted(member, goal)
  const assigned = new Map<PartitionKey, number>()
  const toRevoke = new Map<PartitionKey, number>()
  for (const [key, epoch] of member.assigned) {
    const list = goal.target.has(key) && wants(key) ? assigned : toRevoke
    list.set(key, epoch)
  }
  // Kafka remembers one epoch before, and counts a step inside an epoch as one.
  const changed = { ...member, previousMemberEpoch: member.memberEpoch, assigned }
  if (toRevoke.size > 0 && ownsAny(toRevoke, goal.owned)) {
    return { ...changed, state: 'UnrevokedPartitions', pendingRevocation: toRevoke }
  }
  let hasUnreleased = false
  for (const key of goal.target) {
    if (assigned.has(key) || !wants(key)) continue
    if (isHeldByOthers(key)) hasUnreleased = true
    else assigned.set(key, assignmentEpoch)
  }
  return {
    ...changed,
    state: hasUnreleased ? 'UnreleasedPartitions' : 'Stable',
    memberEpoch: assignmentEpoch,
    pendingRevocation: NOTHING,
  }
}
