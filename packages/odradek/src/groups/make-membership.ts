/** A membership by the protocol that the options name. */
import type { Cluster } from '../cluster/index.ts'
import { AutoMembership } from './auto-membership.ts'
import { ClassicMembership, type ClassicMembershipOptions } from './classic/classic-membership.ts'
import {
  ConsumerMembership,
  type ConsumerMembershipOptions,
} from './consumer/consumer-membership.ts'
import type { GroupProtocol } from './shell/group-protocol.ts'
import type { Membership, MembershipHandler } from './shell/membership.ts'
import { PatternMembership } from './pattern-membership.ts'

export type MembershipOptions = Omit<ClassicMembershipOptions, 'onStep'> &
  Omit<ConsumerMembershipOptions, 'onStep'> & {
    readonly groupProtocol: GroupProtocol | 'auto'
    /** The patterns behind `topicPattern`, for members that match by themselves. */
    readonly topicPatterns: readonly RegExp[]
  }

export function makeMembership(
  cluster: Cluster,
  options: MembershipOptions,
  handler: MembershipHandler,
): Membership {
  const make = (protocol: GroupProtocol): Membership => {
    if (protocol === 'consumer') return new ConsumerMembership(cluster, options, handler)
    const classic = new ClassicMembership(cluster, options, handler)
    return options.topicPatterns.length === 0
      ? classic
      : new PatternMembership(cluster, options, classic)
  }
  const { groupProtocol } = options
  return groupProtocol === 'auto'
    ? new AutoMembership(cluster, { ...options, make })
    : make(groupProtocol)
}
