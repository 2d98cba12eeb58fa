/**
 * One member of a group that collects and flushes, as many programs of Java and KafkaJS do: it
 * collects records, writes them to a store, and only then commits (`enableAutoCommit: false`). A
 * record is processed when the store has it. Whatever is collected and not stored is gone when the
 * program ends, so it must be delivered again.
 */
import type { Consumer, ConsumerRecord, OffsetToCommit } from 'odradek'
import { partitionName } from '../history/history.ts'
import { observePositions } from '../history/observe-client.ts'
import { describe } from '../history/observe-cluster.ts'
import { readRecord } from '../history/record-identity.ts'
import { Chance } from '../plans/chance.ts'
import type { Member } from './crew.ts'
import { GROUP_TIMINGS, narrows, type ReaderOptions } from './reader.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

/** A collection that does not fill up is stored after this time, ms. */
const LONGEST_COLLECTION_MS = 2000
const TICK_MS = 500

/** What is stored of a partition, and not known to be committed. */
type Owed = Map<string, OffsetToCommit>

export class Collector implements Member {
  readonly client: Client
  readonly #consumer: Consumer
  readonly #stage: Stage
  readonly #groupId: string
  readonly #options: ReaderOptions
  readonly #chance: Chance
  /** So many records are stored together. */
  readonly #size: number
  #collected: ConsumerRecord[] = []
  #collectingSince = 0
  readonly #owed: Owed = new Map()
  /** Behind the last record of each partition that was collected: what `commit()` may commit. */
  readonly #reached: Owed = new Map()
  /** Partitions that are being revoked, and of which the store lacks something. */
  readonly #incomplete = new Set<string>()
  #flushing: Promise<void> = Promise.resolve()
  #isClosing = false

