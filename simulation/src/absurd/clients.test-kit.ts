/**
 * Programs that use one kind of client each, as users write them: what fails is noted and tried
 * again a second later, with a new client where the old one has ended.
 */
import {
  apis,
  type Consumer,
  type Kafka,
  KafkaError,
  type Producer,
  type ShareConsumer,
  UsageError,
} from 'odradek'
import type { SmallWorld } from '../regressions/small-world.test-kit.ts'

export type Kind = 'producer' | 'classic' | 'consumer' | 'share' | 'transactions' | 'admin'

export const KINDS: readonly Kind[] = [
  ...(['producer', 'classic', 'consumer', 'share', 'transactions', 'admin'] as const),
]

const PAUSE_MS = 1000
const SHORT = {
  deliveryTimeoutMs: 6000,
  requestTimeoutMs: 2000,
}
const KAFKA_OPTIONS = { defaultApiTimeoutMs: 5000, requestTimeoutMs: 2000 }

export class Program {
  readonly kind: Kind
  readonly errors: unknown[] = []
  readonly #small: SmallWorld
  readonly #kafka: Kafka
  #isOver = false
  /** How often something was read, written or answered. */
  successes = 0
  #done: Promise<void> = Promise.resolve()
  #stop: () => Promise<void> = async () => undefined

  constructor(small: SmallWorld, kind: Kind) {
    this.kind = kind
    this.#small = small
    this.#kafka = small.kafka(kind, KAFKA_OPTIONS)
  }

  start(): void {
    this.#done = this.#live()
  }

  /** Errors that are no word for users: mistakes of the client, or blame on the caller. */
  get unclearErrors(): readonly unknown[] {
    return this.errors.filter(
      (error) => !(error instanceof KafkaError) || error instanceof UsageError,
    )
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#stop().catch((error: unknown) => void this.errors.push(error))
    await this.#done
    await this.#kafka.close().catch((error: unknown) => void this.errors.push(error))
  }

  async #live(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#turn()
      } catch (error) {
        if (!this.#isOver) this.errors.push(error)
      }
      await this.#small.world.sleep(PAUSE_MS)
    }
  }

  #turn(): Promise<void> {
    switch (this.kind) {
      case 'producer':
        return this.#produce()
      case 'classic':
      case 'consumer':
        return this.#consume(this.kind)
      case 'share':
        return this.#share()
      case 'transactions':
        return this.#transact()
      case 'admin':
        return this.#administer()
    }
  }

  async #produce(): Promise<void> {
    const producer = this.#kafka.producer({ lingerMs: 0, ...SHORT })
    this.#stop = () => closed(producer)
    while (!this.#isOver) {
      try {
        await producer.send('orders', { value: 'record', partition: 0 })
        this.successes++
      } catch (error) {
        if (!this.#isOver) this.errors.push(error)
      }
      await this.#small.world.sleep(200)
    }
  }

  async #consume(groupProtocol: 'classic' | 'consumer'): Promise<void> {
    const consumer = this.#kafka.consumer({
      groupId: `read-${groupProtocol}`,
      topics: ['orders'],
      startFrom: 'latest',
      groupProtocol,
    })
    this.#stop = () => closed(consumer)
    await this.#readTo(consumer)
  }

  async #share(): Promise<void> {
    const consumer = this.#kafka.shareConsumer({ groupId: 'share', topics: ['orders'] })
    this.#stop = () => closed(consumer)
    await this.#readTo(consumer)
  }

  async #readTo(consumer: Consumer | ShareConsumer): Promise<void> {
    try {
      await consumer.run(() => {
        this.successes++
      })
    } finally {
      if (!this.#isOver) await closed(consumer).catch(() => undefined)
    }
  }

  async #transact(): Promise<void> {
    const consumer = this.#kafka.consumer({
      groupId: 'copy',
      topics: ['orders'],
      startFrom: 'latest',
      isolationLevel: 'read_committed',
      transactional: true,
    })
    const producer = this.#kafka.producer({ transactionalId: 'copier', ...SHORT })
    this.#stop = async () => {
      await closed(producer)
      await closed(consumer)
    }
    try {
      for await (const batch of consumer.batches()) {
        await producer.transaction(async (tx) => {
          for (const { value } of batch) await tx.send('copies', { value })
          tx.consume(batch)
        })
        this.successes++
      }
    } finally {
      if (!this.#isOver) await this.#stop().catch(() => undefined)
    }
  }

  async #administer(): Promise<void> {
    const admin = this.#kafka.admin()
    this.#stop = () => admin.close()
    const calls: readonly (() => Promise<unknown>)[] = [
      () => admin.listTopics(),
      () => admin.describeTopics(['orders']),
      () => admin.listOffsets({ orders: 'latest' }),
      () => admin.listGroups(),
      () => admin.describeGroups(['other']),
      () => admin.committedOffsets('other'),
      () => admin.lag('other'),
      () =>
        this.#kafka.request(
          apis.DescribeCluster,
          { includeClusterAuthorizedOperations: false },
          { returnErrors: true },
        ),
    ]
    while (!this.#isOver) {
      for (const call of calls) {
        try {
          await call()
          this.successes++
        } catch (error) {
          if (!this.#isOver) this.errors.push(error)
        }
      }
      await this.#small.world.sleep(PAUSE_MS)
    }
  }
}

async function closed(client: Producer | Consumer | ShareConsumer): Promise<void> {
  await client.close({ timeoutMs: 500 })
}
