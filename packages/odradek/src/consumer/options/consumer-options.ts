/** The options of `kafka.consumer(...)`. Names and defaults are Kafka's, deviations are said. */
import { UsageError } from '../../errors/errors.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import {
  isBoolean,
  isFunction,
  isNumber,
  isOneOf,
  isString,
  type OptionRow,
  parseOptions,
} from '../../options/option-table.ts'
import { checkTopicName } from '../../serdes/topic.ts'
import { type Assignor, resolveAssignors } from '../../groups/assignors/index.ts'
import { patternOfAny } from '../../groups/consumer/topic-pattern.ts'
import { checkGroupProtocol, refuseWithoutGroup } from '../../groups/shell/protocol-options.ts'
import { livenessRows } from '../../groups/heartbeat-thread/liveness-options.ts'
import {
  type EffectiveStartOptions,
  settleStart,
  type StartOptions,
  startRows,
} from './start-options.ts'
import {
  checkTopics,
  describeTopics,
  describeTopicsOrPatterns,
  hintAtList,
  isTopicInput,
  nameOf,
  splitTopics,
  type TopicInput,
} from './topic-input.ts'
import {
  type OnCorruptBatch,
  type OnDecodeError,
  type PoisonOptions,
  poisonRows,
} from './decode-error-options.ts'

export { checkTopics, nameOf, type TopicInput }

/** A partition of one's own choice, from `offset` on if that is given. */
export interface PartitionOf<T extends TopicInput = TopicInput> {
  readonly topic: T
  readonly partition: number
  readonly offset?: number | undefined
}

