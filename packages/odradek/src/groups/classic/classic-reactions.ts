/** What the errors of the classic protocol ask for: Java's tables, as data. */
import { type CommonReaction, EVERYWHERE, type Reactions } from '../shell/member-reactions.ts'

type Own =
  /** Try again with everything as it is. */
  | 'atOnce'
  /** The generation is over; the member id stands. */
  | 'resetGeneration'
  /** The coordinator does not know this member; begin anew. */
  | 'resetMember'
  /** The coordinator gave a member id; come back with it. */
  | 'takeMemberId'
  /** As `paced`, until a session has passed: a pod that replaces a killed one gets the id then. */
  | 'forOneSession'

export type Reaction = Own | CommonReaction

export const MEMBER_REACTIONS: Reactions<Own> = {
  ...EVERYWHERE,
  UNKNOWN_MEMBER_ID: 'resetMember',
  ILLEGAL_GENERATION: 'resetGeneration',
  REBALANCE_IN_PROGRESS: 'atOnce',
  UNRELEASED_INSTANCE_ID: 'forOneSession',
}

export const SYNC_REACTIONS = MEMBER_REACTIONS
export const JOIN_REACTIONS: Reactions<Own> = {
  ...MEMBER_REACTIONS,
  MEMBER_ID_REQUIRED: 'takeMemberId',
}
