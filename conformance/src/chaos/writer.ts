/** Writes records that can be told apart, steadily, and notes what becomes of each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, type NewEvent, recordOf } from '@odradek/simulation'
import type { Kafka, Producer } from 'odradek'

const ACTOR = 'producer'
const KEYS = 40
const PAUSE_MS = 20
const RECORDS_PER_PAUSE = 4
/** A cluster that does not answer is not buried in calls. */
const MAX_OPEN = 2000

export class Writer {
  readonly #producer: Producer
  readonly #topic: string
  readonly #note: (event: NewEvent) => void
  readonly #open = new Set<Promise<void>>()
  readonly #running: Promise<void>
  #count = 0
  #isStopping = false
  acknowledged = 0

  constructor(kafka: Kafka, topic: string, note: (event: NewEvent) => void) {
    this.#topic = topic
    this.#note = note
    this.#producer = kafka.producer({ requestTimeoutMs: 10_000, deliveryTimeoutMs: 120_000 })
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      for (let index = 0; index < RECORDS_PER_PAUSE && this.#open.size < MAX_OPEN; index++) {
        const call = this.#send()
        this.#open.add(call)
        void call.finally(() => this.#open.delete(call))
      }
      await sleep(PAUSE_MS)
    }
    await Promise.all(this.#open)
  }

  async #send(): Promise<void> {
    const topic = this.#topic
    const shape = { actor: ACTOR, number: this.#count, keys: KEYS, bytes: this.#count % 120 }
    this.#count++
    const { id, key, value } = recordOf(shape)
    this.#note({ type: 'sending', actor: ACTOR, topic, ids: [id] })
    try {
      const { partition, offset } = await this.#producer.send(topic, { key, value })
      this.acknowledged++
      this.#note({ type: 'acknowledged', actor: ACTOR, id, topic, partition, offset })
    } catch (error) {
      const { outcome = 'unknown' } = error as { readonly outcome?: 'notWritten' | 'unknown' }
      const reason = describe(error)
      this.#note({ type: 'sendFailed', actor: ACTOR, topic, id, outcome, reason })
    }
  }

  /** Writes nothing more; resolves once everything is acknowledged or has failed. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#producer.close()
    this.#note({ type: 'writesStopped' })
  }
}
