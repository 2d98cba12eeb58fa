/**
 * Decides, as pure functions, which members may commit and fetch offsets of a consumer group. A
 * commit of an older epoch is validated by its partitions since Kafka 4.3 (KIP-1251): it is
 * accepted if the member has owned all of them since that epoch or before. Earlier brokers refuse
 * it.
 */
import { ErrorCode } from '@odradek/protocol'
import { partitionKey } from '../cluster/topic-partitions.ts'
import type { CommitIdentity } from './commit-check.ts'
import type { State } from './consumer-group.ts'
import type { CommitValidation } from './group-shell.ts'

export interface CommitRules {
  /** Of OffsetCommit. */
  readonly version: number
  readonly byAssignmentEpoch: boolean
}

const MEMBER_EPOCHS_FROM_VERSION = 9

export function validateConsumerCommit(
  state: State,
  { memberId, generationId }: CommitIdentity,
  { version, byAssignmentEpoch }: CommitRules,
): number | CommitValidation {
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

/** An administrator, or a client that does not identify itself, sends null and a negative epoch. */
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