export interface ConsumerOptions<T extends TopicInput = TopicInput> extends StartOptions {
  /**
   * The group that shares the topics' partitions among its members. With `partitions` it is
   * optional: offsets are read and committed in its name, and nobody else must be using it.
   */
  readonly groupId?: string | undefined
  /**
   * Topics by name, made by `topic(...)` with serdes, or by a pattern that their names match
   * (`/^orders-/`): topics that are created later are read, too, internal ones never. Under the
   * consumer protocol the broker resolves patterns (RE2 syntax), under the classic one each member.
   */
  readonly topics?: readonly (T | RegExp)[] | RegExp | undefined
  /** In place of `topics`: exactly these partitions, without a group sharing them out. */
  readonly partitions?: readonly PartitionOf<T>[] | undefined
  /**
   * How members of the group speak to the coordinator. `classic`, the default, works everywhere and
   * lets members share partitions out. `consumer` (KIP-848, Apache Kafka 4.0 and newer) leaves that
   * to the broker: members come and go without the others stopping; the broker owns the timings
   * (group configs `consumer.session.timeout.ms`, `consumer.heartbeat.interval.ms`), so
   * `sessionTimeoutMs`, `heartbeatIntervalMs` and `partitionAssignors` are refused beside it.
   * Members of both kinds can be in one group, so a group is moved over member by member. `auto`
   * decides once, at the first join: what live members speak; for a group without any, `consumer`
   * where the cluster has it.
   */
  readonly groupProtocol?: 'classic' | 'consumer' | 'auto' | undefined
  /** The broker's assignor (`uniform`, `range`), with `groupProtocol: 'consumer'`. */
  readonly groupRemoteAssignor?: string | undefined
  /** A name that outlives restarts: one within the session timeout moves no partition. */
  readonly groupInstanceId?: string | undefined
  /** A member that is not heard of for so long is out, ms. Default 45,000. */
  readonly sessionTimeoutMs?: number | undefined
  /** ms. Default 3,000, or a third of `sessionTimeoutMs` where that is less. */
  readonly heartbeatIntervalMs?: number | undefined
  /** How long members may take to give partitions up and join again, ms. Default 60,000. */
  readonly rebalanceTimeoutMs?: number | undefined
  /**
   * How long user code may have a record (or a batch) in hand, ms. Default 300,000. In `run` the
   * record's signal is aborted then; otherwise the member leaves the group until the next record is
   * asked for.
   */
  readonly maxPollIntervalMs?: number | undefined
  /** Heartbeat from a thread while the event loop is blocked; true by default. */
  readonly heartbeatThread?: boolean | undefined
  /**
   * A partition with records that has not moved for so long is looked after (`watchdog`), ms.
   * Default 60,000; 0 turns it off.
   */
  readonly progressTimeoutMs?: number | undefined
  /**
   * Fail the iteration when the group was not joined by then, ms. Without it iteration waits for as
   * long as it takes, and says so (`stalled`).
   */
  readonly connectTimeoutMs?: number | undefined
  /** How partitions are shared out, most wanted first. Default cooperative-sticky, then range. */
  readonly partitionAssignors?: readonly (string | Assignor)[] | undefined
  /**
   * With `false` nothing is committed that the program did not ask for with `commit`,
   * `commitOffsets` or a transaction: not on an interval, at a revocation, at close or after a
   * seek. What was processed and not committed is delivered again. (The pin of `startFrom:
   * 'latest'` is committed all the same; see `pinLatest`.) With `true`, the default, what is
   * processed is committed every `autoCommitIntervalMs`, at a revocation and at close.
   */
  readonly enableAutoCommit?: boolean | undefined
  /** ms. Default 5,000. */
  readonly autoCommitIntervalMs?: number | undefined
  /**
   * Offsets are committed by a producer's transactions alone (`tx.consume`); nothing is committed
   * otherwise, but the pin of `startFrom: 'latest'`. `mark` and `commit` are refused. Default
   * false.
   */
  readonly transactional?: boolean | undefined
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed' | undefined
  /** A broker answers a fetch as soon as it has so much, bytes. Default 1. */
  readonly fetchMinBytes?: number | undefined
  /** ... or after so long, ms. Default 500. */
  readonly fetchMaxWaitMs?: number | undefined
  /** The largest answer to ask for, bytes. Default 50 MiB. */
  readonly fetchMaxBytes?: number | undefined
  /** The most of one partition in one answer, bytes. Default 1 MiB. */
  readonly maxPartitionFetchBytes?: number | undefined
  /**
   * Everything that is fetched and not processed stays within this, bytes; where handlers hold all
   * of it, a batch at a time is fetched beyond it for the other partitions. Default 64 MiB.
   */
  readonly maxBufferedBytes?: number | undefined
  /** Compare checksums of what is fetched; true by default. */
  readonly checkCrcs?: boolean | undefined
  /** What becomes of a record whose key or value cannot be decoded. Default `fail`. */
  readonly onDecodeError?: OnDecodeError | undefined
  /** What becomes of a batch that is corrupt, fetched twice. Default `fail`. */
  readonly onCorruptBatch?: OnCorruptBatch | undefined
  /** How long a dead letter topic no broker knows (yet) is looked for, ms; 0: once. Default 5,000. */
  readonly unknownTopicGraceMs?: number | undefined
  /**
   * These partitions are read from now on. Awaited, up to the rebalance timeout, before anything is
   * read; `consumer.seek` in it sets where from (for offsets that are kept outside of Kafka).
   */
  readonly onAssigned?: RebalanceHook | undefined
  /** These go to others; what is processed by the end of it is committed. Awaited likewise. */
  readonly onRevoked?: RebalanceHook | undefined
  /** These may be others' already: nothing of them can be committed. */
  readonly onLost?: RebalanceHook | undefined
}

export type RebalanceHook = (partitions: readonly TopicPartition[]) => void | Promise<void>

