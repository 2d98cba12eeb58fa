/** A membership by the protocol that the options name. */
import type { Cluster } from '../../cluster/index.ts'
import { UsageError } from '../../errors/errors.ts'
import { AutoMembership } from './auto-membership.ts'
import { ClassicMembership, type ClassicMembershipOptions } from './classic-membership.ts'
import {
  ConsumerMembership,
  type ConsumerMembershipOptions,
} from './consumer-protocol/consumer-membership.ts'
import type { GroupProtocol } from './group-protocol.ts'
import type { Membership, MembershipHandler } from './membership.ts'

export type MembershipOptions = Omit<ClassicMembershipOptions, 'onStep'> &
  Omit<ConsumerMembershipOptions, 'onStep'> & { readonly groupProtocol: GroupProtocol | 'auto' }

export function makeMembership(
  cluster: Cluster,
  options: MembershipOptions,
  handler: MembershipHandler,
): Membership {
  const make = (protocol: GroupProtocol): Membership => {
    if (protocol === 'consumer') return new ConsumerMembership(cluster, options, handler)
    if (options.topicPattern !== null) handler.onFatal(noPatterns(options.groupId))
    return new ClassicMembership(cluster, options, handler)
  }
  const { groupProtocol } = options
  return groupProtocol === 'auto'
    ? new AutoMembership(cluster, { ...options, make })
    : make(groupProtocol)
}

function noPatterns(groupId: string): UsageError {
  return new UsageError(
    `Group "${groupId}" goes by the classic protocol, which cannot read topics by a pattern. Name ` +
      'the topics, or let all members of the group use groupProtocol "consumer".',
  )
}
