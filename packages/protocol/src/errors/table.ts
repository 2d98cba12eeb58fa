/**
 * Every error code of Kafka and what follows from it, in one table: few error classes, many traits.
 * One code often needs several reactions (retry, refresh metadata, rejoin), which a tree of classes
 * cannot say. Only `reactionTo` of the client reads the traits. What is retriable is what Kafka's
 * own classes say; the table is compared with them where Java is at hand.
 */
export interface ErrorTraits {
  readonly errorCode: number
  /** Kafka's name. */
  readonly code: string
  readonly retriable: boolean
  /** What to look up again before the next try. */
  readonly refresh: 'metadata' | 'coordinator' | null
  /** What a member of a group does: rejoin with its member id, or without one as a new member. */
  readonly group: 'rejoin' | 'resetMember' | null
  readonly transaction: 'retry' | 'abort' | 'fatal' | null
  /** What it means, as the end of a sentence. */
  readonly text: string
}

type Row = readonly [
  errorCode: number,
  code: string,
  text: string,
  traits?: Partial<Omit<ErrorTraits, 'errorCode' | 'code' | 'text'>>,
]

const ROWS = [
  [-1, 'UNKNOWN_SERVER_ERROR', 'the broker hit an unexpected error; its log says more'],
  [0, 'NONE', ''],
  [
    1,
    'OFFSET_OUT_OF_RANGE',
    'the requested offset is not within the range the broker keeps for this partition',
  ],
  [
    2,
    'CORRUPT_MESSAGE',
    'a record failed its checksum, or a compacted topic got a record without a key',
    { retriable: true },
  ],
  [
    3,
    'UNKNOWN_TOPIC_OR_PARTITION',
    'the broker does not host this topic or partition (yet)',
    { retriable: true, refresh: 'metadata' },
  ],
  [4, 'INVALID_FETCH_SIZE', 'the fetch size is invalid'],
  [
    5,
    'LEADER_NOT_AVAILABLE',
    'the partition has no leader at the moment; an election is under way',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    6,
    'NOT_LEADER_OR_FOLLOWER',
    'the broker is not the leader, or not a replica, of this partition any more',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    7,
    'REQUEST_TIMED_OUT',
    'the broker could not finish the request within its own timeout',
    { retriable: true },
  ],
  [8, 'BROKER_NOT_AVAILABLE', 'the broker is not available'],
  [
    9,
    'REPLICA_NOT_AVAILABLE',
    'the replica is not available on this broker',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    10,
    'MESSAGE_TOO_LARGE',
    'the record or batch is larger than the broker accepts (max.message.bytes)',
  ],
  [11, 'STALE_CONTROLLER_EPOCH', 'the controller moved to another broker'],
  [
    12,
    'OFFSET_METADATA_TOO_LARGE',
    'the metadata of the offset commit is larger than the broker accepts',
  ],
  [
    13,
    'NETWORK_EXCEPTION',
    'the connection broke before an answer came',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    14,
    'COORDINATOR_LOAD_IN_PROGRESS',
    'the coordinator is still loading its state',
    { retriable: true, transaction: 'retry' },
  ],
  [
    15,
    'COORDINATOR_NOT_AVAILABLE',
    'the coordinator is not available (yet)',
    { retriable: true, refresh: 'coordinator', transaction: 'retry' },
  ],
  [
    16,
    'NOT_COORDINATOR',
    'the broker does not coordinate this group or transaction any more',
    { retriable: true, refresh: 'coordinator', transaction: 'retry' },
  ],
  [17, 'INVALID_TOPIC_EXCEPTION', 'the topic name is invalid, or the topic is internal'],
  [18, 'RECORD_LIST_TOO_LARGE', 'the batch is larger than a log segment'],
  [
    19,
    'NOT_ENOUGH_REPLICAS',
    'there are fewer in-sync replicas than min.insync.replicas; nothing was written',
    { retriable: true },
  ],
  [
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'the records were written, then the in-sync replicas became fewer than min.insync.replicas',
    { retriable: true },
  ],
  [21, 'INVALID_REQUIRED_ACKS', 'acks must be -1, 0 or 1'],
  [
    22,
    'ILLEGAL_GENERATION',
    "the generation is not the group's current one",
    { group: 'rejoin', transaction: 'abort' },
  ],
  [
    23,
    'INCONSISTENT_GROUP_PROTOCOL',
    "the member's assignors or protocol type have nothing in common with the group's",
  ],
  [24, 'INVALID_GROUP_ID', 'the group id is invalid'],
  [
    25,
    'UNKNOWN_MEMBER_ID',
    'the coordinator does not know this member; it expired or was removed',
    { group: 'resetMember', transaction: 'abort' },
  ],
  [
    26,
    'INVALID_SESSION_TIMEOUT',
    "the session timeout is outside of the broker's limits (group.min/max.session.timeout.ms)",
  ],
  [
    27,
    'REBALANCE_IN_PROGRESS',
    'the group is rebalancing; the member must rejoin',
    { group: 'rejoin' },
  ],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', 'the offset commit is too large'],
  [
    29,
    'TOPIC_AUTHORIZATION_FAILED',
    'this principal may not access the topic',
    { transaction: 'abort' },
  ],
  [
    30,
    'GROUP_AUTHORIZATION_FAILED',
    'this principal may not access the group',
    { transaction: 'abort' },
  ],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', 'this principal may not do this to the cluster'],
  [32, 'INVALID_TIMESTAMP', "the timestamp of a record is out of the topic's bounds"],
  [33, 'UNSUPPORTED_SASL_MECHANISM', 'the broker does not offer this SASL mechanism'],
  [34, 'ILLEGAL_SASL_STATE', 'the request does not fit the state of the SASL exchange'],
  [35, 'UNSUPPORTED_VERSION', 'the broker does not support this version of the API'],
  [36, 'TOPIC_ALREADY_EXISTS', 'a topic of this name exists already'],
  [37, 'INVALID_PARTITIONS', 'the number of partitions is invalid'],
  [
    38,
    'INVALID_REPLICATION_FACTOR',
    'the replication factor is below 1 or above the number of brokers',
  ],
  [39, 'INVALID_REPLICA_ASSIGNMENT', 'the replica assignment is invalid'],
  [40, 'INVALID_CONFIG', 'a configuration entry is invalid'],
  [41, 'NOT_CONTROLLER', 'the broker is not the controller', { retriable: true }],
  [42, 'INVALID_REQUEST', 'the request contradicts itself or the protocol'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', "the partition's message format does not support this"],
  [44, 'POLICY_VIOLATION', 'a policy of the cluster refuses the request'],
  [
    45,
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    "a batch's sequence number leaves a gap after the last one written",
    { transaction: 'abort' },
  ],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'the batch was written before'],
  [
    47,
    'INVALID_PRODUCER_EPOCH',
    "the producer's epoch is older than the current one",
    { transaction: 'abort' },
  ],
  [
    48,
    'INVALID_TXN_STATE',
    "the transaction's state does not allow this",
    { transaction: 'fatal' },
  ],
  [
    49,
    'INVALID_PRODUCER_ID_MAPPING',
    'the producer id is not the one of this transactional id',
    { transaction: 'fatal' },
  ],
  [
    50,
    'INVALID_TRANSACTION_TIMEOUT',
    "the transaction timeout is above the broker's limit (transaction.max.timeout.ms)",
    { transaction: 'fatal' },
  ],
  [
    51,
    'CONCURRENT_TRANSACTIONS',
    'another operation on the same transaction is under way',
    { retriable: true, transaction: 'retry' },
  ],
  [52, 'TRANSACTION_COORDINATOR_FENCED', 'the transaction coordinator was fenced by a newer one'],
  [
    53,
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    'this principal may not use the transactional id',
    { transaction: 'fatal' },
  ],
  [54, 'SECURITY_DISABLED', 'security is switched off on this cluster'],
  [
    55,
    'OPERATION_NOT_ATTEMPTED',
    'the operation was not tried because another one of the request failed',
  ],
  [
    56,
    'KAFKA_STORAGE_ERROR',
    'the broker could not access its disk',
    { retriable: true, refresh: 'metadata' },
  ],
  [57, 'LOG_DIR_NOT_FOUND', 'the log directory does not exist on this broker'],
  [58, 'SASL_AUTHENTICATION_FAILED', 'the credentials were refused'],
  [
    59,
    'UNKNOWN_PRODUCER_ID',
    'the broker has no state of this producer id (any more)',
    { transaction: 'abort' },
  ],
  [60, 'REASSIGNMENT_IN_PROGRESS', 'a reassignment of this partition is under way already'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', 'delegation tokens are switched off on this listener'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', 'there is no such delegation token'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', 'the delegation token belongs to somebody else'],
  [
    64,
    'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    "delegation tokens can't be managed over this connection",
  ],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'this principal may not manage delegation tokens'],
  [66, 'DELEGATION_TOKEN_EXPIRED', 'the delegation token has expired'],
  [67, 'INVALID_PRINCIPAL_TYPE', 'the principal type is not supported'],
  [68, 'NON_EMPTY_GROUP', 'the group has members'],
  [69, 'GROUP_ID_NOT_FOUND', 'there is no such group'],
  [
    70,
    'FETCH_SESSION_ID_NOT_FOUND',
    'the broker has forgotten this fetch session',
    { retriable: true },
  ],
  [
    71,
    'INVALID_FETCH_SESSION_EPOCH',
    "the fetch session's epoch is not the expected one",
    { retriable: true },
  ],
  [
    72,
    'LISTENER_NOT_FOUND',
    'the leader has no listener of the name that this connection uses',
    { retriable: true, refresh: 'metadata' },
  ],
  [73, 'TOPIC_DELETION_DISABLED', 'deletion of topics is switched off (delete.topic.enable)'],
  [
    74,
    'FENCED_LEADER_EPOCH',
    "the leader epoch of the request is older than the broker's",
    { retriable: true, refresh: 'metadata' },
  ],
  [
    75,
    'UNKNOWN_LEADER_EPOCH',
    "the leader epoch of the request is newer than the broker's",
    { retriable: true, refresh: 'metadata' },
  ],
  [
    76,
    'UNSUPPORTED_COMPRESSION_TYPE',
    'the broker does not support this compression type in this version',
  ],
  [77, 'STALE_BROKER_EPOCH', 'the broker epoch is stale'],
  [
    78,
    'OFFSET_NOT_AVAILABLE',
    'the leader cannot tell the offset yet, shortly after its election',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    79,
    'MEMBER_ID_REQUIRED',
    'the coordinator assigned a member id; the member must join again with it',
    { group: 'rejoin' },
  ],
  [
    80,
    'PREFERRED_LEADER_NOT_AVAILABLE',
    'the preferred leader is not available',
    { retriable: true, refresh: 'metadata' },
  ],
  [81, 'GROUP_MAX_SIZE_REACHED', 'the group is full (group.max.size)'],
  [
    82,
    'FENCED_INSTANCE_ID',
    "another member with the same group instance id took this one's place",
    { transaction: 'abort' },
  ],
  [
    83,
    'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    'no eligible leader is available',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    84,
    'ELECTION_NOT_NEEDED',
    'an election is not needed',
    { retriable: true, refresh: 'metadata' },
  ],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', 'no reassignment of this partition is under way'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'the group is subscribed to the topic'],
  [87, 'INVALID_RECORD', 'the broker refused a record'],
  [
    88,
    'UNSTABLE_OFFSET_COMMIT',
    'an offset is part of a transaction that is not finished',
    { retriable: true },
  ],
  [89, 'THROTTLING_QUOTA_EXCEEDED', 'a quota is exhausted; try again later', { retriable: true }],
  [
    90,
    'PRODUCER_FENCED',
    'a newer producer with the same transactional id took over',
    { transaction: 'fatal' },
  ],
  [91, 'RESOURCE_NOT_FOUND', 'there is no such resource'],
  [92, 'DUPLICATE_RESOURCE', 'the resource exists already, or is named twice'],
  [93, 'UNACCEPTABLE_CREDENTIAL', 'the credential is not acceptable'],
  [94, 'INCONSISTENT_VOTER_SET', 'the voter sets differ'],
  [95, 'INVALID_UPDATE_VERSION', 'the feature version is invalid'],
  [96, 'FEATURE_UPDATE_FAILED', 'a feature could not be updated'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', 'a forwarded principal could not be read'],
  [98, 'SNAPSHOT_NOT_FOUND', 'there is no such snapshot'],
  [99, 'POSITION_OUT_OF_RANGE', 'the position is beyond the snapshot'],
  [
    100,
    'UNKNOWN_TOPIC_ID',
    'the broker does not know this topic id (yet)',
    { retriable: true, refresh: 'metadata' },
  ],
  [101, 'DUPLICATE_BROKER_REGISTRATION', 'the broker is registered already'],
  [102, 'BROKER_ID_NOT_REGISTERED', 'the broker is not registered'],
  [
    103,
    'INCONSISTENT_TOPIC_ID',
    'the topic id and the partition do not belong together',
    { retriable: true, refresh: 'metadata' },
  ],
  [
    104,
    'INCONSISTENT_CLUSTER_ID',
    'the cluster id is another one: this broker belongs to another cluster',
  ],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', 'there is no such transactional id'],
  [
    106,
    'FETCH_SESSION_TOPIC_ID_ERROR',
    'the topic ids of the fetch session changed',
    { retriable: true },
  ],
  [107, 'INELIGIBLE_REPLICA', 'the replica is not eligible'],
  [108, 'NEW_LEADER_ELECTED', 'a new leader was elected while the replicas changed'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', 'the offset is in tiered storage'],
  [
    110,
    'FENCED_MEMBER_EPOCH',
    'the member epoch was fenced by the coordinator; the member must join anew',
    { group: 'resetMember' },
  ],
  [111, 'UNRELEASED_INSTANCE_ID', 'another member still holds this group instance id'],
  [112, 'UNSUPPORTED_ASSIGNOR', 'the broker does not know this assignor'],
  [
    113,
    'STALE_MEMBER_EPOCH',
    'the member epoch is stale: the coordinator has moved on to a newer one',
  ],
  [
    114,
    'MISMATCHED_ENDPOINT_TYPE',
    'the request was sent to the wrong kind of endpoint (broker or controller)',
  ],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', 'this kind of endpoint is not supported'],
  [116, 'UNKNOWN_CONTROLLER_ID', 'there is no such controller'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', 'the client metrics subscription changed'],
  [118, 'TELEMETRY_TOO_LARGE', 'the metrics are larger than the broker accepts'],
  [119, 'INVALID_REGISTRATION', 'the registration is invalid'],
  [
    120,
    'TRANSACTION_ABORTABLE',
    'the transaction must be aborted, after which the application may go on',
    { transaction: 'abort' },
  ],
  [
    121,
    'INVALID_RECORD_STATE',
    "the record's state does not allow this acknowledgement, for instance because its lock expired",
  ],
  [
    122,
    'SHARE_SESSION_NOT_FOUND',
    'the broker has forgotten this share session',
    { retriable: true },
  ],
  [
    123,
    'INVALID_SHARE_SESSION_EPOCH',
    "the share session's epoch is not the expected one",
    { retriable: true },
  ],
  [124, 'FENCED_STATE_EPOCH', "the share coordinator's state epoch is old"],
  [125, 'INVALID_VOTER_KEY', 'the voter key does not match'],
  [126, 'DUPLICATE_VOTER', 'the voter is in the set already'],
  [127, 'VOTER_NOT_FOUND', 'the voter is not in the set'],
  [128, 'INVALID_REGULAR_EXPRESSION', 'the regular expression is invalid (RE2 syntax)'],
  [129, 'REBOOTSTRAP_REQUIRED', 'the client should start again from its bootstrap servers'],
  [130, 'STREAMS_INVALID_TOPOLOGY', 'the Streams topology is invalid'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', 'the Streams topology epoch is invalid'],
  [132, 'STREAMS_TOPOLOGY_FENCED', 'the Streams topology epoch is old'],
  [
    133,
    'SHARE_SESSION_LIMIT_REACHED',
    'the broker has no room for another share session',
    { retriable: true },
  ],
  [134, 'GROUP_DELETION_FAILED', 'the group could not be deleted'],
  [
    135,
    'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED',
    'the Streams topology description could not be updated',
  ],
  [136, 'CONTROLLER_ID_NOT_REGISTERED', 'the controller is not registered'],
] as const satisfies readonly Row[]

type Rows = (typeof ROWS)[number]

const TABLE: ReadonlyMap<number, ErrorTraits> = new Map(
  (ROWS as readonly Row[]).map(([errorCode, code, text, traits]) => [
    errorCode,
    {
      errorCode,
      code,
      text,
      retriable: false,
      refresh: null,
      group: null,
      transaction: null,
      ...traits,
    },
  ]),
)

/** Kafka's error codes by name: `ErrorCode.NOT_COORDINATOR` is 16. */
export const ErrorCode = Object.fromEntries(
  (ROWS as readonly Row[]).map(([errorCode, code]) => [code, errorCode]),
) as { readonly [R in Rows as R[1]]: R[0] }

/** A code that this client does not know is not retriable, and keeps its number. */
export function errorTraits(errorCode: number): ErrorTraits {
  return (
    TABLE.get(errorCode) ?? {
      errorCode,
      code: 'UNKNOWN_SERVER_ERROR',
      text: `the broker answered with error code ${errorCode}, which this client does not know`,
      retriable: false,
      refresh: null,
      group: null,
      transaction: null,
    }
  )
}

export function isKnownErrorCode(errorCode: number): boolean {
  return TABLE.has(errorCode)
}
