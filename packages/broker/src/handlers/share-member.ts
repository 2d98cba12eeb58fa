/**
 * The member of a share group that fetches or acknowledges, or the error that refuses the request.
 */
import { ErrorCode } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'

export interface ShareMember {
  readonly groupId: string
  readonly memberId: string
}

export function memberOf(
  { groupId, memberId }: { readonly groupId: string | null; readonly memberId: string | null },
  { options }: ClusterState,
): ShareMember | number {
  if (options.features['share.version'] === 0) return ErrorCode.UNSUPPORTED_VERSION
  if (groupId === null || groupId === '' || memberId === null || memberId === '') {
    return ErrorCode.INVALID_REQUEST
  }
  return { groupId, memberId }
}
