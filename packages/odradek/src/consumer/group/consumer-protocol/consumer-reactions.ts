/**
 * What each error of the KIP-848 protocol asks for, as data. Codes that are not in a table are
 * paced retries when they may go away by themselves, or when this client does not know them (a
 * rolling upgrade must not stop a group), and fatal otherwise.
 */
import { BrokerError, isKnownErrorCode, type KafkaError } from '@odradek/protocol'

export type Reaction =
  /** Say everything again after a pause. */
  | 'paced'
  /** Look for the coordinator again, then as `paced`. */
  | 'coordinator'
  /** As `paced`, and people hear of it: somebody has to change something. */
  | 'told'
  /** The coordinator has moved on: ask it where to. */
  | 'stale'
  /** Everything is lost; join anew, under the same member id. */
  | 'rejoin'
  /** As `paced`, until a session has passed: a pod that replaces a killed one gets the id then. */
  | 'forOneSession'
  | 'fatal'

type Table = Readonly<Record<string, Reaction>>

const EVERYWHERE: Table = {
  COORDINATOR_LOAD_IN_PROGRESS: 'paced',
  COORDINATOR_NOT_AVAILABLE: 'coordinator',
  NOT_COORDINATOR: 'coordinator',
  UNKNOWN_MEMBER_ID: 'rejoin',
  FENCED_MEMBER_EPOCH: 'rejoin',
  FENCED_INSTANCE_ID: 'fatal',
  TOPIC_AUTHORIZATION_FAILED: 'told',
  CONNECTION_FAILED: 'coordinator',
  TIMED_OUT: 'coordinator',
  // Bytes that make no sense close their connection; the next one may do better.
  MALFORMED: 'paced',
  CORRUPT_MESSAGE: 'paced',
}

/** Of a heartbeat that joins. GROUP_ID_NOT_FOUND means here: there is one, but of another kind. */
export const JOIN_REACTIONS: Table = {
  ...EVERYWHERE,
  UNKNOWN_MEMBER_ID: 'paced',
  FENCED_MEMBER_EPOCH: 'paced',
  STALE_MEMBER_EPOCH: 'paced',
  UNRELEASED_INSTANCE_ID: 'forOneSession',
}

/** Of a member's heartbeat: the group itself may be gone, and is made anew by joining. */
export const HEARTBEAT_REACTIONS: Table = {
  ...EVERYWHERE,
  GROUP_ID_NOT_FOUND: 'rejoin',
  STALE_MEMBER_EPOCH: 'stale',
  UNRELEASED_INSTANCE_ID: 'paced',
}

/** Of what is sent in the member's name: commits, and questions for committed offsets. */
export const MEMBER_REACTIONS: Table = {
  ...EVERYWHERE,
  STALE_MEMBER_EPOCH: 'stale',
  ILLEGAL_GENERATION: 'stale',
  GROUP_ID_NOT_FOUND: 'stale',
}

export function reactionFor(table: Table, error: KafkaError): Reaction {
  const isUnknown =
    error instanceof BrokerError && (!isKnownErrorCode(error.errorCode) || error.errorCode === -1)
  if (isUnknown) return 'paced'
  return table[error.code] ?? (error.retriable ? 'paced' : 'fatal')
}
