/**
 * One member of a share group at work: in a loop that settles each record by asking for the next,
 * in a loop that settles them by hand and out of order, or with handlers side by side. It releases
 * and rejects some, throws, renews, leaves loops in the middle, forgets a record now and then, and
 * writes down what it got, what it said of it, and what it was told about that.
 */
import type { ShareConsumer, ShareRecord } from 'odradek'
import type { TopicPartition } from '../history/topic-partition.ts'
import { describe } from '../history/observe-cluster.ts'
import { readRecord } from '../history/record-identity.ts'
import type { ShareOutcome } from '../history/share-event.ts'
import { Chance } from '../plans/chance.ts'
import type { Member } from './crew.ts'
import { IDLE_AFTER_MS, IdleTimes, NoDatabase } from './idle-times.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

export type ShareStyle = 'loop' | 'byHand' | 'run'
export const SHARE_STYLES: readonly ShareStyle[] = ['loop', 'byHand', 'run']

export interface ShareReaderOptions {
  readonly topics: readonly string[]
  readonly style: ShareStyle
  /** The longest time that a record takes, ms; now and then one takes `stuckMs`. */
  readonly workMs: number
  readonly stuckMs: number
  /** It stops reading now and then, and comes back. */
  readonly idles?: boolean
}

interface Place extends TopicPartition {
  readonly offset: number
}

export class ShareReader implements Member {
  readonly client: Client
  readonly isStatic = false
  readonly #stage: Stage
  readonly #groupId: string
  readonly #options: ShareReaderOptions
  readonly #chance: Chance
  readonly #consumer: ShareConsumer
  /** What was said and is not known to count, by place. */
  readonly #said = new Map<string, Place & { readonly outcome: ShareOutcome }>()
  readonly #idle: IdleTimes | undefined
  #isClosing = false

