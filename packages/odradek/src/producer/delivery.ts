/**
 * What becomes of batches: answers, silence, deadlines. Everything about a batch's fate is decided
 * here, once, and every failure says what is known: not written, or unknown (it may be in the log).
 */
import {
  BrokerError,
  ErrorCode,
  errorTraits,
  KafkaError,
  type produce,
  ProtocolError,
  type ResponseOf,
} from '@odradek/protocol'
import { retryPauseMs } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ConnectionError, TimeoutError } from '../errors/errors.ts'
import { reactionTo } from '../errors/reaction.ts'
import { type Batch, type BatchQueue, type DeliveryOutcome, withOutcome } from './batch.ts'
import { mayBeWritten, produceReaction } from './produce-reaction.ts'
import type { EffectiveProducerOptions } from './producer-options.ts'
import { splitBatch } from './split-batch.ts'

export type ProduceResponse = ResponseOf<typeof produce>
type PartitionResponse = ProduceResponse['responses'][number]['partitionResponses'][number]

export interface Answered {
  readonly leader: number
  readonly batches: readonly Batch[]
  readonly response: ProduceResponse
  /** The topics by the ids that they had when they were written to. */
  readonly names: ReadonlyMap<string, string>
}

export interface DeliveryHooks {
  /** A batch has its last word. */
  readonly onSettled: (batch: Batch) => void
  /** Records that were under way ran out of time: what follows them may stand behind a gap. */
  readonly onGap: (batch: Batch) => void
  /** A partition with records is looked at. */
  readonly onLook: (queue: BatchQueue, now: number) => void
}

export class Delivery {
  readonly #cluster: Cluster
  readonly #options: EffectiveProducerOptions
  readonly #hooks: DeliveryHooks
  #isClosed = false

  constructor(cluster: Cluster, options: EffectiveProducerOptions, hooks: DeliveryHooks) {
    this.#cluster = cluster
    this.#options = options
    this.#hooks = hooks
  }

