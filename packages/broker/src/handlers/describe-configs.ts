/** The configuration of topics and groups, and of brokers, as far as they have options. */
import { describeConfigs, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import {
  CONFIG_TYPE,
  type ConfigEntry,
  TOPIC_CONFIGS,
  type TopicConfigs,
} from '../cluster/topic-configs.ts'
import { defaultReplicationFactor } from '../options/topic-options.ts'
import type { RequestContext } from '../services/request-context.ts'
import { CONFIG_SOURCE, RESOURCE_TYPE } from './config-source.ts'
import { handler } from './handler.ts'

type ResourceBody = RequestOf<typeof describeConfigs>['resources'][number]
type Result = ResponseInput<typeof describeConfigs>['results'][number]
type Config = Result['configs'][number]

/** What Kafka says where a request is refused for no reason of its own. */
const INVALID_REQUEST_MESSAGE =
  'This most likely occurs because of a request being malformed by the client library or the ' +
  'message was sent to an incompatible broker. See the broker logs for more details.'

export const describeConfigsHandler = handler({
  api: describeConfigs,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    results: body.resources.map((resource) => describe(resource, body.includeSynonyms, context)),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    results: body.resources.map((resource) => failed(resource, errorCode, null)),
  }),
})

function failed(
  { resourceType, resourceName }: ResourceBody,
  errorCode: number,
  errorMessage: string | null,
): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] }
}

function describe(
  resource: ResourceBody,
  withSynonyms: boolean,
  { cluster, node: { nodeId } }: RequestContext,
): Result {
  const { resourceType, resourceName, configurationKeys } = resource
  let configs: readonly Config[]
  if (resourceType === RESOURCE_TYPE.topic) {
    const topic = cluster.topics.byName(resourceName)
    if (topic === undefined) return failed(resource, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '')
    configs = topicConfigs(topic.configs, withSynonyms)
  } else if (resourceType === RESOURCE_TYPE.broker) {
    if (!cluster.registered.has(Number(resourceName))) {
      const message =
        `Unexpected broker id, expected ${nodeId} or empty string, ` +
        `but received ${resourceName}`
      return failed(resource, ErrorCode.INVALID_REQUEST, message)
    }
    configs = brokerConfigs(cluster, resourceName)
  } else if (resourceType === RESOURCE_TYPE.group) {
    configs = groupConfigs(cluster, resourceName, withSynonyms)
  } else {
    return failed(resource, ErrorCode.INVALID_REQUEST, INVALID_REQUEST_MESSAGE)
  }
  // An empty list means all entries, as null does.
  const isAll = configurationKeys === null || configurationKeys.length === 0
  const wanted = isAll ? undefined : new Set(configurationKeys)
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    resourceType,
    resourceName,
    configs: configs.filter(({ name }) => wanted === undefined || wanted.has(name)),
  }
}

function topicConfigs(configs: TopicConfigs, withSynonyms: boolean): readonly Config[] {
  const source = CONFIG_SOURCE.topic
  return Object.entries(TOPIC_CONFIGS).map(([name, entry]) =>
    configOf({ name, entry, source, withSynonyms }, configs.isSet(name), configs.get(name)),
  )
}

function groupConfigs(
  cluster: ClusterState,
  groupId: string,
  withSynonyms: boolean,
): readonly Config[] {
  const configs = cluster.groupConfigs
  const source = CONFIG_SOURCE.group
  return Object.entries(configs.entries).map(([name, entry]) => {
    const isSet = configs.isSet(groupId, name)
    const brokerName = entry.type === 'int' ? `group.${name}` : name
    const described = { name, entry, source, withSynonyms, brokerName }
    return configOf(described, isSet, configs.get(groupId, name))
  })
}

interface Described {
  readonly name: string
  readonly entry: ConfigEntry
  /** Where the value comes from when it is set. */
  readonly source: number
  readonly withSynonyms: boolean
  /** The broker's name of the same entry, if it differs. */
  readonly brokerName?: string
}