export interface EffectiveConsumerOptions extends EffectiveStartOptions, PoisonOptions {
  readonly groupId?: string
  readonly topics: readonly TopicInput[]
  readonly partitions?: readonly PartitionOf[]
  readonly groupProtocol: 'classic' | 'consumer' | 'auto'
  readonly groupRemoteAssignor?: string
  /** The patterns in `topics`. */
  readonly topicPatterns: readonly RegExp[]
  /** The same, as the broker reads them; absent where members match by themselves. */
  readonly topicPattern?: string
  readonly groupInstanceId?: string
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly maxPollIntervalMs: number
  readonly heartbeatThread: boolean
  readonly progressTimeoutMs: number
  readonly connectTimeoutMs?: number
  readonly partitionAssignors: readonly Assignor[]
  readonly enableAutoCommit: boolean
  readonly autoCommitIntervalMs: number
  readonly transactional: boolean
  readonly isolationLevel: 'read_uncommitted' | 'read_committed'
  readonly fetchMinBytes: number
  readonly fetchMaxWaitMs: number
  readonly fetchMaxBytes: number
  readonly maxPartitionFetchBytes: number
  readonly maxBufferedBytes: number
  readonly checkCrcs: boolean
  readonly onAssigned?: RebalanceHook
  readonly onRevoked?: RebalanceHook
  readonly onLost?: RebalanceHook
}

function checkPartitions(value: unknown): string | undefined {
  const isPartition = (one: unknown): boolean => {
    const { topic, partition, offset } = (one ?? {}) as Record<string, unknown>
    return (
      isTopicInput(topic) &&
      isNumber(0)(partition) === undefined &&
      (offset === undefined || isNumber(0)(offset) === undefined)
    )
  }
  return Array.isArray(value) && value.length > 0 && (value as unknown[]).every(isPartition)
    ? undefined
    : 'a list of { topic, partition, offset? }, at least one'
}

function checkAssignors(value: unknown): string | undefined {
  return Array.isArray(value) && value.length > 0 && (value as unknown[]).every(isAssignor)
    ? undefined
    : 'a list of "cooperative-sticky", "range", "sticky", "roundrobin" or assignors of your own: ' +
        '{ name, protocol: "cooperative" or "eager", assign(input) }'
}

function isAssignor(one: unknown): boolean {
  if (typeof one === 'string') return true
  const { name, protocol, assign, userData } = (one ?? {}) as Readonly<Record<string, unknown>>
  return (
    isString(name) === undefined &&
    (protocol === 'cooperative' || protocol === 'eager') &&
    typeof assign === 'function' &&
    (userData === undefined || typeof userData === 'function')
  )
}

/** @internal Topics by name alone, for those who cannot read by patterns. */
export const TOPICS_BY_NAME: OptionRow = {
  name: 'topics',
  check: (value) => describeTopics(value),
  hint: hintAtList,
  text: "what to read: names, or what topic('...') gives.",
}

