/**
 * A member of a group as a process of its own, which may be killed, stopped and blocked:
 *
 *   node member-program.js '{"actor": "member-1", "kafka": {...}, "consumer": {...}, "workMs": 2}'
 *
 * Everything that user code sees is one line of JSON on standard output, stamped when it happened
 * (writes to a pipe are synchronous, so a line is out before anything that follows from it). Orders
 * come on standard input, a line each: `close`, `block MS` (the next record's handler computes for
 * so long), `commits MS` (for so long, commits are asked for all the time, none awaited), `pause P`
 * and `resume P` (a partition), `hold P` (whatever handler gets a record of it next does not come
 * back) and `release` (it does).
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, type NewEvent, readRecord } from '@odradek/simulation'
import {
  type ClientEvents,
  type Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  Kafka,
  type KafkaOptions,
  type RebalanceStorm,
  type TopicPartition,
} from 'odradek'
import { now } from './wall-clock.ts'

/**
 * Records one by one in a loop, or handlers side by side that keep the order of keys or partitions.
 */
export type Style = 'records' | 'keys' | 'partitions'

export interface MemberProgramOptions {
  readonly actor: string
  readonly kafka: KafkaOptions
  readonly consumer: Omit<ConsumerOptions<string>, 'groupId'> & { readonly groupId: string }
  readonly style: Style
  /** The longest time that a record takes, ms. */
  readonly workMs: number
}

/** A line: an event of the history, or something for the table alone. */
export type Line = { readonly at: number } & (
  | { readonly event: NewEvent }
  | { readonly generation: number }
  | { readonly storm: RebalanceStorm }
  | {
      readonly blocked: {
        readonly blockedMs: number
        readonly heartbeats: number
        readonly isSessionAlive: boolean
      }
    }
  | { readonly watchdog: ClientEvents['partitionProgress'] }
  | { readonly heartbeatThreadUnavailable: string }
  /** A connection was given up, that over which heartbeats and commits go, for instance. */
  | { readonly gaveUp: string }
)

type Untimed<T> = T extends Line ? Omit<T, 'at'> : never

/** Wall-clock time that never goes back: brokers stamp by the same clock. */
class MemberProgram {
  readonly #options: MemberProgramOptions
  readonly #kafka: Kafka
  readonly #consumer: Consumer
  readonly #place: { readonly actor: string; readonly groupId: string }
  #blockMs = 0
  /** Whose next record is kept, and what lets it go. */
  #heldPartition: number | undefined
  #letGo: () => void = () => undefined
  #isClosing = false

