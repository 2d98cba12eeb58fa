/** The options of `kafka.producer(...)`. Names and defaults are Kafka's. */
import type { CompressionType } from '@odradek/protocol'
import { UsageError } from '../errors/errors.ts'
import {
  isBoolean,
  isFunction,
  isNumber,
  hintAtCase,
  isOneOf,
  isString,
  type OptionRow,
  parseOptions,
} from '../options/option-table.ts'
import { signalRow } from '../options/call-options.ts'

/** Chooses a partition: what is known of the record, and how many partitions the topic has. */
export type Partitioner = (record: {
  readonly topic: string
  readonly key: Uint8Array | null
  readonly partitionCount: number
}) => number

/**
 * The options of `kafka.producer(...)`. Wrong or contradictory ones are refused with a sentence.
 */
export interface ProducerOptions {
  /**
   * Who must have a record before it counts as written: `'all'` in-sync replicas, the leader (1),
   * nobody (0).
   */
  readonly acks?: 'all' | 0 | 1 | undefined
  /** Retries never duplicate or reorder records. Default true (with acks 'all'). */
  readonly enableIdempotence?: boolean | undefined
  /** `'none'` (the default), `'gzip'`, `'snappy'`, `'lz4'` or `'zstd'`; batches are compressed. */
  readonly compressionType?: CompressionType | undefined
  /** How hard gzip (1 to 9) or zstd (-7 to 22) tries; their own default otherwise. */
  readonly compressionLevel?: number | undefined
  /** How long a batch may wait for company, ms; a record that is alone does not wait. Default 5. */
  readonly lingerMs?: number | undefined
  /** A batch is full at this size, bytes. Default 16,384. */
  readonly batchSize?: number | undefined
  /** Room for undelivered records, bytes; sends wait when it is used up. Default 33,554,432. */
  readonly bufferMemory?: number | undefined
  /** How long a send may wait for room or metadata, ms. Default 60,000. */
  readonly maxBlockMs?: number | undefined
  /**
   * How long a topic that brokers do not know (yet) is looked for before a send fails, ms; with 0
   * the first broker's word counts. At most half of `maxBlockMs`. Default 5,000.
   */
  readonly unknownTopicGraceMs?: number | undefined
  /** The largest record, and the largest request, that is sent, bytes. Default 1,048,576. */
  readonly maxRequestSize?: number | undefined
  /** Requests to one broker that may be under way; at most 5 with idempotence. Default 5. */
  readonly maxInFlightRequestsPerConnection?: number | undefined
  /** How long a broker may take for a write before it is tried again, ms. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** From `send` to the last word about it, retries included, ms. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
  /**
   * What to do when records that were under way run out of time and those after them would stand
   * behind a gap: `'continue'` (the default, as Kafka does), or `'stop'`: everything that waits
   * fails, and so does every later call. Both tell it by the event `deliveryTimedOut`.
   */
  readonly onDeliveryTimeout?: 'continue' | 'stop' | undefined
  /** Chooses partitions in place of Kafka's own (by key, else sticky). It must be synchronous. */
  readonly partitioner?: Partitioner | undefined
  /**
   * Makes a producer of transactions (see `transaction`). The name stays the same when a process
   * restarts, and no two producers may have it at the same time: the later one fences the other.
   */
  readonly transactionalId?: string | undefined
  /**
   * How long a transaction may take before it is aborted, ms; brokers allow at most their
   * `transaction.max.timeout.ms` (15 minutes). Default 60,000.
   */
  readonly transactionTimeoutMs?: number | undefined
}

/** What is in force for a producer: what was given, and the defaults. See `ProducerOptions`. */
export interface EffectiveProducerOptions {
  readonly acks: 'all' | 0 | 1
  readonly enableIdempotence: boolean
  readonly compressionType: CompressionType
  readonly compressionLevel?: number
  readonly lingerMs: number
  readonly batchSize: number
  readonly bufferMemory: number
  readonly maxBlockMs: number
  readonly unknownTopicGraceMs: number
  readonly maxRequestSize: number
  readonly maxInFlightRequestsPerConnection: number
  readonly requestTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly onDeliveryTimeout: 'continue' | 'stop'
  readonly partitioner?: Partitioner
  readonly transactionalId?: string
  readonly transactionTimeoutMs: number
}

