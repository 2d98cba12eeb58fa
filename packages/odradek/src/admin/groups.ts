/** Groups: list, describe, delete. Each is asked of the broker that coordinates it. */
import {
  BrokerError,
  consumerGroupDescribe,
  decodeAssignment,
  decodeSubscription,
  deleteGroups as deleteGroupsApi,
  describeGroups as describeGroupsApi,
  ErrorCode,
  KafkaError,
  listGroups as listGroupsApi,
  ProtocolError,
  shareGroupDescribe,
} from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { throwIfError } from '../errors/reaction.ts'
import type { TopicPartition } from '../events/topic-partition.ts'
import { askCoordinator, checkGroup } from './group-coordinator.ts'
import { type CallOptions, callForItems, namesOf } from './item-calls.ts'
import { countOf } from './topics.ts'

/**
 * By which protocol a group works: `classic`, `consumer` (KIP-848), `share` (KIP-932), or newer.
 */
export type GroupType = 'classic' | 'consumer' | 'share' | (string & {})

/** A group in a list. */
export interface GroupListing {
  readonly groupId: string
  readonly type: GroupType
  /** Kafka's name for it: `Stable`, `Empty`, `PreparingRebalance` and so on; '' on old brokers. */
  readonly state: string
  /** `consumer` for groups of consumers. */
  readonly protocolType: string
}

/** A member of a group. */
export interface GroupMember {
  readonly memberId: string
  /** Static members have one. */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly host: string
  /** Topics that it asked for. */
  readonly topics: readonly string[]
  /** Partitions that it reads. */
  readonly assignment: readonly TopicPartition[]
}

/** A group and its members. */
export interface GroupDescription {
  readonly groupId: string
  readonly type: GroupType
  readonly state: string
  /** The assignor that is in force; '' while there is none. */
  readonly assignor: string
  /** The group's epoch; -1 for classic groups, whose generation brokers do not tell. */
  readonly epoch: number
  readonly members: readonly GroupMember[]
}

export interface ListGroupsOptions extends CallOptions {
  /**
   * Only groups of this type. All unless given, those of types that are newer than this client,
   * too.
   */
  readonly type?: 'classic' | 'consumer' | 'share' | 'streams' | undefined
}

export async function listGroups(
  cluster: Cluster,
  options: ListGroupsOptions,
): Promise<ReadonlyMap<string, GroupListing>> {
  const { timeoutMs, signal, type: wanted } = options
  const action = 'list groups'
  await cluster.retry(() => cluster.refreshMetadata('every broker is asked for its groups'), {
    action,
    timeoutMs,
    signal,
  })
  const lists = await Promise.all(
    [...cluster.metadata.brokers.keys()].map((nodeId) =>
      cluster.retry(
        async () => {
          const response = await cluster.request(listGroupsApi, nodeId, {})
          throwIfError(response.errorCode, action)
          return response.groups
        },
        { action: `${action} of broker ${nodeId}`, timeoutMs, signal },
      ),
    ),
  )
  const groups = new Map<string, GroupListing>()
  for (const { groupId, protocolType, groupState, groupType } of lists.flat()) {
    const type = groupType === '' ? 'classic' : groupType.toLowerCase()
    if (wanted !== undefined && type !== wanted) continue
    groups.set(groupId, { groupId, type, state: groupState, protocolType })
  }
  return groups
}

export async function describeGroups(
  cluster: Cluster,
  given: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, GroupDescription>> {
  const groupIds = namesOf(given, 'describeGroups')
  const action = `describe ${countOf(groupIds, 'group')}`
  const attempt = (rest: readonly string[]) =>
    eachGroup(rest, (groupId) => describeGroup(cluster, groupId))
  return callForItems({ cluster, action, items: groupIds, attempt, ...options })
}

export async function deleteGroups(
  cluster: Cluster,
  given: readonly string[],
  options: CallOptions,
): Promise<void> {
  const groupIds = namesOf(given, 'deleteGroups')
  const attempt = (rest: readonly string[]) =>
    eachGroup(rest, async (groupId) => {
      const { results } = await askCoordinator(cluster, groupId, deleteGroupsApi, {
        groupsNames: [groupId],
      })
      const [result] = results
      const { errorCode, errorMessage } = result ?? {
        errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
        errorMessage: 'the answer leaves the group out',
      }
      checkGroup(cluster, groupId, errorCode, `delete group "${groupId}"`, errorMessage)
      return true as const
    })
  const action = `delete ${countOf(groupIds, 'group')}`
  await callForItems({ cluster, action, items: groupIds, attempt, ...options })
}

/** One attempt at each; what fails is that group's own result. */
async function eachGroup<T>(
  groupIds: readonly string[],
  attempt: (groupId: string) => Promise<T>,
): Promise<ReadonlyMap<string, T | KafkaError>> {
  const results = await Promise.all(
    groupIds.map(async (groupId): Promise<[string, T | KafkaError]> => {
      try {
        return [groupId, await attempt(groupId)]
      } catch (error) {
        if (error instanceof KafkaError) return [groupId, error]
        throw error
      }
    }),
  )
  return new Map(results)
}

/** A group's kind is not known beforehand: newest first, as the Java client does. */
async function describeGroup(cluster: Cluster, groupId: string): Promise<GroupDescription> {
  return (
    (await describeConsumerGroup(cluster, groupId)) ??
    (await describeClassicGroup(cluster, groupId)) ??
    (await describeShareGroup(cluster, groupId)) ??
    notFound(groupId)
  )
}

function notFound(groupId: string): never {
  throw new BrokerError(ErrorCode.GROUP_ID_NOT_FOUND, { action: `describe group "${groupId}"` })
}

const NOT_THIS_KIND: readonly number[] = [
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNSUPPORTED_VERSION,
]

/** Undefined when the broker does not know the API. */
async function ifSupported<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'UNSUPPORTED_VERSION') return undefined
    throw error
  }
}

