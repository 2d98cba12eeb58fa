/** Administration: topics, offsets and groups, with maps by name in and out. */
import type { Cluster } from '../cluster/cluster.ts'
import { closedError } from '../errors/closed-error.ts'
import { onAbort } from '../async/on-abort.ts'
import { checkOptions } from '../options/option-table.ts'
import {
  ADMIN_CALL_OPTIONS,
  LIST_GROUPS_OPTIONS,
  LIST_OFFSETS_OPTIONS,
  LIST_TOPICS_OPTIONS,
} from './admin-call-options.ts'
import { deleteGroups, describeGroups, type GroupDescription } from './groups.ts'
import { type GroupListing, listGroups, type ListGroupsOptions } from './groups.ts'
import type { CallOptions } from './item-calls.ts'
import {
  type CommittedOffset,
  committedOffsets,
  type GroupLag,
  lagOf,
  type ListedOffset,
  listOffsets,
  type ListOffsetsOptions,
  type OffsetQuery,
} from './offsets.ts'
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  type ShareGroupOffset,
  shareGroupOffsets,
  type ShareOffsetsToSet,
} from './share-offsets.ts'
import {
  type CreatedTopic,
  createTopics,
  deleteTopics,
  describeTopics,
  listTopics,
  type NewTopic,
  type TopicDescription,
  type TopicListing,
} from './topics.ts'

/**
 * Administers a cluster. Made by `kafka.admin()`; the first call connects, over the connections of
 * its client.
 *
 * Every call tries again what may succeed later, up to `timeoutMs` (default: the client's
 * `defaultApiTimeoutMs`, 60 s), and ends early when its `signal` aborts or the admin is closed.
 * Calls about several things give a map by name; when some of them fail, the call rejects with a
 * `PartialError` whose `results` has every one (a call about one thing rejects with its error).
 *
 * @example
 * await using admin = kafka.admin()
 * await admin.createTopics({ orders: { partitions: 6, replicationFactor: 3 } })
 * const { lag } = await admin.lag('billing')
 */
export class Admin {
  readonly #cluster: Cluster
  readonly #onClosed: () => void
  readonly #closing = new AbortController()

  /** @internal Made by `kafka.admin()`. */
  constructor(cluster: Cluster, onClosed: () => void = () => undefined) {
    this.#cluster = cluster
    this.#onClosed = onClosed
  }

  /**
   * Creates topics and waits until the cluster shows them with leaders, so that they can be used
   * at once.
   *
   * @throws BrokerError `TOPIC_ALREADY_EXISTS`, `INVALID_REPLICATION_FACTOR`, `INVALID_CONFIG`,
   * `POLICY_VIOLATION`, `TOPIC_AUTHORIZATION_FAILED` and so on; TimeoutError when the time ran
   * out; UsageError for a wrong name or number, before anything is sent.
   * @example
   * await admin.createTopics({
   *   orders: { partitions: 6, replicationFactor: 3, configs: { 'retention.ms': 86_400_000 } },
   *   audit: { assignments: { 0: [1, 2], 1: [2, 3] } },
   * })
   */
  async createTopics(
    topics: Readonly<Record<string, NewTopic>>,
    options: CallOptions = {},
  ): Promise<ReadonlyMap<string, CreatedTopic>> {
    return this.#call(
      'createTopics',
      (given) => createTopics(this.#cluster, topics, given),
      options,
    )
  }

