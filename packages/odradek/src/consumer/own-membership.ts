/** The membership that a consumer's options ask for: in a group, or of one's own choice. */
import type { Purpose } from '../cluster/broker-pool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { Assignment } from './assignment.ts'
import { type EffectiveConsumerOptions, nameOf } from './options/consumer-options.ts'
import { makeMembership } from '../groups/make-membership.ts'
import { ManualMembership } from '../groups/manual-membership.ts'
import type { Membership } from '../groups/shell/membership.ts'
import type { Liveness } from './progress/liveness.ts'

export interface MembershipTools {
  readonly assignment: Assignment
  readonly emitter: TypedEmitter<ClientEvents>
  readonly joinPurpose: Purpose
  readonly seat: Liveness['seat']
}

export function ownMembership(
  cluster: Cluster,
  options: EffectiveConsumerOptions,
  { assignment, emitter, joinPurpose, seat }: MembershipTools,
): Membership {
  const { groupId, partitions, topics, groupInstanceId, partitionAssignors } = options
  if (partitions !== undefined || groupId === undefined) {
    const chosen = (partitions ?? []).map(({ topic, partition }) => ({
      topic: nameOf(topic),
      partition,
    }))
    return new ManualMembership(
      cluster,
      { groupId, partitions: chosen },
      assignment,
      assignment.report,
    )
  }
  const { topicPattern, topicPatterns, groupRemoteAssignor } = options
  return makeMembership(
    cluster,
    {
      ...options,
      groupId,
      topicPattern: topicPattern ?? null,
      topicPatterns,
      groupRemoteAssignor: groupRemoteAssignor ?? null,
      groupInstanceId: groupInstanceId ?? null,
      topics: topics.map(nameOf),
      assignors: partitionAssignors,
      clientRack: cluster.options.clientRack ?? null,
      joinPurpose,
      seat,
      emitter,
    },
    assignment,
  )
}
