/**
 * One member of a group at work, in one of the three ways to read: record by record, batch by
 * batch, or with handlers side by side. It takes its time over records, sometimes leaves a loop in
 * the middle, sometimes commits by itself, and writes down what it got and what it is done with.
 */
import type { Consumer, ConsumerBatch, ConsumerRecord, StartFrom } from 'odradek'
import type { StartInstant } from '../history/event.ts'
import { partitionName } from '../history/history.ts'
import { observePositions } from '../history/observe-client.ts'
import { describe } from '../history/observe-cluster.ts'
import { readRecord } from '../history/record-identity.ts'
import { Chance } from '../plans/chance.ts'
import type { Member } from './crew.ts'
import { IDLE_AFTER_MS, IdleTimes, NoDatabase } from './idle-times.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

export type Style = 'records' | 'batches' | 'run'
export const STYLES: readonly Style[] = ['records', 'batches', 'run']

export const GROUP_TIMINGS = {
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 2000,
  rebalanceTimeoutMs: 12_000,
} as const

export interface ReaderOptions {
  readonly topics: readonly string[]
  readonly style: Style
  readonly groupInstanceId?: string
  readonly partitionAssignors?: readonly string[]
  readonly groupProtocol?: 'classic' | 'consumer'
  /** Earliest unless it is said. */
  readonly startFrom?: StartFrom | undefined
  /** With the `consumer` protocol. */
  readonly groupRemoteAssignor?: string
  /** One of these, ms; of the usual ones when absent. */
  readonly fetchMaxWaitMs?: readonly number[] | undefined
  /** The longest time that a record takes, ms; now and then one takes `stuckMs`. */
  readonly workMs: number
  readonly stuckMs: number
  /** It stops reading now and then, and comes back. */
  readonly idles?: boolean
}

/** `keeps`: whose order the reader is promised. */
type Keeps = 'partition' | 'key'

export class Reader implements Member {
  readonly client: Client
  readonly consumer: Consumer
  readonly #stage: Stage
  readonly #groupId: string
  readonly #options: ReaderOptions
  readonly #chance: Chance
  readonly #startsFrom: StartInstant | undefined
  readonly #idle: IdleTimes | undefined
  #isClosing = false