const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const PRODUCER_OPTIONS: readonly OptionRow[] = [
  {
    name: 'acks',
    alsoCalled: ['requiredAcks'],
    kafkaName: 'acks',
    default: 'all',
    check: isOneOf('all', 0, 1),
    text: 'who must have a record before it counts as written.',
  },
  {
    name: 'enableIdempotence',
    alsoCalled: ['idempotent'],
    kafkaName: 'enable.idempotence',
    check: isBoolean,
    text: 'retries never duplicate or reorder records; true unless acks says otherwise.',
  },
  {
    name: 'compressionType',
    alsoCalled: ['compression'],
    kafkaName: 'compression.type',
    default: 'none',
    check: isOneOf(...COMPRESSION_TYPES),
    hint: hintAtCase(...COMPRESSION_TYPES),
    text: 'how batches are compressed.',
  },
  {
    name: 'compressionLevel',
    kafkaName: 'compression.gzip.level, compression.zstd.level',
    check: isNumber(-7, 22),
    text: 'how hard gzip or zstd tries; their own default otherwise.',
  },
  {
    name: 'lingerMs',
    kafkaName: 'linger.ms',
    unit: 'ms',
    default: 5,
    check: isNumber(0),
    text: 'how long a batch may wait for company; a record that is alone does not wait.',
  },
  {
    name: 'batchSize',
    kafkaName: 'batch.size',
    unit: 'bytes',
    default: 16_384,
    check: isNumber(1),
    text: 'a batch is full at this size; a single record may be larger.',
  },
  {
    name: 'bufferMemory',
    kafkaName: 'buffer.memory',
    unit: 'bytes',
    default: 33_554_432,
    check: isNumber(1024),
    text: 'room for records that are not delivered yet; sends wait when it is used up.',
  },
  {
    name: 'maxBlockMs',
    kafkaName: 'max.block.ms',
    unit: 'ms',
    default: 60_000,
    check: isNumber(1),
    text: 'how long a send may wait for room or for metadata.',
  },
  {
    name: 'unknownTopicGraceMs',
    unit: 'ms',
    default: 5000,
    check: isNumber(0),
    text: 'how long a topic that brokers do not know (yet) is looked for before a send fails; with 0 the first response counts. At most half of "maxBlockMs".',
  },
  {
    name: 'maxRequestSize',
    kafkaName: 'max.request.size',
    unit: 'bytes',
    default: 1_048_576,
    check: isNumber(1024),
    text: 'the largest record, and the largest request, that is sent.',
  },
  {
    name: 'maxInFlightRequestsPerConnection',
    alsoCalled: ['maxInFlightRequests'],
    kafkaName: 'max.in.flight.requests.per.connection',
    unit: 'count',
    default: 5,
    check: isNumber(1),
    text: 'requests to one broker that may be under way; at most 5 with idempotence.',
  },
  {
    name: 'requestTimeoutMs',
    kafkaName: 'request.timeout.ms',
    unit: 'ms',
    default: 30_000,
    check: isNumber(1),
    text: 'how long a broker may take for one try.',
  },
  {
    name: 'deliveryTimeoutMs',
    kafkaName: 'delivery.timeout.ms',
    unit: 'ms',
    default: 120_000,
    check: isNumber(1),
    text: 'from send to the last word about it, retries included.',
  },
  {
    name: 'onDeliveryTimeout',
    default: 'continue',
    check: isOneOf('continue', 'stop'),
    text: 'what to do when records ran out of time and those after them would stand behind a gap.',
  },
  {
    name: 'partitioner',
    alsoCalled: ['createPartitioner'],
    kafkaName: 'partitioner.class',
    check: isFunction,
    text: "chooses a partition in place of Kafka's default partitioner.",
  },
  {
    name: 'transactionalId',
    kafkaName: 'transactional.id',
    check: isString,
    text: 'makes a producer of transactions; the name stays when the process restarts.',
  },
  {
    name: 'transactionTimeoutMs',
    alsoCalled: ['transactionTimeout'],
    kafkaName: 'transaction.timeout.ms',
    unit: 'ms',
    default: 60_000,
    check: isNumber(1, 0x7fff_ffff),
    text: 'how long a transaction may take before it is aborted.',
  },
]

