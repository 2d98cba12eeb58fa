/**
 * The records of one `send` call with many: where each went, and what the call's promise says in
 * the end. All of them have a last word before it settles, so that it can tell of every one.
 */
import { KafkaError } from '@odradek/protocol'
import { PartialError, UsageError } from '../errors/errors.ts'
import { type Batch, type DeliveryOutcome, withOutcome } from './batch.ts'
import type { RecordMetadata } from './record.ts'

export class SentRecords {
  readonly #total: number
  readonly #batches: Batch[] = []
  readonly #indexes: Int32Array
  readonly #timestamps: Float64Array
  readonly #distinct = new Set<Batch>()
  #last: Batch | undefined
  #refusal: unknown

  constructor(total: number) {
    this.#total = total
    this.#indexes = new Int32Array(total)
    this.#timestamps = new Float64Array(total)
  }

  add(batch: Batch, index: number, timestamp: number): void {
    const at = this.#batches.length
    this.#batches.push(batch)
    this.#indexes[at] = index
    this.#timestamps[at] = timestamp
    if (batch === this.#last) return
    this.#last = batch
    this.#distinct.add(batch)
  }

  /** Some of them are in a batch, which is sent whatever becomes of the call. */
  get isBegun(): boolean {
    return this.#batches.length > 0
  }

  /** The next record was refused; those after it are not sent. */
  refuse(error: unknown): void {
    this.#refusal = error
  }

  async outcome(): Promise<readonly RecordMetadata[]> {
    if (this.#refusal !== undefined && this.#batches.length === 0) throw this.#refusal as Error
    for (const batch of this.#distinct) await batch.settled
    const isWhole = this.#refusal === undefined
    if (isWhole && [...this.#distinct].every((batch) => batch.error === undefined)) {
      return this.#batches.map((_, at) => this.#receipt(at))
    }
    throw this.#failure()
  }

  #receipt(at: number): RecordMetadata {
    // Parallel to each other.
    return (this.#batches[at] as Batch).receiptOf(
      this.#indexes[at] as number,
      this.#timestamps[at] as number,
    )
  }

  #failure(): KafkaError {
    const results = new Map<string, RecordMetadata | KafkaError>()
    const errors = new Set<KafkaError>()
    for (let at = 0; at < this.#total; at++) {
      const result = at < this.#batches.length ? this.#result(at) : this.#notSent(at)
      if (result instanceof KafkaError) errors.add(result)
      results.set(String(at), result)
    }
    const [first] = errors
    const haveAllFailed = [...results.values()].every((result) => result instanceof KafkaError)
    if (first !== undefined && haveAllFailed && errors.size === 1) return first
    const isKnown = [...errors].every((one) => outcomeOf(one) === 'notWritten')
    const outcome = haveAllFailed && isKnown ? 'notWritten' : 'unknown'
    return withOutcome(new PartialError('Not all records were written', results), outcome)
  }

  #result(at: number): RecordMetadata | KafkaError {
    try {
      return this.#receipt(at)
    } catch (error) {
      return error as KafkaError
    }
  }

  #notSent(at: number): KafkaError {
    const refusedAt = this.#batches.length
    if (at === refusedAt && this.#refusal instanceof KafkaError) {
      return withOutcome(this.#refusal, 'notWritten')
    }
    const error = new UsageError(`Record ${at} was not sent, because record ${refusedAt} was not.`)
    return withOutcome(error, 'notWritten')
  }
}

function outcomeOf(error: KafkaError & { readonly outcome?: DeliveryOutcome }): DeliveryOutcome {
  return error.outcome ?? 'notWritten'
}
