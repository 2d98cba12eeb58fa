/** The options of an administrator's calls. */
import { signalRow } from '../options/call-options.ts'
import { isBoolean, isNumber, isObject, isOneOf, type OptionRow } from '../options/option-table.ts'

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
    check: isObject,
    text: "configuration by Kafka's names, like { 'retention.ms': 86_400_000 }.",
  },
  {
    name: 'assignments',
    alsoCalled: ['replicaAssignment'],
    check: isObject,
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
