/**
 * For simulations, broker tests and the monitor. Unstable: nothing here keeps its shape between
 * releases.
 */
export { Cluster } from './cluster/cluster.ts'
export type { KafkaInternals } from './kafka.ts'
export {
  ClassicMembership,
  type ClassicMembershipOptions,
  type TracedStep,
} from './groups/classic/classic-membership.ts'
export type { Membership, MembershipHandler } from './groups/shell/membership.ts'
export {
  type Assignor,
  type AssignorInput,
  type GroupAssignment,
  type GroupMember,
  resolveAssignors,
} from './groups/assignors/index.ts'
export { CONSUMER_OPTIONS } from './consumer/options/consumer-options.ts'
export { ERROR_POLICY_OPTIONS, RUN_OPTIONS } from './consumer/options/run-options.ts'
export { type Reaction, reactionTo, throwIfError } from './errors/reaction.ts'
export { SHARE_CONSUMER_OPTIONS } from './share-consumer/share-consumer-options.ts'
