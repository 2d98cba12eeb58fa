/**
 * Why a partition does not move, and what to do about it: pure. Most reasons are nobody's fault,
 * or somebody else's, and are only told. A partition that has records, a leader and a free reader,
 * and still does not move, is *stuck*: then what could be wrong on our side is replaced, one thing
 * after the other, for this partition alone. The group is never disturbed.
 */
import type { PartitionAction, PartitionStatus } from '../../events/partition-progress.ts'

export interface PartitionFacts {
  readonly isPaused: boolean
  readonly isWithUser: boolean
  /** A loop, a stream or `run` reads the consumer. */
  readonly hasReader: boolean
  readonly hasLeader: boolean
  readonly hasRoom: boolean
  readonly isThrottled: boolean
  /** Where the next fetch begins. */
  readonly position: number
  /** The end of the log; null when the leader does not say. */
  readonly end: number | null
  /** Where read_committed ends; null for read_uncommitted, or when the leader does not say. */
  readonly lastStableOffset: number | null
}

export function statusOf(facts: PartitionFacts): Exclude<PartitionStatus, 'resumed'> {
  const { position, end, lastStableOffset } = facts
  if (facts.isWithUser) {
    if (facts.isPaused) return 'paused'
    return facts.hasReader ? 'processing' : 'noReader'
  }
  if (end !== null && end <= position) return 'idle'
  if (facts.isPaused) return 'paused'
  if (!facts.hasLeader) return 'leaderNotAvailable'
  if (facts.isThrottled) return 'throttled'
  if (lastStableOffset !== null && lastStableOffset <= position) return 'hangingTransaction'
  return facts.hasRoom ? 'stuck' : 'bufferFull'
}

const LADDER: readonly PartitionAction[] = ['metadata', 'session', 'connection']

/** From the mildest to the strongest, then from the start again. */
export function actionAfter(action: PartitionAction | null): PartitionAction {
  const next = action === null ? 0 : LADDER.indexOf(action) + 1
  return LADDER[next % LADDER.length] as PartitionAction
}

/** For people: what it means, and what they can do. */
export function adviceFor(status: PartitionStatus, action: PartitionAction | null): string {
  switch (status) {
    case 'resumed':
      return 'It moves again.'
    case 'idle':
      return 'There is nothing to read.'
    case 'paused':
      return 'It is paused: nothing is delivered before consumer.resume.'
    case 'processing':
      return 'Its records are with user code, or wait for it to ask for more.'
    case 'noReader':
      return 'It has records to deliver, and no loop, stream or run reads this consumer.'
    case 'bufferFull':
      return 'Records of other partitions fill maxBufferedBytes; they have to be processed first.'
    case 'throttled':
      return "A quota of the cluster is exhausted; look at the client's quotas."
    case 'leaderNotAvailable':
      return 'No broker leads it; look at the brokers that have its replicas.'
    case 'hangingTransaction':
      return (
        'A transaction before it is open. If its producer is gone, "kafka-transactions.sh ' +
        'find-hanging" names it, and "abort" ends it.'
      )
    case 'stuck':
      return `It has records and does not move; next its ${nounOf(action)} is replaced.`
  }
}

function nounOf(action: PartitionAction | null): string {
  if (action === 'session') return 'fetch session'
  return action === 'connection' ? 'connection' : 'metadata'
}