  constructor(options: MemberProgramOptions) {
    this.#options = options
    const { actor, consumer } = options
    this.#place = { actor, groupId: consumer.groupId }
    this.#kafka = new Kafka(options.kafka)
    const owns = (type: 'assigned' | 'revoked' | 'lost') => (given: readonly TopicPartition[]) => {
      const partitions = given.map(({ topic, partition }) => ({ topic, partition }))
      this.#note({ type, ...this.#place, partitions })
    }
    this.#consumer = this.#kafka.consumer({
      ...consumer,
      onAssigned: owns('assigned'),
      onRevoked: owns('revoked'),
      onLost: owns('lost'),
    })
    this.#listen()
  }

  start(): void {
    this.#note({ type: 'memberStarted', ...this.#place })
    this.#read().catch((error: unknown) => {
      const { actor } = this.#options
      const isFenced = (error as { readonly code?: unknown }).code === 'FENCED_INSTANCE_ID'
      if (isFenced) this.#note({ type: 'memberFenced', ...this.#place })
      else this.#note({ type: 'escaped', actor, error: describe(error) })
    })
  }

  async obey(order: string): Promise<void> {
    const [what, given = '0'] = order.split(' ')
    const number = Number(given)
    const [topic = ''] = this.#options.consumer.topics as readonly string[]
    if (what === 'block') this.#blockMs = number
    else if (what === 'commits') await this.#commits(number)
    else if (what === 'pause') this.#consumer.pause([{ topic, partition: number }])
    else if (what === 'resume') this.#consumer.resume([{ topic, partition: number }])
    else if (what === 'hold') this.#heldPartition = number
    else if (what === 'release') this.#letGo()
    else if (what === 'close') await this.#close()
  }

  async #commits(forMs: number): Promise<void> {
    const end = now() + forMs
    while (now() < end) {
      // Whether they work is the broker's doing; what they leave behind is what is looked at.
      this.#consumer.commit().catch(() => undefined)
      await sleep(5)
    }
  }

  async #close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const { actor, consumer } = this.#options
    const remains = consumer.groupInstanceId !== undefined
    this.#note({ type: 'memberClosing', ...this.#place, remains })
    const startedAt = now()
    let error: { readonly error: string } | undefined
    try {
      await this.#consumer.close()
      await this.#kafka.close()
    } catch (reason) {
      error = { error: describe(reason) }
    }
    const tookMs = Math.round(now() - startedAt)
    this.#note({ type: 'closed', actor, tookMs, timeoutMs: CLOSE_TIMEOUT_MS, ...error })
    // Nothing of the client may keep this process alive from here on.
    process.stdin.destroy()
  }

  #listen(): void {
    const consumer = this.#consumer
    const place = this.#place
    consumer.on('positionReset', ({ topic, partition, offset, reason }) => {
      this.#note({ type: 'positionReset', ...place, topic, partition, offset, reason })
    })
    consumer.on('dataLoss', ({ topic, partition, from, to, reason }) => {
      this.#note({ type: 'dataLoss', ...place, topic, partition, from, to, reason })
    })
    consumer.on('rebalanced', ({ generationId }) => this.#say({ generation: generationId }))
    consumer.on('rebalanceStorm', (storm) => this.#say({ storm }))
    consumer.on('heartbeatThreadUnavailable', ({ reason }) =>
      this.#say({ heartbeatThreadUnavailable: reason }),
    )
    consumer.on('eventLoopBlocked', ({ blockedMs, heartbeats, isSessionAlive }) => {
      this.#say({ blocked: { blockedMs, heartbeats, isSessionAlive } })
    })
    const { actor } = place
    const remark = (what: string): void => this.#note({ type: 'remark', actor, what })
    consumer.on('fenced', ({ reason }) => remark(`fenced: ${reason}`))
    this.#kafka.on('stalled', ({ message, error }) => {
      remark(`stalled: ${message}${error === undefined ? '' : `: ${describe(error)}`}`)
    })
    consumer.on('partitionProgress', (watchdog) => {
      const { topic, partition, status, action } = watchdog
      this.#say({ watchdog })
      const replaced = action === null ? '' : ` (${action})`
      remark(`partitionProgress: ${topic}-${partition} is ${status}${replaced}`)
    })
    this.#kafka.on('disconnected', ({ broker, purpose, error }) => {
      if (error === undefined) return
      this.#say({ gaveUp: purpose })
      remark(`lost ${purpose} connection to ${broker}: ${describe(error)}`)
    })
  }

  async #read(): Promise<void> {
    const { style } = this.#options
    if (style !== 'records') {
      const order = style === 'keys' ? 'key' : 'partition'
      await this.#consumer.run((record) => this.#handle(record, order), { concurrency: 4, order })
      return
    }
    for await (const record of this.#consumer) await this.#handle(record, 'partition')
  }

  async #handle(record: ConsumerRecord, keeps: 'partition' | 'key'): Promise<void> {
    const { topic, partition, offset, key, value } = record
    const place = { ...this.#place, topic, partition, offset }
    const read = readRecord(key, value)
    this.#note({ type: 'delivered', ...place, ...read, key: key?.toString() ?? null, keeps })
    if (this.#blockMs > 0) {
      const end = now() + this.#blockMs
      this.#blockMs = 0
      while (now() < end);
    } else if (this.#heldPartition === partition) {
      this.#heldPartition = undefined
      await new Promise<void>((resolve) => {
        this.#letGo = resolve
      })
    } else if (this.#options.workMs > 0 && offset % 3 === 0) {
      await sleep(1 + ((offset * 7) % this.#options.workMs))
    }
    this.#note({ type: 'processed', ...place })
  }

  #note(event: NewEvent): void {
    this.#say({ event })
  }

  #say(line: Untimed<Line>): void {
    process.stdout.write(`${JSON.stringify({ at: now(), ...line })}\n`)
  }
}

const CLOSE_TIMEOUT_MS = 30_500

const given = process.argv[2]
if (given !== undefined && process.argv[1]?.endsWith('member-program.js') === true) {
  const program = new MemberProgram(JSON.parse(given) as MemberProgramOptions)
  createInterface({ input: process.stdin }).on('line', (order) => void program.obey(order))
  program.start()
}
