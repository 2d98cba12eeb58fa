/** Writes records that can be told apart, steadily, and notes what becomes of each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, type NewEvent, recordOf } from '@odradek/simulation'
import type { Kafka, Producer, ProducerOptions } from 'odradek'

const ACTOR = 'producer'
const KEYS = 40
const PAUSE_MS = 20
const RECORDS_PER_PAUSE = 4
/** A cluster that does not answer is not buried in calls. */
const MAX_OPEN = 2000

export interface Burst {
  readonly partition: number
  readonly records: number
  /** Of each record, about. */
  readonly bytes: number
}

export class Writer {
  readonly #producer: Producer
  readonly #topic: string
  readonly #note: (event: NewEvent) => void
  readonly #open = new Set<Promise<void>>()
  readonly #running: Promise<void>
  /** Those that records go to, one after the other; undefined: as their keys say. */
  #partitions: readonly number[] | undefined
  #count = 0
  #isPaused = false
  #isStopping = false
  acknowledged = 0

  constructor(
    kafka: Kafka,
    topic: string,
    options: Partial<ProducerOptions>,
    note: (event: NewEvent) => void,
  ) {
    this.#topic = topic
    this.#note = note
    const timeouts = { requestTimeoutMs: 10_000, deliveryTimeoutMs: 120_000 }
    this.#producer = kafka.producer({ ...timeouts, ...options })
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const count = this.#isPaused ? 0 : RECORDS_PER_PAUSE
      for (let index = 0; index < count && this.#open.size < MAX_OPEN; index++) {
        const partition = this.#partitions?.[this.#count % this.#partitions.length]
        this.#follow(this.#send(this.#count % 120, partition))
      }
      await sleep(PAUSE_MS)
    }
    await Promise.all(this.#open)
  }

  #follow(call: Promise<void>): void {
    this.#open.add(call)
    void call.finally(() => this.#open.delete(call))
  }

  async #send(bytes: number, partition: number | undefined): Promise<void> {
    const topic = this.#topic
    const shape = { actor: ACTOR, number: this.#count, keys: KEYS, bytes }
    this.#count++
    const { id, key, value } = recordOf(shape)
    this.#note({ type: 'sending', actor: ACTOR, topic, ids: [id] })
    try {
      const where = await this.#producer.send(topic, { key, value, partition })
      this.acknowledged++
      const { partition: there, offset } = where
      this.#note({ type: 'acknowledged', actor: ACTOR, id, topic, partition: there, offset })
    } catch (error) {
      const { outcome = 'unknown' } = error as { readonly outcome?: 'notWritten' | 'unknown' }
      const reason = describe(error)
      this.#note({ type: 'sendFailed', actor: ACTOR, topic, id, outcome, reason })
    }
  }

  /** So many records at once, beside the others. */
  burst({ partition, records, bytes }: Burst): void {
    for (let index = 0; index < records; index++) this.#follow(this.#send(bytes, partition))
  }

  /** From now on records go to these, in turn, and not where their keys say. */
  only(partitions: readonly number[]): void {
    this.#partitions = partitions
  }

  /** Writes nothing until `resume`; resolves once everything is acknowledged or has failed. */
  async pause(): Promise<void> {
    this.#isPaused = true
    await Promise.all(this.#open)
  }

  resume(): void {
    this.#isPaused = false
  }

  /** Writes nothing more; resolves once everything is acknowledged or has failed. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#producer.close()
    this.#note({ type: 'writesStopped' })
  }
}
