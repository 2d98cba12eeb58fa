/** The options of a cluster, and their defaults. */
import type { ServerTlsOptions } from '@odradek/environment'

/** A topic that exists from the start, or that `createTopic` makes. */
export interface TopicOptions {
  /** 1 by default. */
  readonly partitions?: number | undefined
  /** The number of brokers by default, 3 at most. */
  readonly replicationFactor?: number | undefined
  /** Kafka's topic configs by their own names: `{ 'max.message.bytes': 1000 }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** `group.version` is KIP-848, `share.version` KIP-932, `transaction.version` 2 KIP-890. */
export type FeatureName = 'group.version' | 'share.version' | 'transaction.version'

/** Which groups may change between the classic protocol and KIP-848 while they have members. */
export type MigrationPolicy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled'

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface SaslOptions {
  /** All that the broker supports by default. */
  readonly mechanisms?: readonly SaslMechanism[] | undefined
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>
  /** The time after which a connection must authenticate again (KIP-368); never by default. */
  readonly sessionLifetimeMs?: number | undefined
}

/**
 * Options of `startBroker`. Durations are in milliseconds, sizes in bytes.
 */
export interface BrokerOptions {
  /** How many brokers, with node ids from 1 on. 1 by default. */
  readonly brokers?: number | undefined
  /** Topics that exist from the start: a number of partitions, or more. */
  readonly topics?: Readonly<Record<string, number | TopicOptions>> | undefined
  /** Where to listen: one address for all, or one per node id. 127.0.0.1 by default. */
  readonly host?: string | ((nodeId: number) => string) | undefined
  /** The host that metadata names to clients, if it is not `host`. */
  readonly advertisedHost?: string | ((nodeId: number) => string) | undefined
  /** The first broker's port (the others follow), or all ports. 0, any free ones, by default. */
  readonly port?: number | readonly number[] | undefined
  /** Racks of the brokers, in the order of their ids. */
  readonly racks?: readonly string[] | undefined
  readonly clusterId?: string | undefined
  /** Metadata requests create topics that do not exist. False by default (Kafka: true). */
  readonly autoCreateTopics?: boolean | undefined
  /** Partitions of topics that are created without a number. 1 by default. */
  readonly numPartitions?: number | undefined
  readonly sasl?: SaslOptions | undefined
  readonly tls?: ServerTlsOptions | undefined
  /** How long a group that was empty waits for more members. 0 by default (Kafka: 3000). */
  readonly groupInitialRebalanceDelayMs?: number | undefined
  /** 6000 by default. */
  readonly groupMinSessionTimeoutMs?: number | undefined
  /** 1800000 by default. */
  readonly groupMaxSessionTimeoutMs?: number | undefined
  /** Unlimited by default. */
  readonly groupMaxSize?: number | undefined
  /** How long a join of a member without an id is kept. 300000 by default. */
  readonly groupNewMemberJoinTimeoutMs?: number | undefined
  /** Levels of the cluster's features; the newest by default, 0 switches one off. */
  readonly features?: Readonly<Partial<Record<FeatureName, number>>> | undefined
  /** After this time a silent member of a KIP-848 group is removed. 45000 by default. */
  readonly groupConsumerSessionTimeoutMs?: number | undefined
  /** The heartbeat interval of members of KIP-848 groups. 5000 by default. */
  readonly groupConsumerHeartbeatIntervalMs?: number | undefined
  /** The least time between two target assignments of a group. 0 by default (Kafka: 1000). */
  readonly groupConsumerAssignmentIntervalMs?: number | undefined
  /** Unlimited by default. */
  readonly groupConsumerMaxSize?: number | undefined
  /** Which groups may change their protocol while they have members. `bidirectional` by default. */
  readonly groupConsumerMigrationPolicy?: MigrationPolicy | undefined
  /**
   * A member may commit under an older epoch for partitions that it has owned since (KIP-1251).
   * True by default; false is a broker before 4.3, which refuses the whole commit.
   */
  readonly commitsByAssignmentEpoch?: boolean | undefined
  /** After this time a silent member of a share group is removed. 45000 by default. */
  readonly groupShareSessionTimeoutMs?: number | undefined
  /** The heartbeat interval of members of share groups. 5000 by default. */
  readonly groupShareHeartbeatIntervalMs?: number | undefined
  /** Members of a share group at most. 200 by default. */
  readonly groupShareMaxSize?: number | undefined
  /** How long acquired records are locked. 30000 by default. */
  readonly groupShareRecordLockDurationMs?: number | undefined
  /** How often a record is delivered at most. 5 by default. */
  readonly groupShareDeliveryCountLimit?: number | undefined
  /** How many records of a partition may be in flight. 2000 by default. */
  readonly groupSharePartitionMaxRecordLocks?: number | undefined
  /** Share sessions per broker. 2000 by default. */
  readonly groupShareMaxShareSessions?: number | undefined
  /** The longest transaction timeout that a producer may request. 900000 by default. */
  readonly transactionMaxTimeoutMs?: number | undefined
  /** How long an unused transactional id without an open transaction is kept. 7 days by default. */
  readonly transactionalIdExpirationMs?: number | undefined
  /** How often the broker checks for them. 3600000 by default. */
  readonly transactionRemoveExpiredTransactionCleanupIntervalMs?: number | undefined
  /**
   * How long after the end of a transaction its markers are written; meanwhile its producer gets
   * CONCURRENT_TRANSACTIONS. 0, as soon as the request is handled, by default.
   */
  readonly transactionMarkersMs?: number | undefined
  /** The longest metadata of an offset commit. 4096 by default. */
  readonly offsetMetadataMaxBytes?: number | undefined
  /** How long unused offsets are kept: of empty groups, of topics that are not read. 7 days. */
  readonly offsetsRetentionMs?: number | undefined
  /** How often the broker checks for them. 600000 by default. */
  readonly offsetsRetentionCheckIntervalMs?: number | undefined
  /** How often `retention.ms` and `retention.bytes` are applied. 300000 by default. */
  readonly logRetentionCheckIntervalMs?: number | undefined
  /** How long a new coordinator loads its groups before it serves them. 0 by default. */
  readonly coordinatorLoadMs?: number | undefined
  /**
   * How long it takes to notice that a broker was killed; until then it leads and coordinates, and
   * does not respond. 1000 by default (Kafka: 9000). Graceful stops are noticed immediately.
   */
  readonly brokerSessionTimeoutMs?: number | undefined
  /**
   * `rack` sends consumers to replicas in their own rack (KIP-392), which then serve them. By
   * default only leaders do.
   */
  readonly replicaSelector?: 'leader' | 'rack' | undefined
  /** The largest request. 104857600 by default. */
  readonly socketRequestMaxBytes?: number | undefined
  /** The largest fetch response, whatever the client requests. 57671680 by default. */
  readonly fetchMaxBytes?: number | undefined
  /** Fetch sessions per broker; 0 means that there are none. 1000 by default. */
  readonly maxFetchSessions?: number | undefined
  /**
   * The highest versions to support, by API: `{ Fetch: 12 }` is a broker without topic ids in
   * fetches; -1 is one that does not have the API.
   */
  readonly maxApiVersions?: Readonly<Record<string, number>> | undefined
}

export interface ResolvedSasl {
  readonly mechanisms: readonly SaslMechanism[]
  readonly users: Readonly<Record<string, string>>
  /** 0 when sessions do not end. */
  readonly sessionLifetimeMs: number
}

export interface ResolvedOptions {
  readonly brokers: number
  readonly topics: Readonly<Record<string, number | TopicOptions>>
  readonly hostOf: (nodeId: number) => string
  readonly advertisedHostOf: (nodeId: number) => string
  readonly portOf: (nodeId: number) => number
  readonly rackOf: (nodeId: number) => string | null
  readonly clusterId: string | undefined
  readonly autoCreateTopics: boolean
  readonly numPartitions: number
  readonly sasl: ResolvedSasl | undefined
  readonly tls: ServerTlsOptions | undefined
  readonly groupInitialRebalanceDelayMs: number
  readonly groupMinSessionTimeoutMs: number
  readonly groupMaxSessionTimeoutMs: number
  readonly groupMaxSize: number
  readonly groupNewMemberJoinTimeoutMs: number
  readonly features: Readonly<Record<FeatureName, number>>
  readonly groupConsumerSessionTimeoutMs: number
  readonly groupConsumerHeartbeatIntervalMs: number
  readonly groupConsumerAssignmentIntervalMs: number
  readonly groupConsumerMaxSize: number
  readonly groupConsumerMigrationPolicy: MigrationPolicy
  readonly commitsByAssignmentEpoch: boolean
  readonly groupShareSessionTimeoutMs: number
  readonly groupShareHeartbeatIntervalMs: number
  readonly groupShareMaxSize: number
  readonly groupShareRecordLockDurationMs: number
  readonly groupShareDeliveryCountLimit: number
  readonly groupSharePartitionMaxRecordLocks: number
  readonly groupShareMaxShareSessions: number
  readonly transactionMaxTimeoutMs: number
  readonly transactionalIdExpirationMs: number
  readonly transactionRemoveExpiredTransactionCleanupIntervalMs: number
  readonly transactionMarkersMs: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
  readonly logRetentionCheckIntervalMs: number
  readonly coordinatorLoadMs: number
  readonly brokerSessionTimeoutMs: number
  readonly replicaSelector: 'leader' | 'rack'
  readonly socketRequestMaxBytes: number
  readonly fetchMaxBytes: number
  readonly maxFetchSessions: number
  readonly maxApiVersions: Readonly<Record<string, number>>
}
