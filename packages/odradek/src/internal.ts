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
