/** The options of an administrator's calls. */
import { signalRow } from '../options/call-options.ts'
import { shown } from '../errors/shown.ts'
import { isBoolean, isNumber, isOneOf, type OptionRow } from '../options/option-table.ts'

export const ADMIN_CALL_OPTIONS: readonly OptionRow[] = [
  {
    name: 'timeoutMs',
    alsoCalled: ['timeout'],
    unit: 'ms',
    check: isNumber(1),
    text: "how long the call may take with all its retries; the client's defaultApiTimeoutMs unless said.",
  },
  signalRow,
]

/** Kafka has texts: what is none, like null, would be written as the text of it. */
function checkConfigs(value: unknown): string | undefined {
  const wanted = "an object of texts, numbers and booleans, like { 'retention.ms': 86_400_000 }"
  if (typeof value !== 'object' || Array.isArray(value)) return wanted
  const isConfig = (one: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof one)
  const wrong = Object.entries(value as object).find(([, one]) => !isConfig(one))
  return wrong && `${wanted} ("${wrong[0]}" is ${shown(wrong[1])})`
}

function checkAssignments(value: unknown): string | undefined {
  const isNodeId = (one: unknown): boolean => isNumber(0)(one) === undefined
  const isOne = ([partition, nodeIds]: readonly [string, unknown]): boolean =>
    /^\d+$/.test(partition) &&
    Array.isArray(nodeIds) &&
    nodeIds.length > 0 &&
    (nodeIds as unknown[]).every(isNodeId)
  const entries = typeof value === 'object' ? Object.entries(value as object) : []
  return entries.length > 0 && entries.every(isOne)
    ? undefined
    : 'lists of node ids by partition, like { 0: [1, 2] }'
}

export const NEW_TOPIC_OPTIONS: readonly OptionRow[] = [
  {
    name: 'partitions',
    kafkaName: 'num.partitions',
    alsoCalled: ['numPartitions', 'partitionCount'],
    check: isNumber(1),
    text: "how many partitions; the cluster's own default unless said.",
  },
  {
    name: 'replicationFactor',
    kafkaName: 'default.replication.factor',
    check: isNumber(1),
    text: "how many brokers keep each partition; the cluster's own default unless said.",
  },
  {
    name: 'configs',
    alsoCalled: ['configEntries', 'config'],
    check: checkConfigs,
    text: "configuration by Kafka's names, like { 'retention.ms': 86_400_000 }.",
  },
  {
    name: 'assignments',
    alsoCalled: ['replicaAssignment'],
    check: checkAssignments,
    text: 'the brokers of each partition, like { 0: [1, 2] }, in place of both numbers.',
  },
]

export const LIST_TOPICS_OPTIONS: readonly OptionRow[] = [
  ...ADMIN_CALL_OPTIONS,
  { name: 'internal', default: false, check: isBoolean, text: "whether Kafka's own are listed." },
]

export const LIST_GROUPS_OPTIONS: readonly OptionRow[] = [
  ...ADMIN_CALL_OPTIONS,
  {
    name: 'type',
    alsoCalled: ['types', 'groupType'],
    check: isOneOf('classic', 'consumer', 'share', 'streams'),
    text: 'only this type.',
  },
]

export const LIST_OFFSETS_OPTIONS: readonly OptionRow[] = [
  ...ADMIN_CALL_OPTIONS,
  {
    name: 'isolationLevel',
    default: 'read_uncommitted',
    check: isOneOf('read_uncommitted', 'read_committed'),
    text: 'read_committed ends at the last stable offset.',
  },
]