  constructor(stage: Stage, name: string, groupId: string, options: ReaderOptions) {
    this.#stage = stage
    this.#groupId = groupId
    this.#options = options
    this.client = stage.client(name)
    const { kafka, environment, actor } = this.client
    this.#chance = new Chance(environment.random)
    this.#size = this.#chance.pick([3, 10, 30])
    const { topics, groupInstanceId, partitionAssignors, groupProtocol } = options
    const { groupRemoteAssignor, fetchMaxWaitMs } = options
    const { rebalanceTimeoutMs } = GROUP_TIMINGS
    const flushesWhenRevoked = this.#chance.percent(50)
    const tell = (type: 'assigned' | 'revoked' | 'lost', partitions: readonly Place[]): void =>
      stage.history.add({ type, actor, groupId, partitions })
    this.#consumer = kafka.consumer({
      ...{ groupId, topics, groupInstanceId, partitionAssignors },
      ...{ groupProtocol, groupRemoteAssignor },
      ...(groupProtocol === 'consumer' ? { rebalanceTimeoutMs } : GROUP_TIMINGS),
      ...narrows(this.#chance, fetchMaxWaitMs),
      ...{ startFrom: 'earliest', enableAutoCommit: false },
      onAssigned: (partitions) => tell('assigned', partitions),
      onRevoked: async (partitions) => {
        if (flushesWhenRevoked) await this.#flush()
        this.#forget(partitions)
        tell('revoked', partitions)
      },
      onLost: (partitions) => {
        this.#forget(partitions)
        tell('lost', partitions)
      },
    })
    observePositions(this.#consumer, { actor, groupId }, stage.history)
    // `commit()` asks for a place that was sought, too.
    // What is owed of a log that has lost it, or of a topic that is gone, cannot be committed.
    this.#consumer.on('positionReset', ({ topic, partition, offset }) => {
      const place = { topic, partition, offset }
      this.#owed.delete(partitionName(place))
      this.#reached.set(partitionName(place), place)
    })
  }

  get isStatic(): boolean {
    return this.#options.groupInstanceId !== undefined
  }

  start(onFenced: () => void): void {
    const { actor } = this.client
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberStarted', actor, groupId, commits: 'manual' })
    this.#flushNowAndThen().catch(() => undefined)
    this.#read().catch((error: unknown) => {
      if ((error as { readonly code?: unknown }).code === 'FENCED_INSTANCE_ID') onFenced()
      else this.#stage.history.add({ type: 'escaped', actor, error: describe(error) })
    })
  }

  /** Now and then without a last flush: what is collected is gone. */
  async close(): Promise<void> {
    const { actor } = this.client
    await sleep(this.client, 1)
    this.#isClosing = true
    if (this.#chance.percent(50)) await this.#flush()
    const groupId = this.#groupId
    const remains = this.isStatic
    this.#stage.history.add({ type: 'memberClosing', actor, groupId, remains })
    await this.#stage.close(this.client, this.#consumer)
  }

  async #read(): Promise<void> {
    const { style } = this.#options
    if (style === 'run') {
      await this.#consumer.run((record) => this.#collect(record), { concurrency: 3 })
    } else if (style === 'batches') {
      for await (const batch of this.#consumer.batches()) {
        for (const record of batch) this.#collect(record)
        await this.#flushWhenFull()
      }
    } else {
      for await (const record of this.#consumer) {
        this.#collect(record)
        if (this.#chance.percent(30)) await sleep(this.client, this.#chance.between(1, 30))
        await this.#flushWhenFull()
      }
    }
  }

  #collect(record: ConsumerRecord): void {
    const { key, value, topic, partition, offset } = record
    const place = { topic, partition, offset: offset + 1 }
    if (this.#collected.length === 0) this.#collectingSince = this.client.environment.clock.now()
    this.#collected.push(record)
    this.#reached.set(partitionName(record), place)
    const read = readRecord(key, value)
    const named = { key: key?.toString() ?? null, keeps: 'partition' as const }
    this.#stage.history.add({
      type: 'delivered',
      ...this.#who,
      ...place,
      offset,
      ...read,
      ...named,
    })
  }

  async #flushWhenFull(): Promise<void> {
    if (this.#collected.length < this.#size) return
    await this.#flush()
    // Nothing was collected meanwhile, so whatever was processed so far is stored.
    const isStored = this.#collected.length === 0 && this.#incomplete.size === 0
    if (isStored && this.#chance.percent(50)) await this.#commitAll()
  }

  async #flushNowAndThen(): Promise<void> {
    while (!this.#isClosing) {
      await sleep(this.client, TICK_MS)
      const age = this.client.environment.clock.now() - this.#collectingSince
      const isFull = this.#collected.length >= this.#size
      const isOld = this.#collected.length > 0 && age >= LONGEST_COLLECTION_MS
      if (isFull || isOld || this.#owed.size > 0) await this.#flush()
    }
  }

  /** One after the other, so that the store's records are in order. */
  #flush(): Promise<void> {
    const flushing = this.#flushing.then(() => this.#flushOnce())
    this.#flushing = flushing
    return flushing
  }

  async #flushOnce(): Promise<void> {
    const records = this.#collected
    this.#collected = []
    await sleep(this.client, this.#chance.between(1, 100))
    if (this.#chance.percent(3)) {
      this.#collectAgain(records)
      return
    }
    for (const record of records) {
      const { topic, partition, offset } = record
      this.#stage.history.add({ type: 'processed', ...this.#who, topic, partition, offset })
      if (record.isStale || this.#incomplete.has(partitionName(record))) continue
      this.#owed.set(partitionName(record), { topic, partition, offset: offset + 1 })
    }
    await this.#commitOwed()
  }

  /** The store refused them: the program goes back to the first of each partition. */
  #collectAgain(records: readonly ConsumerRecord[]): void {
    const seen = new Set<string>()
    for (const record of [...records, ...this.#collected]) {
      const name = partitionName(record)
      if (seen.has(name) || record.isStale) continue
      seen.add(name)
      const { topic, partition, offset } = record
      try {
        this.#consumer.seek({ topic, partition, offset })
      } catch (error) {
        // Its next owner reads it, from what is committed.
        this.#incomplete.add(name)
        this.#say(`could not seek ${name} @${offset}: ${describe(error)}`)
      }
    }
    this.#collected = this.#collected.filter((record) => !seen.has(partitionName(record)))
  }

  async #commitOwed(): Promise<void> {
    const offsets = [...this.#owed.values()]
    if (offsets.length === 0) return
    this.#request(offsets)
    try {
      await this.#consumer.commitOffsets(offsets)
      for (const one of offsets) {
        if (this.#owed.get(partitionName(one)) === one) this.#owed.delete(partitionName(one))
      }
    } catch (error) {
      // A partition may be gone, the record in flight is not committed yet, a broker is away.
      this.#say(`could not commit: ${describe(error)}`)
    }
  }

  async #commitAll(): Promise<void> {
    this.#request([...this.#reached.values()])
    await this.#consumer.commit().catch((error: unknown) => {
      this.#say(`could not commit: ${describe(error)}`)
    })
  }

  #request(offsets: readonly OffsetToCommit[]): void {
    for (const { topic, partition, offset } of offsets) {
      const place = { topic, partition, offset }
      this.#stage.history.add({ type: 'commitRequested', ...this.#who, ...place })
    }
  }

  /**
   * They are no longer this member's: what was collected of them is delivered to their next owner.
   */
  #forget(partitions: readonly Place[]): void {
    const names = new Set(partitions.map(partitionName))
    for (const name of names) {
      this.#owed.delete(name)
      this.#reached.delete(name)
      this.#incomplete.delete(name)
    }
    this.#collected = this.#collected.filter((record) => !names.has(partitionName(record)))
  }

  get #who() {
    return { actor: this.client.actor, groupId: this.#groupId }
  }

  #say(what: string): void {
    this.#stage.history.add({ type: 'remark', actor: this.client.actor, what })
  }
}

interface Place {
  readonly topic: string
  readonly partition: number
}
