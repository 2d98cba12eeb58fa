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
} from './consumer/group/classic-membership.ts'
export type { Membership, MembershipHandler } from './consumer/group/membership.ts'
export {
  type Assignor,
  type AssignorInput,
  type GroupAssignment,
  type GroupMember,
  resolveAssignors,
} from './consumer/group/assignors/index.ts'
