/**
 * Decides, as a pure function, which commits a classic group accepts. Commits of the current
 * generation are accepted while a rebalance is prepared and refused while it completes: by then the
 * partitions may already belong to another member. Commits of no member (generation -1) need an
 * empty group.
 */
import { ErrorCode } from '@odradek/protocol'
import type { State } from './classic-group.ts'
import { GroupBuilder } from './group-builder.ts'

export interface CommitIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

/** The error that refuses the commit; 0 accepts it. */
export function commitError(state: State, identity: CommitIdentity): number {
  const { memberId, groupInstanceId, generationId } = identity
  const { name } = state.phase
  if (name === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
  if (generationId < 0 && name === 'Empty') return ErrorCode.NONE
  if (generationId < 0 && memberId === '' && groupInstanceId === null) {
    return ErrorCode.UNKNOWN_MEMBER_ID
  }
  const errorCode = new GroupBuilder(state).validate(identity)
  if (errorCode !== ErrorCode.NONE) return errorCode
  if (generationId !== state.generationId) return ErrorCode.ILLEGAL_GENERATION
  if (name === 'CompletingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}
