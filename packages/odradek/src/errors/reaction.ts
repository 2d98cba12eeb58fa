/**
 * What to do about an error: the only place that reads traits. Codes that this client does not know
 * are paced retries on reads (a rolling upgrade must not stop a consumer) and failures on writes,
 * where the outcome matters.
 */
import {
  BrokerError,
  errorTraits,
  isKnownErrorCode,
  KafkaError,
  ProtocolError,
} from '@odradek/protocol'
import { ConnectionError, TimeoutError } from './errors.ts'

export interface Reaction {
  readonly retry: boolean
  readonly refresh: 'metadata' | 'coordinator' | null
}

export interface ReactionContext {
  /** Reads and idempotent calls may be repeated whatever happened to the first. */
  readonly isRead: boolean
}

const GIVE_UP: Reaction = { retry: false, refresh: null }

export function reactionTo(error: unknown, context: ReactionContext): Reaction {
  if (error instanceof BrokerError) {
    const { errorCode } = error
    if (!isKnownErrorCode(errorCode) || errorCode === -1) {
      return { retry: context.isRead, refresh: null }
    }
    const traits = errorTraits(errorCode)
    return { retry: traits.retriable, refresh: traits.refresh }
  }
  if (error instanceof ConnectionError) return { retry: true, refresh: 'metadata' }
  // What a broker said makes no sense, and may make sense when the cluster is looked at again.
  if (error instanceof ProtocolError && error.retriable) return { retry: true, refresh: 'metadata' }
  if (error instanceof TimeoutError) return { retry: context.isRead, refresh: 'metadata' }
  return error instanceof KafkaError && error.retriable ? { retry: true, refresh: null } : GIVE_UP
}

/** Throws the broker's error, if there is one. */
export function throwIfError(
  errorCode: number,
  action: string,
  brokerMessage?: string | null,
): void {
  if (errorCode !== 0) throw new BrokerError(errorCode, { action, brokerMessage })
}
