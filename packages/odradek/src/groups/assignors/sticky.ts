/**
 * Kafka's `sticky`: the even division of `cooperative-sticky`, for eager groups. Members give up
 * everything before they join, so each tells in its user data what it had; most of it comes back to
 * it. The bytes are Java's (version 1; version 0 had no generation).
 */
import { array, int32, Message, ProtocolError, Reader, string, struct } from '@odradek/protocol'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { Assignor, GroupMember } from './assignor.ts'
import { balance } from './balance.ts'
import { byTopic } from './by-topic.ts'
import { existsIn, settleClaims } from './claims.ts'
import { inOrder } from './member-order.ts'

const stickyUserData = new Message({
  name: 'StickyAssignorUserData',
  versions: '0-1',
  flexible: 'none',
  fields: {
    previousAssignment: array(struct({ topic: string(), partitions: array(int32()) })),
    generationId: int32({ versions: '1+', default: -1 }),
  },
})

export const sticky: Assignor = {
  name: 'sticky',
  protocol: 'eager',

  userData(owned, generationId) {
    return stickyUserData.at(1).encode({ previousAssignment: byTopic(owned), generationId })
  },

  assign({ members, partitionCounts, partitionRacks }) {
    const ordered = inOrder(members).map(withMemory)
    const { heldBy } = settleClaims(ordered, existsIn(partitionCounts))
    return balance({ members: ordered, partitionCounts, partitionRacks, heldBy })
  },
}

/** A member as it was: with what it remembers in place of what it (no longer) owns. */
function withMemory(member: GroupMember): GroupMember {
  const { ownedPartitions, generationId } = remembered(member.userData)
  return { ...member, ownedPartitions, generationId, userData: null }
}

function remembered(bytes: Buffer | null): {
  readonly ownedPartitions: readonly TopicPartition[]
  readonly generationId: number
} {
  for (const version of [1, 0]) {
    try {
      if (bytes === null || bytes.length === 0) break
      const { previousAssignment, generationId } = stickyUserData
        .at(version)
        .read(new Reader(bytes))
      const ownedPartitions = previousAssignment.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      )
      return { ownedPartitions, generationId }
    } catch (error) {
      // Bytes of a member that make no sense must not bring the leader down.
      if (!(error instanceof ProtocolError)) throw error
    }
  }
  return { ownedPartitions: [], generationId: -1 }
}