export const CONSUMER_OPTIONS: readonly OptionRow[] = [
  {
    name: 'groupId',
    kafkaName: 'group.id',
    check: isString,
    text: "the group that shares the topics' partitions among its members.",
  },
  {
    ...TOPICS_BY_NAME,
    check: describeTopicsOrPatterns,
    hint: hintAtList,
    text: "what to read: names, what topic('...') gives, or patterns.",
  },
  {
    name: 'partitions',
    check: checkPartitions,
    text: 'in place of topics: exactly these partitions, without a group sharing them out.',
  },
  ...startRows,
  {
    name: 'groupInstanceId',
    kafkaName: 'group.instance.id',
    check: isString,
    text: 'a name that outlives restarts: one within the session timeout moves no partition.',
  },
  {
    name: 'groupProtocol',
    kafkaName: 'group.protocol',
    default: 'classic',
    check: isOneOf('classic', 'consumer', 'auto'),
    text: 'who shares partitions out: members ("classic") or the broker ("consumer", KIP-848).',
  },
  {
    name: 'groupRemoteAssignor',
    kafkaName: 'group.remote.assignor',
    check: isString,
    text: 'the broker\'s assignor, with groupProtocol "consumer".',
  },
  {
    name: 'sessionTimeoutMs',
    alsoCalled: ['sessionTimeout'],
    kafkaName: 'session.timeout.ms',
    unit: 'ms',
    default: 45_000,
    check: isNumber(1),
    text: 'a member that is not heard of for so long is out.',
  },
  {
    name: 'heartbeatIntervalMs',
    alsoCalled: ['heartbeatInterval'],
    kafkaName: 'heartbeat.interval.ms',
    unit: 'ms',
    default: 3000,
    check: isNumber(1),
    text: 'how often a member says that it is alive; a third of a session shorter than 9,000 ms.',
  },
  {
    name: 'rebalanceTimeoutMs',
    alsoCalled: ['rebalanceTimeout'],
    unit: 'ms',
    default: 60_000,
    check: isNumber(1),
    text: 'how long members may take to give partitions up and to join again.',
  },
  ...livenessRows,
  {
    name: 'connectTimeoutMs',
    unit: 'ms',
    check: isNumber(1),
    text: 'fail the iteration when the group was not joined by then; it waits otherwise.',
  },
  {
    name: 'partitionAssignors',
    kafkaName: 'partition.assignment.strategy',
    default: ['cooperative-sticky', 'range'],
    check: checkAssignors,
    text: 'how partitions are shared out, most wanted first.',
  },
  {
    name: 'enableAutoCommit',
    alsoCalled: ['autoCommit'],
    kafkaName: 'enable.auto.commit',
    default: true,
    check: isBoolean,
    text:
      'false: nothing is committed that the program did not ask for, not even at revocation or ' +
      'close. true: what is processed is, every autoCommitIntervalMs, at revocation and at close.',
  },
  {
    name: 'transactional',
    default: false,
    check: isBoolean,
    text: "offsets are committed by a producer's transactions alone.",
  },
  {
    name: 'autoCommitIntervalMs',
    alsoCalled: ['autoCommitInterval'],
    kafkaName: 'auto.commit.interval.ms',
    unit: 'ms',
    default: 5000,
    check: isNumber(1),
    text: 'how often what is processed is committed.',
  },
  {
    name: 'isolationLevel',
    kafkaName: 'isolation.level',
    default: 'read_uncommitted',
    check: isOneOf('read_uncommitted', 'read_committed'),
    text: 'whether records of open and aborted transactions are read.',
  },
  {
    name: 'fetchMinBytes',
    alsoCalled: ['minBytes'],
    kafkaName: 'fetch.min.bytes',
    unit: 'bytes',
    default: 1,
    check: isNumber(1),
    text: 'a broker answers a fetch as soon as it has so much.',
  },
  {
    name: 'fetchMaxWaitMs',
    alsoCalled: ['maxWaitTimeInMs', 'maxWaitTime'],
    kafkaName: 'fetch.max.wait.ms',
    unit: 'ms',
    default: 500,
    check: isNumber(0),
    text:
      '... or after this long. Records are returned as they arrive, so a short wait is not ' +
      'faster; with 0, an idle partition is fetched at most 20 times a second.',
  },
  {
    name: 'fetchMaxBytes',
    alsoCalled: ['maxBytes'],
    kafkaName: 'fetch.max.bytes',
    unit: 'bytes',
    default: 52_428_800,
    check: isNumber(1),
    text: 'the largest answer to ask for; one batch may be larger.',
  },
  {
    name: 'maxPartitionFetchBytes',
    alsoCalled: ['maxBytesPerPartition'],
    kafkaName: 'max.partition.fetch.bytes',
    unit: 'bytes',
    default: 1_048_576,
    check: isNumber(1),
    text: 'the most of one partition in one answer; one batch may be larger.',
  },
  {
    name: 'maxBufferedBytes',
    unit: 'bytes',
    default: 67_108_864,
    check: isNumber(1),
    text: 'everything that is fetched and not processed stays within this (docs/liveness.md).',
  },
  {
    name: 'checkCrcs',
    kafkaName: 'check.crcs',
    default: true,
    check: isBoolean,
    text: 'compare checksums of what is fetched.',
  },
  ...poisonRows,
  {
    name: 'onAssigned',
    check: isFunction,
    text: 'called with partitions that are read from now on.',
  },
  { name: 'onRevoked', check: isFunction, text: 'called with partitions that go to others.' },
  {
    name: 'onLost',
    check: isFunction,
    text: "called with partitions that may be others' already.",
  },
]

