/**
 * Records of `write`, which nobody awaits, that could not be delivered: told by an event, or kept
 * for the next `flush` or `close` when nobody listens. Silent loss has no door.
 */
import { KafkaError, readRecordBatches } from '@odradek/protocol'
import { PartialError, UsageError } from '../errors/errors.ts'
import type { ClientEvents } from '../events/client-events.ts'
import type { TypedEmitter } from '../events/emitter.ts'
import type { UndeliveredRecord } from '../events/undelivered-record.ts'
import type { Batch } from './batch.ts'
import type { AnyRecord } from './record.ts'

interface Failure {
  count: number
  readonly error: KafkaError
}

export class Undelivered {
  readonly #emitter: TypedEmitter<ClientEvents>
  readonly #failures = new Map<string, Failure>()

  constructor(emitter: TypedEmitter<ClientEvents>) {
    this.#emitter = emitter
  }

  /** A batch failed, or a part of it. */
  addBatch(batch: Batch): void {
    const { written, recordCount, queue } = batch
    if (written === false) return
    const all = written === true ? Array.from({ length: recordCount }, (_, at) => at) : written
    const failed = new Map<KafkaError, number[]>()
    for (const index of all) {
      const error = batch.errorOf(index)
      if (error !== undefined) failed.set(error, [...(failed.get(error) ?? []), index])
    }
    for (const [error, indexes] of failed) {
      const { topic, partition } = queue
      this.#add({ topic, partition, error, count: indexes.length }, () =>
        recordsOf(batch, new Set(indexes)),
      )
    }
  }

  /** A record that found no way into a batch. */
  addRecord(topic: string, record: AnyRecord, reason: unknown): void {
    const error =
      reason instanceof KafkaError ? reason : new UsageError(String(reason), { cause: reason })
    const { key = null, value = null, timestamp = null, partition = null } = record
    const headers = Array.isArray(record.headers)
      ? (record.headers as UndeliveredRecord['headers'])
      : Object.entries(record.headers ?? {})
    this.#add({ topic, partition, error, count: 1 }, () => [
      { topic, partition, key, value, headers, timestamp },
    ])
  }

  #add(
    failure: {
      readonly topic: string
      readonly partition: number | null
      readonly error: KafkaError
      readonly count: number
    },
    records: () => readonly UndeliveredRecord[],
  ): void {
    const { topic, partition, error, count } = failure
    const event = {
      topic,
      partition,
      error,
      recordCount: count,
      get records() {
        return records()
      },
    }
    if (this.#emitter.hasListeners('deliveryFailed')) {
      this.#emitter.emit('deliveryFailed', event)
      return
    }
    this.#emitter.publish('deliveryFailed', event)
    const where = partition === null ? topic : `${topic}-${partition}`
    const known = this.#failures.get(where)
    if (known === undefined) this.#failures.set(where, { count, error })
    else known.count += count
  }

  /** Throws what nobody has heard of yet. */
  throwIfAny(): void {
    if (this.#failures.size === 0) return
    const results = new Map<string, KafkaError>()
    let total = 0
    for (const [where, { count, error }] of this.#failures) {
      total += count
      results.set(`${where} (${count} records)`, error)
    }
    this.#failures.clear()
    throw new PartialError(`${total} records of write() were not delivered`, results)
  }
}

function recordsOf(batch: Batch, indexes: ReadonlySet<number>): readonly UndeliveredRecord[] {
  const { topic, partition } = batch.queue
  const bytes = batch.bytes ?? batch.builder?.build()
  if (bytes === undefined) return []
  const records: UndeliveredRecord[] = []
  for (const whole of readRecordBatches(bytes, { checkCrcs: false })) {
    const cursor = whole.records()
    for (let index = 0; cursor.next(); index++) {
      if (!indexes.has(index)) continue
      const { key, value, timestamp } = cursor
      const headers = [...cursor.headers].map((one) => [one.key, one.value] as const)
      records.push({ topic, partition, key, value, headers, timestamp })
    }
  }
  return records
}