  get #now(): number {
    return this.#cluster.environment.clock.monotonic()
  }

  /** With acks 0 nobody answers. */
  assumeWritten(batches: readonly Batch[]): void {
    for (const batch of batches) {
      batch.queue.landed(batch)
      this.#succeed(batch, null, -1)
    }
  }

  handleResponse({ leader, batches, response, names }: Answered): void {
    const answers = new Map<string, Map<number, PartitionResponse>>()
    for (const topic of response.responses) {
      const name = topic.name || names.get(topic.topicId) || ''
      answers.set(name, new Map(topic.partitionResponses.map((one) => [one.index, one])))
    }
    this.#cluster.learnBrokers(response.nodeEndpoints)
    for (const batch of batches) {
      const { topic, partition } = batch.queue
      const answer = answers.get(topic)?.get(partition)
      if (answer !== undefined) this.#handleAnswer(batch, answer)
      else {
        batch.queue.landed(batch)
        batch.isOutcomeUnknown = true
        this.#retry(batch, new ProtocolError(`Broker ${leader} left a partition out of its answer`))
      }
    }
  }

  #handleAnswer(batch: Batch, answer: PartitionResponse): void {
    const { queue } = batch
    const { errorCode, currentLeader } = answer
    queue.landed(batch)
    const reaction = produceReaction(errorCode, {
      isIdempotent: this.#options.enableIdempotence,
      isTransactional: this.#options.transactionalId !== undefined,
      recordCount: batch.recordCount,
      hasEarlier: queue.hasEarlier(batch),
      mayBeWrittenAsWhole: batch.mayBeWrittenAsWhole,
    })
    if (reaction === 'written') {
      const isDuplicate = errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER
      const offset = isDuplicate || answer.baseOffset < 0 ? null : answer.baseOffset
      this.#succeed(batch, offset, answer.logAppendTimeMs)
      return
    }
    const { topic, partition } = queue
    if (currentLeader.leaderId >= 0) this.#cluster.hintLeader(topic, partition, currentLeader)
    const error = new BrokerError(errorCode, {
      action: `write to ${topic}-${partition}`,
      brokerMessage: reasonOf(answer),
    })
    if (errorTraits(errorCode).refresh === 'metadata') {
      this.#cluster.refreshMetadata(`a write was answered ${error.code}`).catch(() => undefined)
    }
    if (mayBeWritten(errorCode)) batch.isOutcomeUnknown = true
    if (reaction === 'retry') this.#retry(batch, error)
    else if (reaction === 'renumber') this.#renumber(batch, error)
    else if (reaction === 'split' && !this.#isOver(batch)) this.#split(batch)
    else this.#failSent(batch, error)
  }

  /** No answer: the connection broke, or the deadline passed. What was written is unknown. */
  handleFailure(batches: readonly Batch[], failure: unknown): void {
    const error = asKafkaError(failure)
    const { retry } = reactionTo(error, { isRead: true })
    for (const batch of batches) {
      if (!batch.queue.landed(batch)) continue
      if (mayHaveArrived(error)) {
        batch.isOutcomeUnknown = true
        batch.unknownSince = this.#now
      }
      if (retry) this.#retry(batch, error)
      else this.#failSent(batch, error)
    }
    if (retry) this.#cluster.refreshMetadata('a write got no answer').catch(() => undefined)
  }

  #succeed(batch: Batch, baseOffset: number | null, logAppendTimeMs: number): void {
    batch.queue.isKnownToBroker = true
    // A batch that was given up is told so already, and it left no hole.
    if (!batch.isSettled) {
      batch.succeed(baseOffset, logAppendTimeMs)
      this.#hooks.onSettled(batch)
    }
  }

  #isOver(batch: Batch): boolean {
    return batch.isSettled || this.#isClosed
  }

  #retry(batch: Batch, error: KafkaError): void {
    batch.lastError = error
    if (this.#isOver(batch)) {
      this.#failSent(batch, error)
      return
    }
    batch.retryAt = this.#now + retryPauseMs(this.#cluster, batch.attempts - 1)
    batch.queue.putBack(batch)
  }

  /**
   * The broker refused the numbers, so the batch is not in the log: it gets new ones. But what an
   * earlier try sent may still sit in the broker's queue behind a socket that is dead by now. So it
   * is asked once more, a request timeout after that, before the refusal is believed.
   */
  #renumber(batch: Batch, error: KafkaError): void {
    const definiteAt = batch.unknownSince + this.#options.requestTimeoutMs
    if (batch.isOutcomeUnknown && this.#now < definiteAt) {
      batch.heldUntil = definiteAt
      this.#retry(batch, error)
      return
    }
    batch.queue.needsNewEpoch = true
    batch.isOutcomeUnknown = false
    batch.baseSequence = -1
    this.#retry(batch, error)
  }

  #split(batch: Batch): void {
    for (const half of splitBatch(batch)) batch.queue.putBack(half)
    const settleWhole = (): void => {
      if (batch.isSettled || batch.halves?.every((half) => half.isSettled) !== true) return
      const failed = batch.halves.find((half) => half.error !== undefined)
      if (failed?.error === undefined) batch.succeed(null, -1)
      else batch.fail(failed.error)
      this.#hooks.onSettled(batch)
    }
    for (const half of batch.halves ?? []) half.settled.then(settleWhole, settleWhole)
  }

  /** A batch that took sequence numbers ends: they leave a hole in its partition's. */
  #failSent(batch: Batch, error: KafkaError): void {
    if (batch.baseSequence >= 0) batch.queue.needsNewEpoch = true
    this.fail(batch, error)
  }

  /** The last word about a batch. */
  fail(batch: Batch, error: KafkaError): void {
    if (batch.isSettled) return
    batch.fail(ownError(error, batch.isOutcomeUnknown ? 'unknown' : 'notWritten'))
    this.#hooks.onSettled(batch)
  }

  /** What has no numbers yet ends; what may have been written keeps its place. */
  failUnsent(queue: BatchQueue, error: KafkaError): void {
    for (const batch of queue.waiting.filter(({ baseSequence }) => baseSequence < 0)) {
      queue.take(batch)
      this.fail(batch, error)
    }
  }

  failWaiting(queue: BatchQueue, error: KafkaError): void {
    for (const batch of queue.waiting.splice(0)) {
      this.#failSent(batch, error)
    }
  }

  /**
   * Batches whose time is up: those that wait end now; those under way end for their callers, and
   * hold their place until the answer. Gives the time of the next deadline.
   */
  expire(queue: BatchQueue, now: number): number {
    const { deliveryTimeoutMs } = this.#options
    const { waiting, inFlight } = queue
    for (;;) {
      const [head] = waiting
      if (head === undefined || now - head.createdAt < deliveryTimeoutMs) break
      waiting.shift()
      this.#failSent(head, this.#deadlinePassed(head))
      if (head.attempts > 0) this.#hooks.onGap(head)
    }
    let nextAt = Number.POSITIVE_INFINITY
    for (const batch of inFlight) {
      if (batch.isSettled) continue
      if (now - batch.createdAt >= deliveryTimeoutMs) {
        batch.isOutcomeUnknown = true
        this.fail(batch, this.#deadlinePassed(batch))
        this.#hooks.onGap(batch)
      } else nextAt = Math.min(nextAt, batch.createdAt + deliveryTimeoutMs)
    }
    const [head] = waiting
    return head === undefined ? nextAt : Math.min(nextAt, head.createdAt + deliveryTimeoutMs)
  }

  #deadlinePassed({ queue, attempts, lastError }: Batch): TimeoutError {
    const { topic, partition } = queue
    const reason =
      lastError === undefined ? ' No broker answered.' : ` The last error: ${lastError.message}`
    return new TimeoutError(
      `Records for ${topic}-${partition} were not delivered within ` +
        `${this.#options.deliveryTimeoutMs} ms ("deliveryTimeoutMs"; ${attempts} tries).${reason}`,
      { attempts, cause: lastError },
    )
  }

  /** The producer is closed: what waits ends as what it is, what is under way as unknown. */
  abandon(queue: BatchQueue, error: KafkaError): void {
    this.failWaiting(queue, error)
    for (const batch of [...queue.inFlight]) {
      batch.isOutcomeUnknown = true
      this.fail(batch, error)
    }
  }

  close(): void {
    this.#isClosed = true
  }
}

