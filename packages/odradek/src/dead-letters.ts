/**
 * Where records go that a handler cannot process, when the policy says so: another topic, as they
 * were, with headers that tell where they came from and why. The record counts as processed only
 * once it is written there.
 */
import type { Bytes } from '@odradek/protocol'
import type { ConsumerRecord } from './consumer/partition/consumer-record.ts'
import { asError } from './errors/as-error.ts'
import type { Producer } from './producer/producer.ts'

export class DeadLetters {
  readonly #makeProducer: () => Producer
  #producer: Producer | undefined

  constructor(makeProducer: () => Producer) {
    this.#makeProducer = makeProducer
  }

  /** Resolves when the record is written. */
  async send(
    topic: string,
    record: ConsumerRecord<unknown, unknown>,
    error: unknown,
  ): Promise<void> {
    this.#producer ??= this.#makeProducer()
    const kept = [...record.headers].map(({ key, value }) => [key, value] as const)
    const added: readonly (readonly [string, Bytes])[] = [
      ['dead-letter.topic', record.topic],
      ['dead-letter.partition', String(record.partition)],
      ['dead-letter.offset', String(record.offset)],
      ['dead-letter.error', asError(error).message],
    ]
    const { rawKey: key, rawValue: value, timestamp } = record
    await this.#producer.send(topic, { key, value, timestamp, headers: [...kept, ...added] })
  }

  /** Nobody sends any more. */
  async close(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close()
  }
}
