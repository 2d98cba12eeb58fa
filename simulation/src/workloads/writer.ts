/**
 * One producer at work: single records and many per call, awaited and not, small ones and now and
 * then a large one, with keys and without. Every record can be told apart, and every outcome is
 * written down.
 */
import { type CompressionType } from '@odradek/protocol'
import { PartialError, type Producer, type RecordReceipt } from 'odradek'
import { type IdentifiedRecord, recordOf } from '../history/record-identity.ts'
import { describe } from '../history/observe-cluster.ts'
import { Chance } from '../plans/chance.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

export interface WriterOptions {
  readonly topics: readonly string[]
  /** The most records that it writes. */
  readonly records: number
  /** The longest pause between two calls. */
  readonly pauseMs: number
}

const KEYS = [0, 1, 3, 10]
const MAX_OPEN_CALLS = 20

export class Writer {
  readonly client: Client
  readonly #stage: Stage
  readonly #options: WriterOptions
  readonly #chance: Chance
  readonly #producer: Producer
  readonly #open = new Set<Promise<void>>()
  #count = 0
  #isStopping = false

  constructor(stage: Stage, name: string, options: WriterOptions) {
    this.#stage = stage
    this.#options = options
    this.client = stage.client(name)
    const { kafka, environment } = this.client
    this.#chance = new Chance(environment.random)
    this.#producer = kafka.producer({
      compressionType: this.#chance.pick<CompressionType>(COMPRESSION),
      lingerMs: this.#chance.pick([0, 5, 50]),
      batchSize: this.#chance.pick([200, 2000, 16_384]),
      requestTimeoutMs: 6000,
      deliveryTimeoutMs: this.#chance.pick([60_000, 60_000, 10_000]),
      bufferMemory: this.#chance.pick([33_554_432, 33_554_432, 30_000]),
    })
  }

  /** Writes until `stop`, or until it has written enough. */
  async write(): Promise<void> {
    const { records, pauseMs, topics } = this.#options
    const chance = this.#chance
    while (!this.#isStopping && this.#count < records) {
      const topic = chance.pick(topics)
      const call = chance.percent(40) ? this.#sendMany(topic) : this.#sendOne(topic)
      this.#open.add(call)
      call.finally(() => this.#open.delete(call)).catch(() => undefined)
      if (chance.percent(30) || this.#open.size >= MAX_OPEN_CALLS) await call
      if (chance.percent(60)) await sleep(this.client, chance.between(1, pauseMs))
    }
    await Promise.all(this.#open)
  }

  stop(): void {
    this.#isStopping = true
  }

  async close(): Promise<void> {
    // In its own time: a process whose loop is blocked closes nothing.
    await sleep(this.client, 1)
    await this.#stage.close(this.client, this.#producer)
  }

  #next(): IdentifiedRecord {
    const chance = this.#chance
    const bytes = chance.percent(3) ? chance.between(4000, 20_000) : chance.between(0, 200)
    const { actor } = this.client
    return recordOf({ actor, number: this.#count++, keys: chance.pick(KEYS), bytes })
  }

  async #sendOne(topic: string): Promise<void> {
    const { id, ...record } = this.#next()
    this.#sending(topic, [id])
    try {
      this.#acknowledged(id, await this.#producer.send(topic, record))
    } catch (error) {
      this.#failed(topic, id, error)
    }
  }

  async #sendMany(topic: string): Promise<void> {
    const records = Array.from({ length: this.#chance.between(2, 25) }, () => this.#next())
    const ids = records.map(({ id }) => id)
    this.#sending(topic, ids)
    try {
      const receipts = await this.#producer.send(
        topic,
        records.map(({ key, value }) => ({ key, value })),
      )
      ids.forEach((id, index) => {
        // As many receipts as records.
        this.#acknowledged(id, receipts[index] as RecordReceipt)
      })
    } catch (error) {
      ids.forEach((id, index) => {
        const result = error instanceof PartialError ? error.results.get(String(index)) : error
        if (result instanceof Error) this.#failed(topic, id, result)
        else this.#acknowledged(id, result as RecordReceipt)
      })
    }
  }

  #sending(topic: string, ids: readonly string[]): void {
    this.#stage.history.add({ type: 'sending', actor: this.client.actor, topic, ids })
  }

  #acknowledged(id: string, { topic, partition, offset }: RecordReceipt): void {
    const { actor } = this.client
    this.#stage.history.add({ type: 'acknowledged', actor, id, topic, partition, offset })
  }

  #failed(topic: string, id: string, error: unknown): void {
    const { outcome } = error as { readonly outcome?: 'notWritten' | 'unknown' }
    const { actor } = this.client
    this.#stage.history.add({
      type: 'sendFailed',
      actor,
      topic,
      id,
      outcome: outcome ?? 'notWritten',
      reason: describe(error),
    })
  }
}

const COMPRESSION = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