  constructor(stage: Stage, name: string, groupId: string, options: ReaderOptions) {
    this.#stage = stage
    this.#groupId = groupId
    this.#options = options
    this.client = stage.client(name)
    const { kafka, environment, actor } = this.client
    this.#chance = new Chance(environment.random)
    const { topics, groupInstanceId, partitionAssignors, groupProtocol } = options
    const { groupRemoteAssignor } = options
    const { rebalanceTimeoutMs } = GROUP_TIMINGS
    const owns = (type: 'assigned' | 'revoked' | 'lost') => (partitions: readonly Place[]) => {
      stage.history.add({ type, actor, groupId, partitions })
    }
    this.consumer = kafka.consumer({
      ...{ groupId, topics, groupInstanceId, partitionAssignors },
      ...{ groupProtocol, groupRemoteAssignor },
      // Under KIP-848 brokers have the others.
      ...(groupProtocol === 'consumer' ? { rebalanceTimeoutMs } : GROUP_TIMINGS),
      ...narrows(this.#chance, options.fetchMaxWaitMs),
      ...(options.idles === true && options.style !== 'run'
        ? { maxPollIntervalMs: IDLE_AFTER_MS }
        : {}),
      startFrom: options.startFrom ?? 'earliest',
      onAssigned: owns('assigned'),
      onRevoked: owns('revoked'),
      onLost: owns('lost'),
    })
    if (options.idles === true) {
      const { client } = this
      const isClosing = (): boolean => this.#isClosing
      this.#idle = new IdleTimes({ stage, client, groupId, chance: this.#chance, isClosing })
    }
    this.#startsFrom = instantOf(options.startFrom, environment.clock.now())
    observePositions(this.consumer, { actor, groupId }, stage.history)
  }

  /** Reads until it is closed; what ends it otherwise is written down. */
  start(onFenced: () => void): void {
    const { actor } = this.client
    const groupId = this.#groupId
    const startsFrom = this.#startsFrom
    this.#stage.history.add({
      ...{ type: 'memberStarted', actor, groupId },
      ...(startsFrom === undefined ? {} : { startsFrom }),
    })
    this.#read().catch((error: unknown) => {
      if ((error as { readonly code?: unknown }).code === 'FENCED_INSTANCE_ID') {
        onFenced()
        return
      }
      this.#stage.history.add({ type: 'escaped', actor, error: describe(error) })
    })
  }

  get isStatic(): boolean {
    return this.#options.groupInstanceId !== undefined
  }

  async close(): Promise<void> {
    const { actor } = this.client
    // In its own time: a process that is stopped closes nothing.
    await sleep(this.client, 1)
    this.#isClosing = true
    const groupId = this.#groupId
    const remains = this.isStatic
    this.#stage.history.add({ type: 'memberClosing', actor, groupId, remains })
    await this.#stage.close(this.client, this.consumer)
  }

  #read(): Promise<void> {
    switch (this.#options.style) {
      case 'records':
        return this.#readRecords()
      case 'batches':
        return this.#readBatches()
      case 'run':
        return this.#runAndIdle()
    }
  }

  async #readRecords(): Promise<void> {
    while (!this.#isClosing) {
      let hasLeft = false
      for await (const record of this.consumer) {
        this.#delivered(record, 'partition')
        await this.#work()
        if (this.#idle?.isDue() === true) {
          hasLeft = !record.isStale && this.#chance.percent(50)
          if (hasLeft) {
            this.#left(record, record.offset)
            break
          }
          await this.#idle.pass('held')
        }
        if (!record.isStale && this.#chance.percent(1)) {
          this.#left(record, record.offset)
          break
        }
        this.#processed(record)
        this.#whim(record)
      }
      if (hasLeft) await this.#idle?.pass('left')
    }
  }

  async #readBatches(): Promise<void> {
    for await (const batch of this.consumer.batches()) {
      await this.#readBatch(batch)
    }
  }

  async #readBatch(batch: ConsumerBatch): Promise<void> {
    const leavesAfter = this.#chance.percent(10) ? this.#chance.between(1, 10) : undefined
    let count = 0
    for (const record of batch) {
      this.#delivered(record, 'partition')
      if (this.#chance.percent(50)) await this.#work()
      if (this.#idle?.isDue() === true) await this.#idle.pass('held')
      this.#processed(record)
      this.#whim(record)
      count++
      if (count !== leavesAfter || record.isStale) continue
      batch.markUpTo(record.offset)
      this.#left(record, record.offset + 1)
      break
    }
  }

  /** A run that failed for good is begun again by the same program, later. */
  async #runAndIdle(): Promise<void> {
    for (;;) {
      try {
        return await this.#run()
      } catch (error) {
        if (!(error instanceof NoDatabase)) throw error
        await this.#idle?.pass('failed')
        if (this.#isClosing) return
      }
    }
  }

  #run(): Promise<void> {
    const concurrency = this.#chance.between(2, 6)
    const isIdle = this.#idle !== undefined
    return this.consumer.run(
      async (record) => {
        this.#delivered(record, 'key')
        await this.#work()
        if (this.#idle?.isDue() === true) {
          this.#left(record, record.offset)
          throw new NoDatabase()
        }
        if (!isIdle && this.#chance.percent(1)) {
          this.#left(record, record.offset)
          throw new Error('this record was not to my taste')
        }
        this.#processed(record)
        this.#whim(record)
      },
      { concurrency, order: 'key', onError: isIdle ? 'stop' : { retry: 20, backoffMs: 10 } },
    )
  }

  #work(): Promise<void> {
    const { workMs, stuckMs } = this.#options
    if (this.#chance.between(1, 400) === 1) return sleep(this.client, stuckMs)
    if (this.#chance.percent(50)) return Promise.resolve()
    return sleep(this.client, this.#chance.between(1, workMs))
  }

  /** What programs do beside reading: they commit, pause, go back. */
  #whim(record: ConsumerRecord): void {
    const { consumer } = this
    const whim = this.#chance.between(1, 200)
    const name = partitionName(record)
    // With handlers side by side a record says nothing of those before it.
    const isInOrder = this.#options.style !== 'run'
    if (whim <= 3) this.#try('commit', () => consumer.commit())
    else if (whim <= 5 && isInOrder) {
      this.#try(`commit ${name} @${record.offset}`, () => consumer.commit(record))
    }
    if (whim === 6) {
      this.#try(`pause ${name}`, () => consumer.pause([record]))
      sleep(this.client, this.#chance.between(1, 3000))
        .then(() => this.#try(`resume ${name}`, () => consumer.resume([record])))
        .catch(() => undefined)
    } else if (whim === 7 && isInOrder && !record.isStale) {
      const { topic, partition, offset } = record
      const back = Math.max(0, offset - this.#chance.between(0, 5))
      this.#try(`seek ${name} @${back}`, () => consumer.seek({ topic, partition, offset: back }))
    }
  }

  /**
   * Whether it works is the plan's doing (a commit may take too long, a partition may be gone);
   * that what follows is true is what checkers look at.
   */
  #try(what: string, action: () => unknown): void {
    const { actor } = this.client
    const say = (remark: string): void => {
      this.#stage.history.add({ type: 'remark', actor, what: remark })
    }
    const refused = (error: unknown): void => say(`could not ${what}: ${describe(error)}`)
    say(`will ${what}`)
    try {
      Promise.resolve(action()).catch(refused)
    } catch (error) {
      refused(error)
    }
  }

  #place({ topic, partition, offset }: ConsumerRecord) {
    const { actor } = this.client
    return { actor, groupId: this.#groupId, topic, partition, offset }
  }

  #delivered(record: ConsumerRecord, keeps: Keeps): void {
    const { key, value } = record
    const place = this.#place(record)
    const read = readRecord(key, value)
    this.#stage.history.add({
      type: 'delivered',
      ...place,
      ...read,
      key: key?.toString() ?? null,
      keeps,
    })
  }

  #processed(record: ConsumerRecord): void {
    this.#stage.history.add({ type: 'processed', ...this.#place(record) })
  }

  #left(record: ConsumerRecord, offset: number): void {
    this.#stage.history.add({ type: 'rewound', ...this.#place(record), offset })
  }
}

/** Most of what an idle group does is to ask again: short waits are dear, so they are rare. */
const FETCH_WAITS_MS = [500, 1000, 2000, 5000, 10_000]
const SHORT_FETCH_WAIT_MS = 100

/** Limits so low that they are met all the time, in some members. */
export function narrows(chance: Chance, waits: readonly number[] = FETCH_WAITS_MS) {
  const isShort = chance.percent(5)
  return {
    autoCommitIntervalMs: chance.pick([100, 1000, 5000]),
    fetchMaxWaitMs: isShort ? SHORT_FETCH_WAIT_MS : chance.pick(waits),
    maxPartitionFetchBytes: chance.pick([300, 5000, 1_048_576]),
    maxBufferedBytes: chance.pick([2000, 50_000, 67_108_864]),
  }
}

function instantOf(startFrom: StartFrom | undefined, now: number): StartInstant | undefined {
  if (typeof startFrom !== 'object') return undefined
  if ('timestamp' in startFrom) return { timestamp: startFrom.timestamp, isOfGroup: false }
  return { timestamp: Math.max(0, now - startFrom.durationMs), isOfGroup: true }
}

interface Place {
  readonly topic: string
  readonly partition: number
}