async function describeConsumerGroup(
  cluster: Cluster,
  groupId: string,
): Promise<GroupDescription | undefined> {
  const response = await ifSupported(() =>
    askCoordinator(cluster, groupId, consumerGroupDescribe, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    }),
  )
  const group = response?.groups[0]
  if (group === undefined || NOT_THIS_KIND.includes(group.errorCode)) return undefined
  checkGroup(cluster, groupId, group.errorCode, `describe group "${groupId}"`, group.errorMessage)
  return {
    groupId,
    type: 'consumer',
    state: group.groupState,
    assignor: group.assignorName,
    epoch: group.groupEpoch,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      host: member.clientHost,
      topics: member.subscribedTopicNames,
      assignment: flatten(member.assignment.topicPartitions),
    })),
  }
}

async function describeClassicGroup(
  cluster: Cluster,
  groupId: string,
): Promise<GroupDescription | undefined> {
  const { groups } = await askCoordinator(cluster, groupId, describeGroupsApi, {
    groups: [groupId],
    includeAuthorizedOperations: false,
  })
  const [group] = groups
  if (group === undefined || group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return undefined
  checkGroup(cluster, groupId, group.errorCode, `describe group "${groupId}"`, group.errorMessage)
  // Older brokers know every group: one that is not there is dead.
  if (group.groupState === 'Dead') return undefined
  const isConsumerGroup = group.protocolType === 'consumer'
  return {
    groupId,
    type: 'classic',
    state: group.groupState,
    assignor: group.protocolData,
    epoch: -1,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      ...(isConsumerGroup ? readClassicMember(cluster, groupId, member) : NOTHING_READ),
    })),
  }
}

async function describeShareGroup(
  cluster: Cluster,
  groupId: string,
): Promise<GroupDescription | undefined> {
  const response = await ifSupported(() =>
    askCoordinator(cluster, groupId, shareGroupDescribe, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    }),
  )
  const group = response?.groups[0]
  if (group === undefined || NOT_THIS_KIND.includes(group.errorCode)) return undefined
  checkGroup(cluster, groupId, group.errorCode, `describe group "${groupId}"`, group.errorMessage)
  return {
    groupId,
    type: 'share',
    state: group.groupState,
    assignor: group.assignorName,
    epoch: group.groupEpoch,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: null,
      clientId: member.clientId,
      host: member.clientHost,
      topics: member.subscribedTopicNames,
      assignment: flatten(member.assignment.topicPartitions),
    })),
  }
}

function flatten(
  list: readonly { readonly topicName: string; readonly partitions: readonly number[] }[],
): readonly TopicPartition[] {
  return list.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}

const NOTHING_READ = { topics: [], assignment: [] } as const

interface ClassicMember {
  readonly memberId: string
  readonly memberMetadata: Buffer
  readonly memberAssignment: Buffer
}

/** A coordinator gives no bytes while a group rebalances; what cannot be read is reported. */
function readClassicMember(
  { emitter }: Cluster,
  groupId: string,
  { memberId, memberMetadata, memberAssignment }: ClassicMember,
): Pick<GroupMember, 'topics' | 'assignment'> {
  const report =
    (name: 'unreadableSubscription' | 'unreadableAssignment', missing: string) =>
    (error: ProtocolError) => {
      const advice = `The description of the group has no ${missing} of this member.`
      emitter.emit(name, { groupId, memberId, error, advice })
    }
  const subscription = readBlob(
    memberMetadata,
    decodeSubscription,
    report('unreadableSubscription', 'topics'),
  )
  const assignment = readBlob(
    memberAssignment,
    decodeAssignment,
    report('unreadableAssignment', 'partitions'),
  )
  return {
    topics: subscription?.topics ?? [],
    assignment: (assignment?.assignedPartitions ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  }
}

function readBlob<T>(
  blob: Buffer,
  decode: (blob: Buffer) => T,
  onUnreadable: (error: ProtocolError) => void,
): T | undefined {
  try {
    return blob.length === 0 ? undefined : decode(blob)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    onUnreadable(error)
    return undefined
  }
}
