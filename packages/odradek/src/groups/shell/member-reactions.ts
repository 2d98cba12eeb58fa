/**
 * What an error asks of a member, whatever protocol it speaks, as data; each protocol adds its own
 * rows. Codes that are not in a table are paced retries when they may go away by themselves, or
 * when this client does not know them (a rolling upgrade must not stop a group), and fatal
 * otherwise.
 */
import { BrokerError, isKnownErrorCode, type KafkaError } from '@odradek/protocol'

export type CommonReaction =
  /** Try again after a pause. */
  | 'paced'
  /** Look for the coordinator again, then as `paced`. */
  | 'coordinator'
  | 'fatal'

export type Reactions<Reaction extends string> = Readonly<Record<string, Reaction | CommonReaction>>

export const EVERYWHERE: Reactions<never> = {
  COORDINATOR_LOAD_IN_PROGRESS: 'paced',
  COORDINATOR_NOT_AVAILABLE: 'coordinator',
  NOT_COORDINATOR: 'coordinator',
  FENCED_INSTANCE_ID: 'fatal',
  CONNECTION_FAILED: 'coordinator',
  TIMED_OUT: 'coordinator',
  // Bytes that make no sense close their connection; the next one may do better.
  MALFORMED: 'paced',
  CORRUPT_MESSAGE: 'paced',
}

export function reactionFor<Reaction extends string>(
  table: Reactions<Reaction>,
  error: KafkaError,
): Reaction | CommonReaction {
  const isUnknown =
    error instanceof BrokerError && (!isKnownErrorCode(error.errorCode) || error.errorCode === -1)
  if (isUnknown) return 'paced'
  return table[error.code] ?? (error.retriable ? 'paced' : 'fatal')
}
