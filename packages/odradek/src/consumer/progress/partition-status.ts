/**
 * Why a partition does not move, and what to do about it: pure. Most reasons are nobody's fault,
 * or somebody else's, and are only told. A partition that has records, a leader and a free reader,
 * and still does not move, is *stuck*: then what could be wrong on our side is replaced, one thing
 * after the other, for this partition alone. The group is never disturbed.
 */
export type WatchdogVerdict =
  /** It moves again. */
  | 'moving'
  /** There is nothing to read; told where something else was told before. */
  | 'idle'
  | 'paused'
  /** User code has its records, or does not take them up. */
  | 'handlerBusy'
  /** It has records to deliver, and nothing reads the consumer. */
  | 'noReader'
  /** Everything that may be buffered is, of other partitions. */
  | 'noRoom'
  | 'throttled'
  | 'leaderless'
  /** It is read up to the last stable offset: a transaction before it neither commits nor aborts. */
  | 'openTransaction'
  | 'stuck'

export type WatchdogStep = 'metadata' | 'session' | 'connection'

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

export function verdictOf(facts: PartitionFacts): Exclude<WatchdogVerdict, 'moving'> {
  const { position, end, lastStableOffset } = facts
  if (facts.isWithUser) {
    if (facts.isPaused) return 'paused'
    return facts.hasReader ? 'handlerBusy' : 'noReader'
  }
  if (end !== null && end <= position) return 'idle'
  if (facts.isPaused) return 'paused'
  if (!facts.hasLeader) return 'leaderless'
  if (facts.isThrottled) return 'throttled'
  if (lastStableOffset !== null && lastStableOffset <= position) return 'openTransaction'
  return facts.hasRoom ? 'stuck' : 'noRoom'
}

const LADDER: readonly WatchdogStep[] = ['metadata', 'session', 'connection']

/** From the mildest to the strongest, then from the start again. */
export function stepAfter(step: WatchdogStep | null): WatchdogStep {
  const next = step === null ? 0 : LADDER.indexOf(step) + 1
  return LADDER[next % LADDER.length] as WatchdogStep
}

/** For people: what it means, and what they can do. */
export function adviceFor(verdict: WatchdogVerdict, step: WatchdogStep | null): string {
  switch (verdict) {
    case 'moving':
      return 'It moves again.'
    case 'idle':
      return 'There is nothing to read.'
    case 'paused':
      return 'It is paused: nothing is delivered before consumer.resume.'
    case 'handlerBusy':
      return 'Its records are with user code, or wait for it to ask for more.'
    case 'noReader':
      return 'It has records to deliver, and no loop, stream or run reads this consumer.'
    case 'noRoom':
      return 'Records of other partitions fill maxBufferedBytes; they have to be processed first.'
    case 'throttled':
      return "A quota of the cluster is exhausted; look at the client's quotas."
    case 'leaderless':
      return 'No broker leads it; look at the brokers that have its replicas.'
    case 'openTransaction':
      return (
        'A transaction before it is open. If its producer is gone, "kafka-transactions.sh ' +
        'find-hanging" names it, and "abort" ends it.'
      )
    case 'stuck':
      return `It has records and does not move; next its ${nounOf(step)} is replaced.`
  }
}

function nounOf(step: WatchdogStep | null): string {
  if (step === 'session') return 'fetch session'
  return step === 'connection' ? 'connection' : 'metadata'
}
