/**
 * Which protocol `auto` stands for: what the live members of the group speak; for a group without
 * any, KIP-848 where the cluster has finalized it. It is decided once: a consumer that changed its
 * mind would move every partition of its group.
 */
import {
  apiVersions,
  consumerGroupDescribe,
  describeGroups,
  ErrorCode,
  KafkaError,
} from '@odradek/protocol'
import type { Cluster } from '../../cluster/index.ts'
import { throwIfError } from '../../errors/reaction.ts'

export type GroupProtocol = 'classic' | 'consumer'

export interface ChosenProtocol {
  readonly protocol: GroupProtocol
  /** For people. */
  readonly reason: string
}

/** One attempt. Rejects with what may go away by itself. */
export async function chooseProtocol(cluster: Cluster, groupId: string): Promise<ChosenProtocol> {
  if (!(await hasConsumerProtocol(cluster))) {
    return { protocol: 'classic', reason: 'the cluster has not finalized group.version 1' }
  }
  const live = await liveProtocol(cluster, groupId)
  if (live === undefined) return { protocol: 'consumer', reason: 'the group has no members' }
  return { protocol: live, reason: `the members of the group speak it` }
}

async function hasConsumerProtocol(cluster: Cluster): Promise<boolean> {
  const { errorCode, finalizedFeatures, apiKeys } = await cluster.requestAny(
    apiVersions,
    (version) =>
      version >= 3
        ? { clientSoftwareName: 'odradek', clientSoftwareVersion: '0' }
        : { clientSoftwareName: '', clientSoftwareVersion: '' },
  )
  throwIfError(errorCode, 'read the features of the cluster')
  const level = finalizedFeatures.find(({ name }) => name === 'group.version')?.maxVersionLevel
  const canDescribe = apiKeys.some(({ apiKey }) => apiKey === consumerGroupDescribe.apiKey)
  return (level ?? 0) >= 1 && canDescribe
}

async function liveProtocol(cluster: Cluster, groupId: string): Promise<GroupProtocol | undefined> {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false }
  const { groups } = await cluster.requestCoordinator('group', groupId, consumerGroupDescribe, body)
  const [group] = groups
  if (group !== undefined && group.errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) {
    throwIfError(group.errorCode, `describe group "${groupId}"`, group.errorMessage)
    return group.members.length > 0 ? 'consumer' : undefined
  }
  const { groups: classic } = await cluster.requestCoordinator('group', groupId, describeGroups, {
    groups: [groupId],
  })
  const [found] = classic
  if (found === undefined || found.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return undefined
  throwIfError(found.errorCode, `describe group "${groupId}"`, found.errorMessage)
  return found.members.length > 0 ? 'classic' : undefined
}

/** Whether asking again may bring another answer. */
export function mayPass(error: unknown): boolean {
  return error instanceof KafkaError && error.retriable
}