  /**
   * Deletes topics with all their records, and waits until the cluster shows them no more.
   *
   * @throws UsageError with code `UNKNOWN_TOPIC_OR_PARTITION` for a topic that is not there;
   * BrokerError `TOPIC_DELETION_DISABLED`, `TOPIC_AUTHORIZATION_FAILED`; TimeoutError.
   * @example
   * await admin.deleteTopics(['orders', 'audit'])
   */
  async deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#call('deleteTopics', (given) => deleteTopics(this.#cluster, names, given), options)
  }

  /**
   * All topics that this client may see, without Kafka's own (`__consumer_offsets` and the like)
   * unless `internal` is true.
   *
   * @throws TimeoutError when no broker answered in time.
   * @example
   * for (const name of (await admin.listTopics()).keys()) console.log(name)
   */
  async listTopics(
    options: CallOptions & { readonly internal?: boolean | undefined } = {},
  ): Promise<ReadonlyMap<string, TopicListing>> {
    return this.#call(
      'listTopics',
      (given) => listTopics(this.#cluster, given),
      options,
      LIST_TOPICS_OPTIONS,
    )
  }

  /**
   * The partitions of topics, with leaders, replicas and in-sync replicas.
   *
   * @throws UsageError with code `UNKNOWN_TOPIC_OR_PARTITION` for a topic that is not there;
   * BrokerError `TOPIC_AUTHORIZATION_FAILED`; TimeoutError.
   * @example
   * const orders = (await admin.describeTopics(['orders'])).get('orders')
   * console.log(orders?.partitions.map(({ leader }) => leader))
   */
  async describeTopics(
    names: readonly string[],
    options: CallOptions = {},
  ): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.#call(
      'describeTopics',
      (given) => describeTopics(this.#cluster, names, given),
      options,
    )
  }

  /**
   * Offsets by topic: `earliest`, `latest`, `maxTimestamp` or a time in ms, for all partitions of
   * a topic or for single ones. Lists are in the order of the partitions.
   *
   * @throws UsageError with code `UNKNOWN_TOPIC_OR_PARTITION`; BrokerError; TimeoutError.
   * @example
   * const hourAgo = Date.now() - 3_600_000
   * const offsets = await admin.listOffsets({ orders: 'latest', audit: { 0: hourAgo } })
   */
  async listOffsets(
    query: OffsetQuery,
    options: ListOffsetsOptions = {},
  ): Promise<ReadonlyMap<string, readonly ListedOffset[]>> {
    return this.#call(
      'listOffsets',
      (given) => listOffsets(this.#cluster, query, given),
      options,
      LIST_OFFSETS_OPTIONS,
    )
  }

  /**
   * What a group has committed, by topic; empty for a group that has committed nothing or does not
   * exist.
   *
   * @throws BrokerError `GROUP_AUTHORIZATION_FAILED`; TimeoutError.
   * @example
   * const offsets = (await admin.committedOffsets('billing')).get('orders')
   */
  async committedOffsets(
    groupId: string,
    options: CallOptions = {},
  ): Promise<ReadonlyMap<string, readonly CommittedOffset[]>> {
    return this.#call(
      'committedOffsets',
      (given) => committedOffsets(this.#cluster, groupId, given),
      options,
    )
  }

  /**
   * How far a group is behind, in records, by partition and in all; partitions without a committed
   * offset and topics that are gone are left out. Offsets of transaction markers and of compacted
   * records count as records, as in all of Kafka's tools.
   *
   * @throws BrokerError `GROUP_AUTHORIZATION_FAILED`, `TOPIC_AUTHORIZATION_FAILED`; TimeoutError.
   * @example
   * const { lag, partitions } = await admin.lag('billing')
   */
  async lag(groupId: string, options: CallOptions = {}): Promise<GroupLag> {
    return this.#call('lag', (given) => lagOf(this.#cluster, groupId, given), options)
  }

  /**
   * All groups of all brokers that this client may see, or those of one type.
   *
   * @throws TimeoutError when a broker did not answer in time.
   * @example
   * const groups = await admin.listGroups({ type: 'share' })
   */
  async listGroups(options: ListGroupsOptions = {}): Promise<ReadonlyMap<string, GroupListing>> {
    return this.#call(
      'listGroups',
      (given) => listGroups(this.#cluster, given),
      options,
      LIST_GROUPS_OPTIONS,
    )
  }

  /**
   * State, members and assignment of groups of any kind.
   *
   * @throws BrokerError `GROUP_ID_NOT_FOUND`, `GROUP_AUTHORIZATION_FAILED`; TimeoutError.
   * @example
   * const billing = (await admin.describeGroups(['billing'])).get('billing')
   * console.log(billing?.state, billing?.members.length)
   */
  async describeGroups(
    groupIds: readonly string[],
    options: CallOptions = {},
  ): Promise<ReadonlyMap<string, GroupDescription>> {
    return this.#call(
      'describeGroups',
      (given) => describeGroups(this.#cluster, groupIds, given),
      options,
    )
  }

  /**
   * Deletes groups, with their committed offsets; they must have no members.
   *
   * @throws BrokerError `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`, `GROUP_AUTHORIZATION_FAILED`;
   * TimeoutError.
   * @example
   * await admin.deleteGroups(['billing'])
   */
  async deleteGroups(groupIds: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#call(
      'deleteGroups',
      (given) => deleteGroups(this.#cluster, groupIds, given),
      options,
    )
  }

  /**
   * Where a share group stands, by topic; partitions that it has not begun have `null`.
   *
   * @throws BrokerError `GROUP_ID_NOT_FOUND` for a group that does not exist or is no share group,
   * `GROUP_AUTHORIZATION_FAILED`, `UNSUPPORTED_VERSION` (before Kafka 4.1); TimeoutError.
   * @example
   * const offsets = (await admin.shareGroupOffsets('mail')).get('mails')
   * console.log(offsets?.map(({ startOffset, lag }) => [startOffset, lag]))
   */
  async shareGroupOffsets(
    groupId: string,
    options: CallOptions = {},
  ): Promise<ReadonlyMap<string, readonly ShareGroupOffset[]>> {
    return this.#call(
      'shareGroupOffsets',
      (given) => shareGroupOffsets(this.#cluster, groupId, given),
      options,
    )
  }

  /**
   * Sets where a share group goes on; it must have no members. What it has done with records from
   * there on is forgotten: they are delivered again. Partitions that are not named stay.
   *
   * @throws BrokerError `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`, `GROUP_AUTHORIZATION_FAILED`,
   * `UNKNOWN_TOPIC_OR_PARTITION`; PartialError by partition when some fail; TimeoutError;
   * UsageError for what is no offset.
   * @example
   * await admin.alterShareGroupOffsets('mail', { mails: 'earliest', bounces: { 0: 17 } })
   */
  async alterShareGroupOffsets(
    groupId: string,
    offsets: ShareOffsetsToSet,
    options: CallOptions = {},
  ): Promise<void> {
    return this.#call(
      'alterShareGroupOffsets',
      (given) => alterShareGroupOffsets(this.#cluster, groupId, offsets, given),
      options,
    )
  }

  /**
   * Forgets where a share group stands in topics; it must have no members. It begins there anew
   * when it reads them again.
   *
   * @throws BrokerError `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`, `GROUP_AUTHORIZATION_FAILED`,
   * `UNKNOWN_TOPIC_OR_PARTITION`; TimeoutError.
   * @example
   * await admin.deleteShareGroupOffsets('mail', ['bounces'])
   */
  async deleteShareGroupOffsets(
    groupId: string,
    topics: readonly string[],
    options: CallOptions = {},
  ): Promise<void> {
    return this.#call(
      'deleteShareGroupOffsets',
      (given) => deleteShareGroupOffsets(this.#cluster, groupId, topics, given),
      options,
    )
  }

  /** Runs a call under a signal that aborts when the caller's does, and when this is closed. */
  async #call<T, O extends CallOptions>(
    name: string,
    run: (options: O) => Promise<T>,
    options: O,
    table = ADMIN_CALL_OPTIONS,
  ): Promise<T> {
    checkOptions(table, options, `admin.${name}(...)`)
    if (this.#closing.signal.aborted) throw closedError('admin')
    const { signal } = options
    signal?.throwIfAborted()
    const either = new AbortController()
    const releases = [
      onAbort(signal, () => either.abort(signal?.reason)),
      onAbort(this.#closing.signal, () => either.abort(closedError('admin'))),
    ]
    try {
      return await run({ ...options, signal: either.signal })
    } finally {
      for (const release of releases) release()
    }
  }

  /** Ends the calls that are under way; idempotent. The client's connections stay. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(closedError('admin'))
    this.#onClosed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
