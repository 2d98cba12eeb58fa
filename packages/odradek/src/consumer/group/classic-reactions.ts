/**
 * What each error of the classic protocol asks for: Java's tables, as data. Codes that are not in a
 * table are paced retries when they may go away by themselves, or when this client does not know
 * them (a rolling upgrade must not stop a group), and fatal otherwise.
 */
import { BrokerError, isKnownErrorCode, type KafkaError } from '@odradek/protocol'

export type Reaction =
  /** Try again with everything as it is. */
  | 'atOnce'
  | 'paced'
  /** Look for the coordinator again, then as `paced`. */
  | 'coordinator'
  /** The generation is over; the member id stands. */
  | 'resetGeneration'
  /** The coordinator does not know this member; begin anew. */
  | 'resetMember'
  /** The coordinator gave a member id; come back with it. */
  | 'takeMemberId'
  /** As `paced`, until a session has passed: a pod that replaces a killed one gets the id then. */
  | 'forOneSession'
  | 'fatal'

type Table = Readonly<Record<string, Reaction>>

const EVERYWHERE: Table = {
  COORDINATOR_LOAD_IN_PROGRESS: 'paced',
  COORDINATOR_NOT_AVAILABLE: 'coordinator',
  NOT_COORDINATOR: 'coordinator',
  UNKNOWN_MEMBER_ID: 'resetMember',
  ILLEGAL_GENERATION: 'resetGeneration',
  REBALANCE_IN_PROGRESS: 'atOnce',
  FENCED_INSTANCE_ID: 'fatal',
  UNRELEASED_INSTANCE_ID: 'forOneSession',
  CONNECTION_FAILED: 'coordinator',
  TIMED_OUT: 'coordinator',
  // Bytes that make no sense close their connection; the next one may do better.
  MALFORMED: 'paced',
  CORRUPT_MESSAGE: 'paced',
}

export const JOIN_REACTIONS: Table = { ...EVERYWHERE, MEMBER_ID_REQUIRED: 'takeMemberId' }
export const SYNC_REACTIONS: Table = EVERYWHERE
export const MEMBER_REACTIONS: Table = EVERYWHERE

export function reactionFor(table: Table, error: KafkaError): Reaction {
  const isUnknown =
    error instanceof BrokerError && (!isKnownErrorCode(error.errorCode) || error.errorCode === -1)
  if (isUnknown) return 'paced'
  return table[error.code] ?? (error.retriable ? 'paced' : 'fatal')
}
