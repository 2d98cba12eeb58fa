/** The share group that a request for its offsets means, or why there is none. */
import { ErrorCode } from '@odradek/protocol'
import type { ShareGroupShell } from '../group/share-group-shell.ts'
import type { RequestContext } from '../services/request-context.ts'

export interface LocatedShareGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly group?: ShareGroupShell
  /** There is no group of that name, of whatever kind. */
  readonly isNew?: boolean
}

export function locateShareGroup(
  groupId: string,
  { node, cluster }: RequestContext,
): LocatedShareGroup {
  if (cluster.options.features['share.version'] === 0) {
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, errorMessage: null }
  }
  const { errorCode, group } = node.groups.locate(groupId)
  if (errorCode !== ErrorCode.NONE) return { errorCode, errorMessage: null }
  if (group?.kind !== 'share') {
    const why = group === undefined ? 'not found' : 'is not a share group'
    const errorMessage = `Group ${groupId} ${why}.`
    return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage, isNew: group === undefined }
  }
  return { errorCode, errorMessage: null, group }
}

/** For changes: nobody may be in the group. */
export function locateEmptyShareGroup(groupId: string, context: RequestContext): LocatedShareGroup {
  const located = locateShareGroup(groupId, context)
  if (located.group === undefined || located.group.isEmpty) return located
  return { errorCode: ErrorCode.NON_EMPTY_GROUP, errorMessage: 'The group is not empty.' }
}
