/** What the descriptions of consumer groups and of share groups have in common. */
import { ErrorCode } from '@odradek/protocol'
import type { AssignedPartition, GroupMemberView } from '../cluster/cluster-events.ts'
import type { RequestContext } from '../services/request-context.ts'
import { type FeatureGroupKind, locateGroup } from './group-lookup.ts'
import { GROUP_OPERATIONS, operationsBits } from './operations.ts'

interface Body {
  readonly groupIds: readonly string[]
  readonly includeAuthorizedOperations: boolean
}

interface Kind<M> {
  readonly kind: FeatureGroupKind
  readonly memberOf: (member: GroupMemberView) => M
}

/** The response to a request that describes groups of one kind. */
export function describeGroups<M>(
  { groupIds, includeAuthorizedOperations }: Body,
  kind: Kind<M>,
  context: RequestContext,
) {
  return {
    throttleTimeMs: 0,
    groups: groupIds.map((groupId) =>
      withOperations(describe(groupId, kind, context), includeAuthorizedOperations),
    ),
  }
}

export function failedDescriptions({ groupIds }: Body, errorCode: number) {
  return {
    throttleTimeMs: 0,
    groups: groupIds.map((groupId) => nothing(groupId, errorCode, null)),
  }
}

/** Adds what the client may do with the group, if it asks for that and there is a group. */
export function withOperations<G extends { readonly errorCode: number }>(
  group: G,
  isWanted: boolean,
): G & { readonly authorizedOperations?: number } {
  if (!isWanted || group.errorCode !== ErrorCode.NONE) return group
  return { ...group, authorizedOperations: operationsBits(GROUP_OPERATIONS) }
}

function nothing(groupId: string, errorCode: number, errorMessage: string | null) {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}

function describe<M>(groupId: string, { kind, memberOf }: Kind<M>, context: RequestContext) {
  const { errorCode, errorMessage, group } = locateGroup(groupId, kind, context)
  if (group === undefined) return nothing(groupId, errorCode, errorMessage)
  const view = group.view()
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: view.state,
    groupEpoch: view.generationId,
    assignmentEpoch: view.assignmentEpoch,
    assignorName: view.protocolName ?? '',
    members: view.members.map(memberOf),
  }
}

/** Topics that do not exist any more are left out: they have no name. */
export function byTopicName(assigned: readonly AssignedPartition[]) {
  const topics = new Map<string, { topicId: string; topicName: string; partitions: number[] }>()
  for (const { topic, topicId, partition } of assigned) {
    if (topic === '') continue
    const entry = topics.get(topicId)
    if (entry !== undefined) entry.partitions.push(partition)
    else topics.set(topicId, { topicId, topicName: topic, partitions: [partition] })
  }
  return { topicPartitions: [...topics.values()] }
}
