/** Sends a member's heartbeat by its protocol, and says what an error in response to it means. */
import { BrokerError, type KafkaError } from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { MEMBER_REACTIONS } from '../classic/classic-reactions.ts'
import { type ClassicSnapshot, sendHeartbeat } from '../classic/heartbeat-request.ts'
import { HEARTBEAT_REACTIONS } from '../consumer/consumer-reactions.ts'
import { type ConsumerSnapshot, sendConsumerSnapshot } from '../consumer/consumer-snapshots.ts'
import { MEMBERSHIP_REACTIONS } from '../share/share-reactions.ts'
import { sendShareSnapshot, type ShareSnapshot } from '../share/share-snapshots.ts'
import type { HeartbeatResult } from '../shell/heartbeat-snapshot.ts'
import { reactionFor } from '../shell/member-reactions.ts'

/** The only snapshots that memberships make. */
export type AnySnapshot = ClassicSnapshot | ConsumerSnapshot | ShareSnapshot

/**
 * Sends one heartbeat. Resolves with what the coordinator responds. `memberEpoch` is the newest
 * that it responded since the snapshot was taken, if any.
 */
export async function sendSnapshot(
  cluster: Cluster,
  snapshot: AnySnapshot,
  memberEpoch: number | undefined,
  timeoutMs: number,
): Promise<HeartbeatResult> {
  switch (snapshot.protocol) {
    case 'classic':
      await sendHeartbeat(cluster, snapshot, snapshot.life, timeoutMs)
      return { memberEpoch: undefined, isCalm: true }
    case 'consumer':
      return sendConsumerSnapshot(cluster, snapshot, memberEpoch, timeoutMs)
    case 'share':
      return sendShareSnapshot(cluster, snapshot, memberEpoch, timeoutMs)
  }
}

export type HeartbeatError =
  /** The coordinator still counts the member in. */
  | 'alive'
  /** The coordinator does not count the member in, and a retry cannot change that. */
  | 'refused'
  /** Another broker may be the coordinator. */
  | 'coordinator'
  | 'retry'

/** What an error in response to a heartbeat means for the member. */
export function classifyError({ protocol }: AnySnapshot, error: KafkaError): HeartbeatError {
  if (protocol === 'classic' && error.code === 'REBALANCE_IN_PROGRESS') return 'alive'
  const reaction = reactionOf(protocol, error)
  if (error instanceof BrokerError && REFUSALS.has(reaction)) return 'refused'
  return reaction === 'coordinator' ? 'coordinator' : 'retry'
}

function reactionOf(protocol: AnySnapshot['protocol'], error: KafkaError): string {
  switch (protocol) {
    case 'classic':
      return reactionFor(MEMBER_REACTIONS, error)
    case 'consumer':
      return reactionFor(HEARTBEAT_REACTIONS, error)
    case 'share':
      return reactionFor(MEMBERSHIP_REACTIONS, error)
  }
}

const REFUSALS = new Set<string>(['resetGeneration', 'resetMember', 'rejoin', 'fatal'])
