/**
 * Who may commit and read offsets of a consumer group, as pure questions. A member's commit of an
 * older epoch is judged by its partitions since Kafka 4.3 (KIP-1251): it counts if the member has
 * had all of them since that epoch or before. Earlier brokers refuse it in any case.
 */
import { ErrorCode } from '@odradek/protocol'
import type { CommitIdentity } from './commit-check.ts'
import type { State } from './consumer-group.ts'
import type { CommitVerdict } from './group-shell.ts'
import { partitionKey } from '../cluster/topic-partitions.ts'

export interface CommitRules {
  /** Of OffsetCommit. */
  readonly version: number
  readonly byAssignmentEpoch: boolean
}

const MEMBER_EPOCHS_FROM_VERSION = 9

export function consumerCommitVerdict(
  state: State,
  { memberId, generationId }: CommitIdentity,
  { version, byAssignmentEpoch }: CommitRules,
): number | CommitVerdict {
  if (state.isDead) return ErrorCode.COORDINATOR_NOT_AVAILABLE
  if (generationId < 0 && state.members.size === 0) return ErrorCode.NONE
  const member = state.members.get(memberId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  const isClassic = member.classic !== null
  if (!isClassic && version < MEMBER_EPOCHS_FROM_VERSION) return ErrorCode.UNSUPPORTED_VERSION
  if (generationId === member.memberEpoch) return ErrorCode.NONE
  const stale = isClassic ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH
  if (generationId > member.memberEpoch || !byAssignmentEpoch) return stale
  return (topicId, partition) => {
    const key = partitionKey(topicId, partition)
    const since = member.assigned.get(key) ?? member.pendingRevocation.get(key)
    return since !== undefined && generationId >= since ? ErrorCode.NONE : stale
  }
}

/** Null and a negative epoch are an administrator's, or a client's that does not say who it is. */
export function consumerFetchError(
  { members }: State,
  memberId: string | null,
  memberEpoch: number,
): number {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE
  const member = members.get(memberId ?? '')
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  if (member.memberEpoch === memberEpoch) return ErrorCode.NONE
  return member.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION
}