const MAX_IN_FLIGHT_WITH_IDEMPOTENCE = 5

export function parseProducerOptions(given: ProducerOptions): EffectiveProducerOptions {
  const where = 'kafka.producer(...)'
  const parsed = parseOptions<Omit<EffectiveProducerOptions, 'enableIdempotence'>>(
    PRODUCER_OPTIONS,
    given,
    where,
  )
  const { acks, lingerMs, requestTimeoutMs, deliveryTimeoutMs } = parsed
  const enableIdempotence = given.enableIdempotence ?? acks === 'all'
  if (enableIdempotence && acks !== 'all') {
    throw new UsageError(`Idempotence needs acks: 'all'; ${where} was given acks: ${acks}.`)
  }
  if (parsed.transactionalId !== undefined && !enableIdempotence) {
    throw new UsageError(
      `Transactions need acks: 'all' and idempotence; ${where} was given both a ` +
        '"transactionalId" and something that turns them off.',
    )
  }
  if (given.transactionTimeoutMs !== undefined && parsed.transactionalId === undefined) {
    throw new UsageError('"transactionTimeoutMs" is for producers with a "transactionalId".')
  }
  if (
    enableIdempotence &&
    parsed.maxInFlightRequestsPerConnection > MAX_IN_FLIGHT_WITH_IDEMPOTENCE
  ) {
    throw new UsageError(
      'Idempotence allows at most 5 for "maxInFlightRequestsPerConnection": ' +
        'brokers remember the last five batches of a producer.',
    )
  }
  if (deliveryTimeoutMs < lingerMs + requestTimeoutMs) {
    throw new UsageError(
      `"deliveryTimeoutMs" (${deliveryTimeoutMs}) must be at least "lingerMs" plus ` +
        `"requestTimeoutMs" (${lingerMs + requestTimeoutMs}).`,
    )
  }
  checkLevel(parsed.compressionType, parsed.compressionLevel)
  // No batch may be larger than the request that it goes in.
  const batchSize = Math.min(parsed.batchSize, parsed.maxRequestSize)
  return { ...parsed, batchSize, enableIdempotence }
}

const LEVELS: Readonly<Partial<Record<CompressionType, readonly [min: number, max: number]>>> = {
  gzip: [1, 9],
  zstd: [-7, 22],
}

function checkLevel(type: CompressionType, level: number | undefined): void {
  if (level === undefined) return
  const [min, max] = LEVELS[type] ?? []
  if (min !== undefined && max !== undefined && level >= min && level <= max) return
  throw new UsageError(
    min === undefined
      ? `"compressionLevel" is for gzip and zstd; the "compressionType" is "${type}".`
      : `The "compressionLevel" of ${type} must be a whole number from ${min} to ${max}; ` +
          `it is ${level}.`,
  )
}

/** Options of one `send`. */
export interface SendOptions {
  /** Ends the wait with an `AbortError`; `outcome` says whether the records may be written. */
  readonly signal?: AbortSignal | undefined
}

export const SEND_OPTIONS: readonly OptionRow[] = [signalRow]

/** Options of one `transaction`. */
export interface TransactionOptions {
  /** Aborts the transaction; `transaction` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export const TRANSACTION_OPTIONS: readonly OptionRow[] = [signalRow]
