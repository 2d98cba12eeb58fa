/** What the errors of the KIP-848 protocol ask for, as data. */
import { type CommonReaction, EVERYWHERE, type Reactions } from '../shell/member-reactions.ts'

/** `paced` is: say everything again after a pause. */
type Own =
  /** As `paced`, and people hear of it: somebody has to change something. */
  | 'told'
  /** The coordinator has moved on: ask it where to. */
  | 'stale'
  /** Everything is lost; join anew, under the same member id. */
  | 'rejoin'
  /** As `paced`, until a session has passed: a pod that replaces a killed one gets the id then. */
  | 'forOneSession'

export type Reaction = Own | CommonReaction

const ANYTIME: Reactions<Own> = {
  ...EVERYWHERE,
  UNKNOWN_MEMBER_ID: 'rejoin',
  FENCED_MEMBER_EPOCH: 'rejoin',
  TOPIC_AUTHORIZATION_FAILED: 'told',
}

/** Of a heartbeat that joins. GROUP_ID_NOT_FOUND means here: there is one, but of another kind. */
export const JOIN_REACTIONS: Reactions<Own> = {
  ...ANYTIME,
  UNKNOWN_MEMBER_ID: 'paced',
  FENCED_MEMBER_EPOCH: 'paced',
  STALE_MEMBER_EPOCH: 'paced',
  UNRELEASED_INSTANCE_ID: 'forOneSession',
}

/** Of a member's heartbeat: the group itself may be gone, and is made anew by joining. */
export const HEARTBEAT_REACTIONS: Reactions<Own> = {
  ...ANYTIME,
  GROUP_ID_NOT_FOUND: 'rejoin',
  STALE_MEMBER_EPOCH: 'stale',
  UNRELEASED_INSTANCE_ID: 'paced',
}

/** Of what is sent in the member's name: commits, and questions for committed offsets. */
export const MEMBER_REACTIONS: Reactions<Own> = {
  ...ANYTIME,
  STALE_MEMBER_EPOCH: 'stale',
  ILLEGAL_GENERATION: 'stale',
  GROUP_ID_NOT_FOUND: 'stale',
}
