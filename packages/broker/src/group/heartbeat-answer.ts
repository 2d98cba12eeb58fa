/** How coordinators that assign by themselves respond to the heartbeat of a member. */
import { ErrorCode } from '@odradek/protocol'
import type { PartitionKey } from '../cluster/topic-partitions.ts'

export interface HeartbeatAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null when nothing changed. */
  readonly assignment: ReadonlySet<PartitionKey> | null
}

/** No error, no member and no change. */
export const EMPTY_HEARTBEAT_ANSWER: HeartbeatAnswer = {
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  memberId: null,
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  assignment: null,
}

/** The error of a request that the group refuses. */
export interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
}

export function refuse(errorCode: number, errorMessage: string): Refusal {
  return { errorCode, errorMessage }
}

export function refusedHeartbeat({ errorCode, errorMessage }: Refusal): HeartbeatAnswer {
  return { ...EMPTY_HEARTBEAT_ANSWER, errorCode, errorMessage }
}