const WHERE = 'kafka.consumer(...)'

/** As the table leaves them: checked, with defaults, not yet brought together. */
type ParsedOptions = Omit<
  EffectiveConsumerOptions,
  'partitionAssignors' | 'topics' | keyof StartOptions
> &
  StartOptions &
  Pick<ConsumerOptions, 'partitionAssignors' | 'topics'>

const DEFAULT_HEARTBEAT_MS = 3000

/** A third of a short session: two heartbeats may be lost. */
function defaultHeartbeatMs(sessionTimeoutMs: number): number {
  return Math.max(1, Math.min(DEFAULT_HEARTBEAT_MS, Math.floor(sessionTimeoutMs / 3)))
}

/** Topics with a group, or partitions of one's own choice: one of the two ways to read. */
function topicsOf({
  groupId,
  topics,
  partitions,
}: Pick<ConsumerOptions, 'groupId' | 'topics' | 'partitions'>): readonly (TopicInput | RegExp)[] {
  if (topics !== undefined && partitions !== undefined) {
    throw new UsageError(`${WHERE} was given both "topics" and "partitions"; give one of them.`)
  }
  if (partitions !== undefined) {
    refuseTwice(partitions)
    return [...new Set(partitions.map(({ topic }) => topic))]
  }
  if (topics === undefined) {
    throw new UsageError(
      `${WHERE} needs the option "topics", or "partitions" to read without a group sharing out.`,
    )
  }
  if (groupId === undefined) {
    throw new UsageError(
      `${WHERE} needs the option "groupId": the group that shares the topics' partitions among ` +
        'its members. To read without one, name "partitions".',
    )
  }
  return topics instanceof RegExp ? [topics] : topics
}

function refuseTwice(partitions: readonly PartitionOf[]): void {
  const seen = new Set<string>()
  for (const { topic, partition } of partitions) {
    const name = `${nameOf(topic)}-${partition}`
    if (seen.has(name)) throw new UsageError(`"partitions" of ${WHERE} names ${name} twice.`)
    seen.add(name)
  }
}

export function parseConsumerOptions(given: ConsumerOptions): EffectiveConsumerOptions {
  const parsed = parseOptions<ParsedOptions>(CONSUMER_OPTIONS, given, WHERE)
  const { topics, topicPatterns } = splitTopics(topicsOf(parsed))
  for (const one of topics) checkTopicName(nameOf(one))
  const topicPattern = parsed.groupProtocol === 'classic' ? undefined : patternOfAny(topicPatterns)
  checkGroupProtocol(given, parsed.groupProtocol, WHERE)
  refuseWithoutGroup(given, WHERE)
  const { autoOffsetReset: _, ...rest } = parsed
  const { sessionTimeoutMs } = parsed
  const heartbeatIntervalMs = given.heartbeatIntervalMs ?? defaultHeartbeatMs(sessionTimeoutMs)
  if (heartbeatIntervalMs * 3 > sessionTimeoutMs) {
    throw new UsageError(
      `"heartbeatIntervalMs" (${heartbeatIntervalMs}) of ${WHERE} must be at most a third of ` +
        `"sessionTimeoutMs" (${sessionTimeoutMs}), or one lost heartbeat costs the membership.`,
    )
  }
  if (parsed.transactional && parsed.groupId === undefined) {
    throw new UsageError(
      `${WHERE} was given "transactional" without "groupId": it is a group's offsets that ` +
        'transactions commit.',
    )
  }
  if (parsed.transactional && given.enableAutoCommit === true) {
    throw new UsageError(
      `${WHERE} was given both "transactional" and "enableAutoCommit": offsets that are ` +
        'committed by transactions are not committed otherwise.',
    )
  }
  return {
    ...rest,
    heartbeatIntervalMs,
    topics,
    topicPatterns,
    ...(topicPattern === undefined ? {} : { topicPattern }),
    partitionAssignors: resolveAssignors(parsed.partitionAssignors),
    ...settleStart(parsed, WHERE),
  }
}