function configOf(
  { name, entry, source, withSynonyms, brokerName = name }: Described,
  isSet: boolean,
  value: string,
): Config {
  const synonyms = [
    ...(isSet ? [{ name, value, source }] : []),
    { name: brokerName, value: entry.value, source: CONFIG_SOURCE.default },
  ]
  return {
    name,
    value,
    readOnly: false,
    configSource: isSet ? source : CONFIG_SOURCE.default,
    isSensitive: false,
    synonyms: withSynonyms ? synonyms : [],
    configType: CONFIG_TYPE[entry.type],
    documentation: null,
  }
}

function configTypeOf(value: string | number | boolean): number {
  if (typeof value === 'boolean') return CONFIG_TYPE.boolean
  return value === '' || Number.isNaN(Number(value)) ? CONFIG_TYPE.string : CONFIG_TYPE.int
}

/** The options, by the names of Kafka's broker configuration. */
function brokerConfigs({ options }: ClusterState, nodeId: string): readonly Config[] {
  const values: Readonly<Record<string, string | number | boolean>> = {
    'auto.create.topics.enable': options.autoCreateTopics,
    'broker.id': nodeId,
    'broker.session.timeout.ms': options.brokerSessionTimeoutMs,
    'default.replication.factor': defaultReplicationFactor(options.brokers),
    'fetch.max.bytes': options.fetchMaxBytes,
    'group.initial.rebalance.delay.ms': options.groupInitialRebalanceDelayMs,
    'group.max.session.timeout.ms': options.groupMaxSessionTimeoutMs,
    'group.max.size': options.groupMaxSize,
    'group.min.session.timeout.ms': options.groupMinSessionTimeoutMs,
    'max.incremental.fetch.session.cache.slots': options.maxFetchSessions,
    'message.max.bytes': TOPIC_CONFIGS['max.message.bytes']?.value ?? '',
    'node.id': nodeId,
    'num.partitions': options.numPartitions,
    'group.consumer.assignment.interval.ms': options.groupConsumerAssignmentIntervalMs,
    'group.consumer.heartbeat.interval.ms': options.groupConsumerHeartbeatIntervalMs,
    'group.consumer.max.size': options.groupConsumerMaxSize,
    'group.consumer.migration.policy': options.groupConsumerMigrationPolicy,
    'group.consumer.session.timeout.ms': options.groupConsumerSessionTimeoutMs,
    'group.share.delivery.count.limit': options.groupShareDeliveryCountLimit,
    'group.share.heartbeat.interval.ms': options.groupShareHeartbeatIntervalMs,
    'group.share.max.share.sessions': options.groupShareMaxShareSessions,
    'group.share.max.size': options.groupShareMaxSize,
    'group.share.partition.max.record.locks': options.groupSharePartitionMaxRecordLocks,
    'group.share.record.lock.duration.ms': options.groupShareRecordLockDurationMs,
    'group.share.session.timeout.ms': options.groupShareSessionTimeoutMs,
    'log.retention.check.interval.ms': options.logRetentionCheckIntervalMs,
    'offsets.retention.check.interval.ms': options.offsetsRetentionCheckIntervalMs,
    'offsets.retention.minutes': Math.ceil(options.offsetsRetentionMs / 60_000),
    'offset.metadata.max.bytes': options.offsetMetadataMaxBytes,
    'replica.selector.class':
      options.replicaSelector === 'rack'
        ? 'org.apache.kafka.common.replica.RackAwareReplicaSelector'
        : '',
    'socket.request.max.bytes': options.socketRequestMaxBytes,
    'transaction.remove.expired.transaction.cleanup.interval.ms':
      options.transactionRemoveExpiredTransactionCleanupIntervalMs,
    'transactional.id.expiration.ms': options.transactionalIdExpirationMs,
  }
  return Object.entries(values).map(([name, value]) => ({
    name,
    value: String(value),
    readOnly: true,
    configSource: CONFIG_SOURCE.staticBroker,
    isSensitive: false,
    synonyms: [],
    configType: configTypeOf(value),
    documentation: null,
  }))
}
