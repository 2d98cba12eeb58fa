/** The group of one kind that a request means, or why there is none. */
import { ErrorCode } from '@odradek/protocol'
import type { GroupShell } from '../group/group-shells.ts'
import type { RequestContext } from '../services/request-context.ts'

/** The kinds of groups that a feature of the cluster switches on, with its name. */
const FEATURES = { consumer: 'group.version', share: 'share.version' } as const

export type FeatureGroupKind = keyof typeof FEATURES

export interface LocatedGroup<K extends FeatureGroupKind> {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly group?: Extract<GroupShell, { readonly kind: K }>
  /** There is no group of that name, of any kind. */
  readonly isNew?: boolean
}

export function locateGroup<K extends FeatureGroupKind>(
  groupId: string,
  kind: K,
  { node, cluster }: RequestContext,
): LocatedGroup<K> {
  if (cluster.options.features[FEATURES[kind]] === 0) {
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, errorMessage: null }
  }
  const { errorCode, group } = node.groups.locate(groupId)
  if (errorCode !== ErrorCode.NONE) return { errorCode, errorMessage: null }
  if (!isOfKind(group, kind)) {
    const why = group === undefined ? 'not found' : `is not a ${kind} group`
    const errorMessage = `Group ${groupId} ${why}.`
    return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage, isNew: group === undefined }
  }
  return { errorCode, errorMessage: null, group }
}

function isOfKind<K extends FeatureGroupKind>(
  group: GroupShell | undefined,
  kind: K,
): group is Extract<GroupShell, { readonly kind: K }> {
  return group?.kind === kind
}

/** For changes: the group must have no members. */
export function locateEmptyShareGroup(
  groupId: string,
  context: RequestContext,
): LocatedGroup<'share'> {
  const located = locateGroup(groupId, 'share', context)
  if (located.group === undefined || located.group.isEmpty) return located
  return { errorCode: ErrorCode.NON_EMPTY_GROUP, errorMessage: 'The group is not empty.' }
}
