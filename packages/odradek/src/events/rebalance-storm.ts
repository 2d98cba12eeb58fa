/**
 * A group whose generations follow each other faster than what this member saw happen explains. It
 * gives what was seen, and no more: a monitor, which sees all members, can find the one at fault.
 */
export interface RebalanceStorm {
  readonly groupId: string
  readonly memberId: string
  readonly generationId: number
  /** How many generations the group went through ... */
  readonly generations: number
  /** ... in this time (ms). */
  readonly withinMs: number
  /** Whether any assignment changed: of the whole group if this member leads, else its own. */
  readonly hasAssignmentChanged: boolean
  /** Whether this member leads the group, and so sees who takes part. */
  readonly isLeader: boolean
  /** Ids of members that joined meanwhile, the newest last, at most 20; empty unless it leads. */
  readonly membersJoined: readonly string[]
  /** Ids of members that left meanwhile, the newest last, at most 20; empty unless it leads. */
  readonly membersLeft: readonly string[]
  /** Why this member itself joined again, where that was not in response to others. */
  readonly ownReasons: readonly string[]
}
