/**
 * The plan of a generation as the coordinator has it: who wants which topics, and what each was
 * assigned. A leader that did not make the plan itself has no other way to know: a static leader
 * that restarts is let in without a rebalance (KIP-814), and is told the members' subscriptions
 * alone.
 */
import { describeGroups, ProtocolError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'
import { partitionKey, type TopicPartition } from '../../events/topic-partition.ts'
import type { AssignorInput, GroupAssignment, GroupMember } from '../assignors/assignor.ts'
import { existsIn } from '../assignors/claims.ts'
import { readAssignment, readSubscription } from './classic-requests.ts'

const PATIENCE_MS = 5000

export interface PlanInForce {
  readonly memberIds: ReadonlySet<string>
  readonly topics: ReadonlySet<string>
  readonly memberRacks: ReadonlySet<string>
  /** By their keys, what somebody was assigned. */
  readonly assigned: ReadonlySet<string>
  /** What of the plan cannot be read. */
  readonly unreadable: readonly UnreadableBytes[]
}

/** A member's subscription, or its assignment, is not what Kafka defines. */
export interface UnreadableBytes {
  readonly kind: 'subscription' | 'assignment'
  readonly memberId: string
  readonly error: ProtocolError
}

type PartitionCounts = AssignorInput['partitionCounts']

/** Undefined while the group has no plan: it rebalances. */
export async function findPlanInForce(
  cluster: Cluster,
  groupId: string,
): Promise<PlanInForce | undefined> {
  const body = { groups: [groupId] }
  const { groups } = await cluster.requestCoordinator('group', groupId, describeGroups, body, {
    timeoutMs: Math.min(PATIENCE_MS, cluster.options.requestTimeoutMs),
  })
  const [group] = groups
  throwIfError(group?.errorCode ?? 0, `describe group "${groupId}"`)
  if (group?.groupState !== 'Stable') return undefined
  const unreadable: UnreadableBytes[] = []
  const noting = (kind: UnreadableBytes['kind'], memberId: string) => (error: ProtocolError) =>
    void unreadable.push({ kind, memberId, error })
  const wishes = group.members.map(({ memberId, memberMetadata }) =>
    readSubscription(memberMetadata, noting('subscription', memberId)),
  )
  const shares = group.members.map(({ memberId, memberAssignment }) =>
    shareIn(memberAssignment, noting('assignment', memberId)),
  )
  return {
    memberIds: new Set(group.members.map(({ memberId }) => memberId)),
    topics: new Set(wishes.flatMap(({ topics }) => topics)),
    memberRacks: new Set(wishes.flatMap(({ rackId }) => rackId ?? [])),
    assigned: new Set(shares.flat().map(keyOf)),
    unreadable,
  }
}

/** Partitions of an assignment that cannot be read count as assigned to no member. */
function shareIn(
  assignment: Buffer,
  onUnreadable: (error: ProtocolError) => void,
): readonly TopicPartition[] {
  try {
    return readAssignment(assignment)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    onUnreadable(error)
    return []
  }
}

/** How many partitions nobody was assigned. */
export function countUnassigned(counts: PartitionCounts, { assigned }: PlanInForce): number {
  let unassigned = 0
  for (const [topic, count] of counts) {
    for (let partition = 0; partition < count; partition++) {
      if (!assigned.has(partitionKey(topic, partition))) unassigned++
    }
  }
  return unassigned
}

export interface LeftOver {
  /** How many partitions. */
  readonly count: number
  /** The ids of members who have to give some of them up. */
  readonly holders: ReadonlySet<string>
}

export const NOTHING_LEFT_OVER: LeftOver = { count: 0, holders: new Set() }

/**
 * What a plan left to the next generation, because somebody has to give it up first. What nobody
 * claims was left out on purpose, by an assignor of the user's own.
 */
export function findLeftOver(
  plan: GroupAssignment,
  members: readonly GroupMember[],
  counts: PartitionCounts,
): LeftOver {
  const planned = new Set([...plan.values()].flatMap((partitions) => partitions.map(keyOf)))
  const isReal = existsIn(counts)
  const leftOver = new Set<string>()
  const holders = new Set<string>()
  for (const { memberId, ownedPartitions } of members) {
    for (const owned of ownedPartitions) {
      const key = keyOf(owned)
      if (!isReal(owned) || planned.has(key)) continue
      leftOver.add(key)
      holders.add(memberId)
    }
  }
  return { count: leftOver.size, holders }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return partitionKey(topic, partition)
}