/** Whether bytes may have reached the broker before it went wrong. */
function mayHaveArrived(error: KafkaError): boolean {
  if (error instanceof ConnectionError) return error.stage === 'established'
  // A response that made no sense; one that may make sense later was about something else.
  const isOfWrite = error.code === 'MALFORMED' && !error.retriable
  return error instanceof TimeoutError || isOfWrite
}

export function asKafkaError(failure: unknown): KafkaError {
  if (failure instanceof KafkaError) return failure
  const reason = failure instanceof Error ? failure.message : String(failure)
  return new ProtocolError(reason, { cause: failure })
}

/** Batches that end together may end differently: then each gets an error of its own. */
function ownError(
  error: KafkaError & { readonly outcome?: DeliveryOutcome },
  outcome: DeliveryOutcome,
) {
  if (error.outcome === undefined || error.outcome === outcome) return withOutcome(error, outcome)
  const copy = Object.create(Object.getPrototypeOf(error) as object) as KafkaError
  Object.defineProperties(copy, Object.getOwnPropertyDescriptors(error))
  return withOutcome(copy, outcome)
}

function reasonOf(answer: PartitionResponse): string | null {
  if (answer.errorMessage !== null) return answer.errorMessage
  return answer.recordErrors[0]?.batchIndexErrorMessage ?? null
}
