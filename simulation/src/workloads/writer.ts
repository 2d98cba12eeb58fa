/**
 * One producer at work: single records and many per call, awaited and not, small ones and now and
 * then a large one, with keys and without. Some use `write` beside `send`: what was not told to
 * have failed is delivered once a flush is over. Every record can be told apart, and every outcome
 * is written down.
 */
import { type CompressionType } from '@odradek/protocol'
import { PartialError, type Producer, type RecordMetadata, type UndeliveredRecord } from 'odradek'
import { type IdentifiedRecord, readRecord, recordOf } from '../history/record-identity.ts'
import { describe } from '../history/observe-cluster.ts'
import { Chance } from '../plans/chance.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

export interface WriterOptions {
  /** Their names, and how many partitions they have. */
  readonly topics: Readonly<Record<string, number>>
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
  /** Of 100 calls so many are `write` and not `send`. */
  readonly #writePercent: number
  /** Written, and neither flushed nor failed: where they went. */
  readonly #unflushed = new Map<string, Place>()
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
    this.#writePercent = this.#chance.pick([0, 0, 30, 80])
    kafka.on('deliveryFailed', ({ error, records }) => this.#undelivered(error, records))
  }

  /** Writes until `stop`, or until it has written enough. */
  /** Writes until it is stopped, or so many more are written. */
  async write(records = this.#options.records): Promise<void> {
    const { pauseMs } = this.#options
    const topics = Object.keys(this.#options.topics)
    const chance = this.#chance
    const end = this.#count + records
    this.#isStopping = false
    while (!this.#isStopping && this.#count < end) {
      const topic = chance.pick(topics)
      if (chance.percent(this.#writePercent)) {
        await this.#writeSome(topic)
        continue
      }
      const call = chance.percent(40) ? this.#sendMany(topic) : this.#sendOne(topic)
      this.#open.add(call)
      call.finally(() => this.#open.delete(call)).catch(() => undefined)
      if (chance.percent(30) || this.#open.size >= MAX_OPEN_CALLS) await call
      if (chance.percent(60)) await sleep(this.client, chance.between(1, pauseMs))
    }
    await Promise.all(this.#open)
    await this.#flush()
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
        this.#acknowledged(id, receipts[index] as RecordMetadata)
      })
    } catch (error) {
      ids.forEach((id, index) => {
        const result = error instanceof PartialError ? error.results.get(String(index)) : error
        if (result instanceof Error) this.#failed(topic, id, result)
        else this.#acknowledged(id, result as RecordMetadata)
      })
    }
  }

  /** Into partitions of its own choice, or the outcome would not say where the records are. */
  async #writeSome(topic: string): Promise<void> {
    const chance = this.#chance
    const partition = chance.between(0, (this.#options.topics[topic] ?? 1) - 1)
    for (let left = chance.between(1, 25); left > 0; left--) {
      const { id, key, value } = this.#next()
      this.#sending(topic, [id])
      this.#unflushed.set(id, { topic, partition })
      if (!this.#producer.write(topic, { key, value, partition })) await this.#producer.drained()
    }
    if (chance.percent(30)) await this.#flush()
    if (chance.percent(60)) await sleep(this.client, chance.between(1, this.#options.pauseMs))
  }

  async #flush(): Promise<void> {
    const flushed = [...this.#unflushed]
    await this.#producer.flush()
    for (const [id, place] of flushed) {
      if (this.#unflushed.delete(id)) this.#acknowledged(id, { ...place, offset: null })
    }
  }

  #undelivered(error: Error, records: readonly UndeliveredRecord[]): void {
    for (const { topic, key, value } of records) {
      const { id } = readRecord(bytesOf(key), bytesOf(value))
      this.#unflushed.delete(id)
      this.#failed(topic, id, error)
    }
  }

  #sending(topic: string, ids: readonly string[]): void {
    this.#stage.history.add({ type: 'sending', actor: this.client.actor, topic, ids })
  }

  #acknowledged(id: string, { topic, partition, offset }: Receipt): void {
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

type Place = Pick<RecordMetadata, 'topic' | 'partition'>
type Receipt = Pick<RecordMetadata, 'topic' | 'partition' | 'offset'>

/** As they were given, or as they were encoded. */
function bytesOf(field: unknown): Uint8Array | null {
  if (field instanceof Uint8Array) return field
  return typeof field === 'string' ? Buffer.from(field) : null
}

const COMPRESSION = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
