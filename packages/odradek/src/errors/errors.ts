/**
 * The client's own error classes: who is at fault decides the class, what to do about it is a trait
 * (see the protocol's error table). Every message says what happened, to what, and what to do next.
 */
import { KafkaError, type KafkaErrorOptions } from '@odradek/protocol'

/** The caller's mistake, or a closed client. Thrown before any I/O; trying again does not help. */
export class UsageError extends KafkaError {
  readonly code: string
  readonly retriable = false

  constructor(message: string, options: KafkaErrorOptions & { readonly code?: string } = {}) {
    super(message, options)
    this.code = options.code ?? 'USAGE'
  }
}

/**
 * How far a connection came before it failed; `advertisedListener` is an address that the cluster
 * gave and that cannot be reached from here.
 */
export type ConnectionStage =
  | 'dns'
  | 'tcp'
  | 'tls'
  | 'apiVersions'
  | 'sasl'
  | 'established'
  | 'advertisedListener'

/** A connection could not be made, or broke. The client makes a new one by itself. */
export class ConnectionError extends KafkaError {
  readonly code = 'CONNECTION_FAILED'
  readonly retriable = true
  /** How far it had come. */
  readonly stage: ConnectionStage

  constructor(message: string, stage: ConnectionStage, options: KafkaErrorOptions = {}) {
    super(message, options)
    this.stage = stage
  }
}

/** The broker refused who we are. Trying again with the same credentials does not help. */
export class AuthenticationError extends KafkaError {
  readonly code = 'AUTHENTICATION_FAILED'
  readonly retriable = false

  constructor(message: string, options: KafkaErrorOptions = {}) {
    super(message, options)
  }
}

export interface TimeoutErrorOptions extends KafkaErrorOptions {
  /** How often it was tried. */
  readonly attempts?: number
}

/** The caller's deadline passed; `cause` is the last thing that went wrong. */
export class TimeoutError extends KafkaError {
  readonly code = 'TIMED_OUT'
  readonly retriable = true
  readonly attempts: number

  constructor(message: string, options: TimeoutErrorOptions = {}) {
    super(message, options)
    this.attempts = options.attempts ?? 1
  }
}

/** Some items of a call failed; the rest was done. `results` has every one by its key. */
export class PartialError<T = unknown> extends KafkaError {
  readonly code = 'PARTIAL_FAILURE'
  readonly retriable = false
  readonly results: ReadonlyMap<string, T | KafkaError>

  constructor(message: string, results: ReadonlyMap<string, T | KafkaError>) {
    const failures = [...results].filter(([, result]) => result instanceof KafkaError)
    const [first] = failures
    const detail = first === undefined ? '' : ` First: ${first[0]}: ${(first[1] as Error).message}`
    super(`${message} (${failures.length} of ${results.size} failed).${detail}`, {
      cause: first?.[1],
    })
    this.results = results
  }
}

/**
 * The transaction was aborted, and this record or call with it; nobody who reads what is committed
 * will see it. `cause` says why.
 */
export class TransactionAbortedError extends KafkaError {
  readonly code = 'TRANSACTION_ABORTED'
  readonly retriable = false

  constructor(message = 'The transaction was aborted.', options: KafkaErrorOptions = {}) {
    super(message, options)
  }
}

/**
 * The signal of a call aborted while what the call had begun could not be taken back any more, or
 * before it began. `outcome` says which: `notWritten`, or `unknown` (it may still happen). `cause`
 * is the signal's reason.
 */
export class AbortError extends KafkaError {
  readonly code = 'ABORTED'
  readonly retriable = false
  readonly outcome: 'notWritten' | 'unknown'

  constructor(what: string, outcome: 'notWritten' | 'unknown', signal: AbortSignal) {
    const reason: unknown = signal.reason
    const why = reason instanceof Error ? ` ${reason.message}` : ''
    super(`${what}${why}`, { cause: reason })
    // The name that programs look for after an abort, whatever rejects.
    this.name = 'AbortError'
    this.outcome = outcome
  }
}

export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Where a record stands that cannot be read, with its bytes as they were written. */
export interface UnreadableRecord extends RecordPlace {
  readonly rawKey: Buffer | null
  readonly rawValue: Buffer | null
}

/** A record's key or value could not be read by its serde; see the option `onDecodeError`. */
export class DecodeError extends KafkaError {
  readonly code = 'DECODE_FAILED'
  readonly retriable = false
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Which of the two cannot be read. */
  readonly part: 'key' | 'value'

  /** The key as it was written; null when there is none. */
  declare readonly rawKey: Buffer | null
  /** The value as it was written; null for a tombstone. */
  declare readonly rawValue: Buffer | null

  constructor(part: 'key' | 'value', record: UnreadableRecord, options: KafkaErrorOptions = {}) {
    const { topic, partition, offset, rawKey, rawValue } = record
    const reason = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(
      `The ${part} of the record at ${topic}-${partition} offset ${offset} cannot be read: ` +
        reason,
      options,
    )
    this.part = part
    // Not enumerable: a log line of the error must not have the data in it.
    Object.defineProperty(this, 'rawKey', { value: rawKey })
    Object.defineProperty(this, 'rawValue', { value: rawValue })
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** What a broker sent for a partition does not make sense, twice. Seek past it to go on. */
export class CorruptRecordsError extends KafkaError {
  readonly code = 'CORRUPT_MESSAGE'
  readonly retriable = false
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor(place: RecordPlace, options: KafkaErrorOptions = {}) {
    const { topic, partition, offset } = place
    const reason = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(
      `The records of ${topic}-${partition} at or after offset ${offset} cannot be read: ` +
        `${reason}. Seek past them to go on.`,
      options,
    )
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/**
 * A handler failed for good, and its record could not be written to the dead letter topic either.
 * The record is not processed. `cause` is what the handler threw, `failure` what the write did.
 */
export class DeadLetterError extends KafkaError {
  readonly code = 'DEAD_LETTER_FAILED'
  readonly retriable = false
  readonly failure: Error

  constructor(deadLetterTopic: string, place: RecordPlace, failure: Error, cause: Error) {
    const { topic, partition, offset } = place
    super(
      `The record at ${topic}-${partition} offset ${offset} failed (${cause.message}), and could ` +
        `not be written to the dead letter topic "${deadLetterTopic}": ${failure.message}`,
      { cause },
    )
    this.failure = failure
  }
}

/** The partition went to another member before its offset was committed: it is read again there. */
export class CommitFailedError extends KafkaError {
  readonly code = 'COMMIT_FAILED'
  readonly retriable = false

  constructor(place: RecordPlace, options: KafkaErrorOptions = {}) {
    const { topic, partition, offset } = place
    super(
      `${topic}-${partition} was taken away before offset ${offset} was committed; whoever has ` +
        'it next reads on from the offset that was committed last.',
      options,
    )
  }
}
