/** The configuration of topics, and of brokers as far as there is any. */
import { describeConfigs, ErrorCode, type RequestOf, type ResponseInput } from '@odradek/protocol'
import type { ClusterState } from '../cluster/cluster-state.ts'
import { CONFIG_TYPE, TOPIC_CONFIGS, type TopicConfigs } from '../cluster/topic-configs.ts'
import { defaultReplicationFactor } from '../options/topic-options.ts'
import { CONFIG_SOURCE, RESOURCE_TYPE } from './config-source.ts'
import { handler, type RequestContext } from './handler.ts'

type ResourceBody = RequestOf<typeof describeConfigs>['resources'][number]
type Result = ResponseInput<typeof describeConfigs>['results'][number]
type Config = Result['configs'][number]

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
  { cluster }: RequestContext,
): Result {
  const { resourceType, resourceName, configurationKeys } = resource
  let configs: readonly Config[]
  if (resourceType === RESOURCE_TYPE.topic) {
    const topic = cluster.topics.byName(resourceName)
    if (topic === undefined) return failed(resource, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null)
    configs = topicConfigs(topic.configs, withSynonyms)
  } else if (resourceType === RESOURCE_TYPE.broker) {
    if (!cluster.registered.has(Number(resourceName))) {
      return failed(resource, ErrorCode.INVALID_REQUEST, `There is no broker "${resourceName}".`)
    }
    configs = brokerConfigs(cluster, resourceName)
  } else {
    const message = `Resources of type ${resourceType} have no configuration here.`
    return failed(resource, ErrorCode.INVALID_REQUEST, message)
  }
  const wanted = configurationKeys === null ? undefined : new Set(configurationKeys)
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    resourceType,
    resourceName,
    configs: configs.filter(({ name }) => wanted === undefined || wanted.has(name)),
  }
}

function topicConfigs(configs: TopicConfigs, withSynonyms: boolean): readonly Config[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, { type, value: standard }]) => {
    const isSet = configs.isSet(name)
    const value = configs.get(name)
    const synonyms = [
      ...(isSet ? [{ name, value, source: CONFIG_SOURCE.topic }] : []),
      { name, value: standard, source: CONFIG_SOURCE.default },
    ]
    return {
      name,
      value,
      readOnly: false,
      configSource: isSet ? CONFIG_SOURCE.topic : CONFIG_SOURCE.default,
      isSensitive: false,
      synonyms: withSynonyms ? synonyms : [],
      configType: CONFIG_TYPE[type],
      documentation: null,
    }
  })
}

function configTypeOf(value: string | number | boolean): number {
  if (typeof value === 'boolean') return CONFIG_TYPE.boolean
  return Number.isNaN(Number(value)) ? CONFIG_TYPE.string : CONFIG_TYPE.int
}

/** What the options say, under the names of Kafka's broker configuration. */
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
    'log.retention.check.interval.ms': options.logRetentionCheckIntervalMs,
    'offsets.retention.check.interval.ms': options.offsetsRetentionCheckIntervalMs,
    'offsets.retention.minutes': Math.ceil(options.offsetsRetentionMs / 60_000),
    'offset.metadata.max.bytes': options.offsetMetadataMaxBytes,
    'socket.request.max.bytes': options.socketRequestMaxBytes,
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