  constructor(stage: Stage, name: string, groupId: string, options: ShareReaderOptions) {
    this.#stage = stage
    this.#groupId = groupId
    this.#options = options
    this.client = stage.client(name)
    const { kafka, environment } = this.client
    this.#chance = new Chance(environment.random)
    this.#consumer = kafka.shareConsumer({
      ...{ groupId, topics: options.topics },
      shareAcknowledgementMode: options.style === 'byHand' ? 'explicit' : 'implicit',
      shareAcquireMode: this.#chance.pick(['batch_optimized', 'record_limit'] as const),
      maxPollRecords: this.#chance.pick([4, 20, 500]),
      fetchMaxWaitMs: this.#chance.pick([100, 500, 500, 1000]),
      fetchMaxBytes: this.#chance.pick([300, 5000, 52_428_800]),
      ...(options.idles === true && options.style !== 'run'
        ? { maxPollIntervalMs: IDLE_AFTER_MS }
        : {}),
    })
    if (options.idles === true) {
      const { client } = this
      const isClosing = (): boolean => this.#isClosing
      this.#idle = new IdleTimes({ stage, client, groupId, chance: this.#chance, isClosing })
    }
    this.#listen()
  }

  #listen(): void {
    const { actor } = this.client
    const { history } = this.#stage
    this.#consumer.on('acknowledgementLate', ({ topic, partition, offset, groupId, error }) => {
      this.#said.delete(nameOf({ topic, partition, offset }))
      const place = { actor, groupId, topic, partition, offset }
      history.add({ type: 'shareLate', ...place, reason: describe(error) })
    })
    this.#consumer.on('deliveryExhausted', ({ deliveryCount, ...event }) => {
      const { topic, partition, offset, groupId } = event
      const place = { actor, groupId, topic, partition, offset }
      history.add({ type: 'shareExhausted', ...place, deliveryCount })
    })
  }

  start(): void {
    const { actor } = this.client
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberStarted', actor, groupId, protocol: 'share' })
    this.#read().catch((error: unknown) => {
      this.#stage.history.add({ type: 'escaped', actor, error: describe(error) })
    })
  }

  async close(): Promise<void> {
    const { actor } = this.client
    await sleep(this.client, 1)
    this.#isClosing = true
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberClosing', actor, groupId, remains: false })
    const consumer = this.#consumer
    const close = async (): Promise<void> => {
      const { unacknowledged } = await consumer.close()
      for (const place of unacknowledged) this.#said.delete(nameOf(place))
      this.#confirm([...this.#said.values()])
    }
    await this.#stage.close(this.client, { close })
  }

  #read(): Promise<void> {
    switch (this.#options.style) {
      case 'loop':
        return this.#readInLoops()
      case 'byHand':
        return this.#readByHand()
      case 'run':
        return this.#runAndIdle()
    }
  }

  async #readInLoops(): Promise<void> {
    while (!this.#isClosing) {
      let hasLeft = false
      for await (const record of this.#consumer) {
        this.#taken(record, true)
        await this.#work()
        if (this.#idle?.isDue() === true) {
          hasLeft = this.#chance.percent(50)
          if (hasLeft) {
            this.#say(record, 'release')
            break
          }
          const isSettled = this.#chance.percent(50)
          if (isSettled) this.#settle(record, 'accept')
          await this.#idle.pass('held')
          if (!isSettled) this.#say(record, 'accept')
          continue
        }
        await this.#renewSome(record)
        this.#commitSome()
        const whim = this.#chance.between(1, 100)
        if (whim <= 2) {
          this.#say(record, 'release')
          break
        }
        if (whim <= 6) this.#settle(record, 'release')
        else if (whim <= 9) this.#settle(record, 'reject')
        else if (whim <= 15) this.#settle(record, 'accept')
        else this.#say(record, 'accept')
      }
      if (hasLeft) await this.#idle?.pass('left')
    }
  }

  async #readByHand(): Promise<void> {
    for await (const record of this.#consumer) {
      this.#taken(record, false)
      // What is forgotten comes back when its lock runs out.
      if (this.#chance.percent(98)) void this.#settleByHand(record)
      if (this.#idle?.isDue() === true) await this.#idle.pass('held')
      if (this.#chance.percent(10)) await this.#work()
      this.#commitSome()
    }
  }

  /** Sooner than others that came before it, or later. */
  async #settleByHand(record: ShareRecord): Promise<void> {
    await this.#work()
    await this.#renewSome(record)
    const whim = this.#chance.between(1, 100)
    this.#settle(record, whim <= 5 ? 'release' : whim <= 8 ? 'reject' : 'accept')
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
    const concurrency = this.#chance.between(1, 6)
    const isIdle = this.#idle !== undefined
    return this.#consumer.run(
      async (record) => {
        this.#taken(record, true)
        await this.#work()
        await this.#renewSome(record)
        this.#commitSome()
        if (this.#idle?.isDue() === true) {
          this.#say(record, 'release')
          throw new NoDatabase()
        }
        const whim = this.#chance.between(1, 100)
        if (whim <= 3 && !isIdle) {
          this.#say(record, 'release')
          throw new Error('this record was not to my taste')
        }
        const outcome = whim <= 6 ? 'release' : whim <= 9 ? 'reject' : 'accept'
        this.#say(record, outcome)
        return outcome
      },
      { concurrency, onError: isIdle ? 'stop' : { backoffMs: 50, backoffMaxMs: 1000 } },
    )
  }

  #work(): Promise<void> {
    const { workMs, stuckMs } = this.#options
    if (this.#chance.between(1, 200) === 1) return sleep(this.client, stuckMs)
    if (this.#chance.percent(50)) return Promise.resolve()
    return sleep(this.client, this.#chance.between(1, workMs))
  }

  /** Whether a renewal works is the plan's doing, as is whether a commit does. */
  async #renewSome(record: ShareRecord): Promise<void> {
    if (!this.#chance.percent(3) || record.isStale) return
    const renewed = this.#consumer.renew(record)
    const heard = renewed.catch((error: unknown) => this.#remark(`no renewal: ${describe(error)}`))
    if (this.#chance.percent(50)) await heard
  }

  #settle(record: ShareRecord, outcome: ShareOutcome): void {
    this.#say(record, outcome)
    this.#consumer[outcome](record)
  }

  #commitSome(): void {
    if (this.#isClosing || !this.#chance.percent(10)) return
    const said = [...this.#said.values()]
    // By then the client has heard of all of it: handlers have returned, loops gone on.
    const committed = sleep(this.client, 1).then(() => this.#consumer.commit())
    committed.then(
      () => this.#confirm(said.filter((one) => this.#said.get(nameOf(one)) === one)),
      (error: unknown) => this.#remark(`could not commit: ${describe(error)}`),
    )
  }

  #taken(record: ShareRecord, isKept: boolean): void {
    const { key, value, deliveryCount } = record
    const read = readRecord(key, value)
    const place = this.#placeOf(record)
    this.#stage.history.add({ type: 'shareTaken', ...place, ...read, deliveryCount, isKept })
  }

  #say(record: ShareRecord, outcome: ShareOutcome): void {
    const { topic, partition, offset } = record
    // A word that is too late says nothing of the record's next delivery.
    if (record.isStale) return
    this.#stage.history.add({ type: 'shareSaid', ...this.#placeOf(record), outcome })
    this.#said.set(nameOf(record), { topic, partition, offset, outcome })
  }

  #confirm(said: readonly (Place & { readonly outcome: ShareOutcome })[]): void {
    for (const one of said) {
      this.#said.delete(nameOf(one))
      const by = { actor: this.client.actor, groupId: this.#groupId }
      this.#stage.history.add({ type: 'shareConfirmed', ...by, ...one })
    }
  }

  #placeOf({ topic, partition, offset }: Place) {
    return { actor: this.client.actor, groupId: this.#groupId, topic, partition, offset }
  }

  #remark(what: string): void {
    this.#stage.history.add({ type: 'remark', actor: this.client.actor, what })
  }
}

function nameOf({ topic, partition, offset }: Place): string {
  return `${topic}-${partition}@${offset}`
}
