/**
 * Kafka's `cooperative-sticky`: members keep what they own while they join, the plan keeps as much
 * of it as an even division allows, and what changes its owner does so in two generations. In the
 * first nobody gets it: its old owner gives it up when it sees the plan, and joins again; in the
 * second it is free. So no two members ever read one partition.
 */
import { partitionKey } from '../../events/topic-partition.ts'
import type { Assignor } from './assignor.ts'
import { balance } from './balance.ts'
import { existsIn, settleClaims } from './claims.ts'
import { inOrder } from './member-order.ts'

export const cooperativeSticky: Assignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',

  /** Java's members before subscriptions of version 2 read the generation from here. */
  userData(_owned, generationId) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(generationId)
    return bytes
  },

  assign({ members, partitionCounts, partitionRacks }) {
    const ordered = inOrder(members)
    const { heldBy, claimants } = settleClaims(ordered, existsIn(partitionCounts))
    const plan = balance({ members: ordered, partitionCounts, partitionRacks, heldBy })
    return new Map(
      [...plan].map(([memberId, planned]) => {
        const held = new Set(
          (heldBy.get(memberId) ?? []).map((one) => partitionKey(one.topic, one.partition)),
        )
        const isFree = (key: string): boolean => {
          const others = claimants.get(key)
          return others === undefined || (others.size === 1 && others.has(memberId))
        }
        const now = planned.filter(({ topic, partition }) => {
          const key = partitionKey(topic, partition)
          return held.has(key) || isFree(key)
        })
        return [memberId, now]
      }),
    )
  },
}
