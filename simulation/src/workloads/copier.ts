/**
 * One member that copies records from topic to topic, exactly once: what it reads and what it
 * writes are one transaction. Now and then it changes its mind in the middle of one, and a producer
 * that is over is replaced by another of the same name, as a program would.
 */
import type { Consumer, ConsumerRecord, Producer } from 'odradek'
import { observePositions } from '../history/observe-client.ts'
import { describe } from '../history/observe-cluster.ts'
import { readRecord } from '../history/record-identity.ts'
import { Chance } from '../plans/chance.ts'
import type { Member } from './crew.ts'
import { GROUP_TIMINGS } from './reader.ts'
import { sleep } from './sleep.ts'
import type { Client, Stage } from './stage.ts'

export interface CopierOptions {
  readonly from: readonly string[]
  readonly to: string
  readonly partitions: number
  readonly transactionTimeoutMs: number
}

/** Before a copy's id: no record that a writer sends begins so. */
const COPY = 'copy of '

/** The id of what a record is the copy of. */
export function copiedId(value: Uint8Array | null): string {
  return Buffer.from(value ?? [])
    .toString()
    .slice(COPY.length)
}

export class Copier implements Member {
  readonly client: Client
  readonly isStatic = false
  readonly #name: string
  readonly #stage: Stage
  readonly #groupId: string
  readonly #options: CopierOptions
  readonly #chance: Chance
  readonly #consumer: Consumer
  #producer: Producer

  constructor(stage: Stage, name: string, groupId: string, options: CopierOptions) {
    this.#name = name
    this.#stage = stage
    this.#groupId = groupId
    this.#options = options
    this.client = stage.client(name)
    const { kafka, environment, actor } = this.client
    this.#chance = new Chance(environment.random)
    const owns = (type: 'assigned' | 'revoked' | 'lost') => (partitions: readonly Place[]) => {
      stage.history.add({ type, actor, groupId, partitions })
    }
    this.#consumer = kafka.consumer({
      ...{ groupId, topics: options.from, startFrom: 'earliest', transactional: true },
      ...GROUP_TIMINGS,
      maxPartitionFetchBytes: this.#chance.pick([300, 5000, 1_048_576]),
      onAssigned: owns('assigned'),
      onRevoked: owns('revoked'),
      onLost: owns('lost'),
    })
    observePositions(this.#consumer, { actor, groupId }, stage.history)
    this.#producer = this.#makeProducer()
  }

  #makeProducer(): Producer {
    const { transactionTimeoutMs } = this.#options
    return this.client.kafka.producer({
      transactionalId: `copier-${this.#name}`,
      transactionTimeoutMs,
      requestTimeoutMs: 3000,
      deliveryTimeoutMs: 8000,
      batchSize: this.#chance.pick([200, 16_384]),
    })
  }

  start(): void {
    const { actor } = this.client
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberStarted', actor, groupId })
    this.#copy().catch((error: unknown) => {
      this.#stage.history.add({ type: 'escaped', actor, error: describe(error) })
    })
  }

  async close(): Promise<void> {
    const { actor } = this.client
    await sleep(this.client, 1)
    const groupId = this.#groupId
    this.#stage.history.add({ type: 'memberClosing', actor, groupId, remains: false })
    await this.#stage.close(this.client)
  }

  async #copy(): Promise<void> {
    for await (const batch of this.#consumer.batches()) {
      const taken: ConsumerRecord[] = []
      // Half a batch is refused, so the transaction aborts.
      const leavesAfter = this.#chance.percent(5) ? this.#chance.between(1, 5) : undefined
      try {
        await this.#producer.transaction(async (tx) => {
          for (const record of batch) {
            this.#tell('delivered', record)
            taken.push(record)
            const { key, value } = record
            const copy = { key, value: `${COPY}${readRecord(key, value).id}` }
            const partition = this.#chance.between(0, this.#options.partitions - 1)
            if (this.#chance.percent(50)) tx.write(this.#options.to, { ...copy, partition })
            else void tx.send(this.#options.to, { ...copy, partition })
            if (this.#chance.percent(20)) await sleep(this.client, this.#chance.between(1, 50))
            this.#tell('processed', record)
            if (taken.length === leavesAfter) break
          }
          tx.consume(batch)
          if (this.#chance.percent(5)) throw new Error('on second thoughts')
        })
      } catch (error) {
        await this.#aborted(taken, error)
      }
    }
  }

  async #aborted(taken: readonly ConsumerRecord[], error: unknown): Promise<void> {
    const { actor } = this.client
    const what = `transaction not committed: ${describe(error)}`
    this.#stage.history.add({ type: 'remark', actor, what })
    const [first] = taken
    if (first !== undefined) this.#tell('rewound', first)
    const { code } = error as { readonly code?: string }
    if (code === 'CLOSED') return
    // Over for good, or not: another one of the same name takes its place.
    await this.#producer.close().catch(() => undefined)
    await sleep(this.client, this.#chance.between(10, 500))
    this.#producer = this.#makeProducer()
  }

  #tell(type: 'delivered' | 'processed' | 'rewound', record: ConsumerRecord): void {
    const { topic, partition, offset, key, value } = record
    const place = { actor: this.client.actor, groupId: this.#groupId, topic, partition, offset }
    if (type !== 'delivered') this.#stage.history.add({ type, ...place })
    else {
      const read = readRecord(key, value)
      const named = { key: key?.toString() ?? null, keeps: 'partition' as const }
      this.#stage.history.add({ type, ...place, ...read, ...named })
    }
  }
}

interface Place {
  readonly topic: string
  readonly partition: number
}
