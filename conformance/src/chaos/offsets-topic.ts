/**
 * What coordinators wrote down: `__consumer_offsets`, decoded. Every commit that was accepted is
 * there, and so is every generation of a classic group and every epoch of a KIP-848 group, each
 * with the coordinator's time. It is the one witness of a group that is nobody's client.
 *
 * The layouts are those of Kafka's `group-coordinator/src/main/resources/common/message`. A key
 * begins with the kind of its record (int16), a value with its version (int16).
 */
import {
  array,
  bytes,
  decodeAssignment,
  int8,
  int32,
  Message,
  Reader,
  safeInt64,
  string,
  struct,
  timestamp,
  uuid,
} from '@odradek/protocol'
import type { TopicPartition } from 'odradek'

export interface OffsetCommitted extends TopicPartition {
  readonly kind: 'offset'
  readonly at: number
  readonly groupId: string
  /** Null: the offset was deleted. */
  readonly offset: number | null
}

export interface ClassicMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly partitions: readonly TopicPartition[]
}

export interface ClassicGeneration {
  readonly kind: 'generation'
  readonly at: number
  readonly groupId: string
  readonly generationId: number
  readonly protocol: string | null
  readonly members: readonly ClassicMember[]
}

export interface GroupEpoch {
  readonly kind: 'epoch'
  readonly at: number
  readonly groupId: string
  readonly epoch: number
}

/** Null values: the member is gone. */
export interface EpochMember {
  readonly kind: 'member'
  readonly at: number
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string | null
}

export interface EpochAssignment {
  readonly kind: 'assignment'
  readonly at: number
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  /** It has what it should have: nothing to give up, nothing that others still hold. */
  readonly isStable: boolean
  readonly partitions: readonly { readonly topicId: string; readonly partition: number }[]
}

export type CoordinatorRecord =
  | OffsetCommitted
  | ClassicGeneration
  | GroupEpoch
  | EpochMember
  | EpochAssignment

const LEGACY_OFFSET_COMMIT = 0
const OFFSET_COMMIT = 1
const GROUP_METADATA = 2
const CONSUMER_GROUP_METADATA = 3
const CONSUMER_GROUP_MEMBER_METADATA = 5
const CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT = 8
const MEMBER_IS_STABLE = 0

const offsetCommitKey = new Message({
  name: 'OffsetCommitKey',
  versions: '0',
  flexible: 'none',
  fields: { group: string(), topic: string(), partition: int32() },
})

const groupKey = new Message({
  name: 'GroupMetadataKey',
  versions: '0',
  flexible: 'none',
  fields: { group: string() },
})

const memberKey = new Message({
  name: 'ConsumerGroupMemberMetadataKey',
  versions: '0',
  flexible: 'none',
  fields: { group: string(), memberId: string() },
})

const offsetCommitValue = new Message({
  name: 'OffsetCommitValue',
  versions: '0-4',
  flexible: '4+',
  fields: {
    offset: safeInt64(),
    leaderEpoch: int32({ versions: '3+' }),
    metadata: string(),
    commitTimestamp: timestamp(),
    expireTimestamp: timestamp({ versions: '1' }),
  },
})

const groupMetadataValue = new Message({
  name: 'GroupMetadataValue',
  versions: '0-4',
  flexible: '4+',
  fields: {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: '0+' }),
    leader: string({ nullable: '0+' }),
    currentStateTimestamp: timestamp({ versions: '2+' }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ versions: '3+', nullable: '3+', default: null }),
        clientId: string(),
        clientHost: string(),
        rebalanceTimeout: int32({ versions: '1+' }),
        sessionTimeout: int32(),
        subscription: bytes(),
        assignment: bytes(),
      }),
    ),
  },
})

const consumerGroupMetadataValue = new Message({
  name: 'ConsumerGroupMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: { epoch: int32() },
})

const consumerGroupMemberMetadataValue = new Message({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string({ nullable: '0+' }),
    rackId: string({ nullable: '0+' }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: '0+' }),
    rebalanceTimeoutMs: int32(),
    serverAssignor: string({ nullable: '0+' }),
  },
})

const topicPartitions = array(struct({ topicId: uuid(), partitions: array(int32()) }))

const currentMemberAssignmentValue = new Message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: topicPartitions,
    partitionsPendingRevocation: topicPartitions,
  },
})

/** Undefined for kinds of records that say nothing of members and offsets. */
export function decodeCoordinatorRecord(
  key: Buffer,
  value: Buffer | null,
  at: number,
): CoordinatorRecord | undefined {
  const kind = key.readInt16BE(0)
  const rest = new Reader(key, 2)
  const versioned = (): { version: number; reader: Reader } => {
    const given = value ?? Buffer.alloc(2)
    return { version: given.readInt16BE(0), reader: new Reader(given, 2) }
  }
  switch (kind) {
    case LEGACY_OFFSET_COMMIT:
    case OFFSET_COMMIT: {
      const { group, topic, partition } = offsetCommitKey.at(0).read(rest)
      const place = { kind: 'offset', at, groupId: group, topic, partition } as const
      if (value === null) return { ...place, offset: null }
      const { version, reader } = versioned()
      return { ...place, offset: offsetCommitValue.at(version).read(reader).offset }
    }
    case GROUP_METADATA: {
      const groupId = groupKey.at(0).read(rest).group
      if (value === null) return undefined
      const { version, reader } = versioned()
      return generationOf(groupId, at, groupMetadataValue.at(version).read(reader))
    }
    case CONSUMER_GROUP_METADATA: {
      const groupId = groupKey.at(0).read(rest).group
      if (value === null) return undefined
      const { version, reader } = versioned()
      const { epoch } = consumerGroupMetadataValue.at(version).read(reader)
      return { kind: 'epoch', at, groupId, epoch }
    }
    case CONSUMER_GROUP_MEMBER_METADATA: {
      const { group, memberId } = memberKey.at(0).read(rest)
      const who = { kind: 'member', at, groupId: group, memberId } as const
      if (value === null) return { ...who, groupInstanceId: null, clientId: null }
      const { version, reader } = versioned()
      const read = consumerGroupMemberMetadataValue.at(version).read(reader)
      return { ...who, groupInstanceId: read.instanceId, clientId: read.clientId }
    }
    case CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT: {
      const { group, memberId } = memberKey.at(0).read(rest)
      if (value === null) return undefined
      const { version, reader } = versioned()
      const read = currentMemberAssignmentValue.at(version).read(reader)
      return {
        ...{ kind: 'assignment', at, groupId: group, memberId, memberEpoch: read.memberEpoch },
        isStable: read.state === MEMBER_IS_STABLE,
        partitions: read.assignedPartitions.flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => ({ topicId, partition })),
        ),
      }
    }
    default:
      return undefined
  }
}

type GroupMetadata = ReturnType<ReturnType<typeof groupMetadataValue.at>['read']>

function generationOf(
  groupId: string,
  at: number,
  { generation, protocol, members }: GroupMetadata,
): ClassicGeneration {
  return {
    ...{ kind: 'generation', at, groupId, generationId: generation, protocol },
    members: members.map(({ memberId, groupInstanceId, clientId, assignment }) => ({
      ...{ memberId, groupInstanceId, clientId },
      partitions:
        assignment.length === 0
          ? []
          : decodeAssignment(assignment).assignedPartitions.flatMap(({ topic, partitions }) =>
              partitions.map((partition) => ({ topic, partition })),
            ),
    })),
  }
}
