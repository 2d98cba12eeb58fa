/**
 * The cluster under the clients: makes and deletes topics, fills those that are read, and counts
 * what was written. It speaks the protocol by raw requests and builds the batches itself, so that
 * the data does not depend on any of the measured clients.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createTopics,
  deleteTopics,
  listOffsets,
  loadCodecs,
  metadata,
  produce,
  RecordBatchBuilder,
} from '@odradek/protocol'
import { Kafka } from 'odradek'
import { BATCH_BYTES, PARTITIONS, type Scenario, VALUE_BYTES } from './scenarios.ts'
import { valueText } from './worker/values.ts'

const TIMEOUT_MS = 30_000
const EARLIEST = -2
const LATEST = -1
/** What one record may add to a batch besides its value. */
const RECORD_OVERHEAD_BYTES = 16
const POLL_MS = 20

interface Partition {
  readonly topicId: string
  readonly partition: number
  readonly leader: number
}

export class BenchCluster {
  readonly #kafka: Kafka

  constructor(bootstrapServers: string) {
    this.#kafka = new Kafka({ bootstrapServers, clientId: 'benchmark-harness' })
  }

  async createTopic(name: string): Promise<void> {
    const { topics } = await this.#kafka.request(createTopics, {
      topics: [
        { name, numPartitions: PARTITIONS, replicationFactor: -1, assignments: [], configs: [] },
      ],
      timeoutMs: TIMEOUT_MS,
    })
    const [topic] = topics
    if (topic?.errorCode !== 0) {
      throw new Error(`Topic ${name} could not be made: ${topic?.errorMessage ?? 'no answer'}.`)
    }
    // Metadata names a leader before that broker knows that it leads: clients are not to meet this.
    await this.#until(`Topic ${name} does not answer.`, async () => {
      const offsets = await this.#offsets(name, LATEST).catch(() => undefined)
      return offsets?.every((offset) => offset === 0) === true ? offsets : undefined
    })
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.#kafka.request(deleteTopics, (version) => ({
      topics: version >= 6 ? names.map((name) => ({ name })) : [],
      topicNames: version >= 6 ? [] : names,
      timeoutMs: TIMEOUT_MS,
    }))
  }

  /** Writes `count` records in batches as large as `BATCH_BYTES`, partition after partition. */
  async fill(
    name: string,
    count: number,
    compressionType: Scenario['compressionType'],
  ): Promise<void> {
    await loadCodecs()
    const partitions = await this.#partitions(name)
    let index = 0
    for (let turn = 0; index < count; turn++) {
      const target = partitions[turn % partitions.length] as Partition // never empty
      const builder = new RecordBatchBuilder(BATCH_BYTES)
      while (
        index < count &&
        builder.byteLength + VALUE_BYTES + RECORD_OVERHEAD_BYTES <= BATCH_BYTES
      ) {
        builder.append(Date.now(), null, valueText(index++, VALUE_BYTES))
      }
      await this.#write(name, target, builder.build({ compressionType }))
    }
  }

  async #write(name: string, target: Partition, records: Buffer): Promise<void> {
    const { leader, topicId, partition } = target
    const { responses } = await this.#kafka.request(
      produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name, topicId, partitionData: [{ index: partition, records }] }],
      },
      { nodeId: leader },
    )
    const errorCode = responses[0]?.partitionResponses[0]?.errorCode
    if (errorCode !== 0) throw new Error(`Topic ${name} could not be filled: error ${errorCode}.`)
  }

  /** How many records a topic holds. */
  async count(name: string): Promise<number> {
    const sum = (offsets: readonly number[]): number =>
      offsets.reduce((total, offset) => total + offset, 0)
    return sum(await this.#offsets(name, LATEST)) - sum(await this.#offsets(name, EARLIEST))
  }

  async #offsets(name: string, timestamp: number): Promise<readonly number[]> {
    const offsets: number[] = []
    for (const { partition, leader } of await this.#partitions(name)) {
      const { topics } = await this.#kafka.request(
        listOffsets,
        {
          replicaId: -1,
          isolationLevel: 0,
          topics: [{ name, partitions: [{ partitionIndex: partition, timestamp }] }],
          timeoutMs: TIMEOUT_MS,
        },
        { nodeId: leader },
      )
      const found = topics[0]?.partitions[0]
      if (found?.errorCode !== 0) throw new Error(`There is no offset of ${name}-${partition}.`)
      offsets.push(found.offset)
    }
    return offsets
  }

  /** Waits until every partition has a leader. */
  async #partitions(name: string): Promise<readonly Partition[]> {
    return this.#until(`Topic ${name} has no leaders.`, async () => {
      const { topics } = await this.#kafka.request(metadata, {
        topics: [{ name }],
        allowAutoTopicCreation: false,
      })
      const [topic] = topics
      const partitions = (topic?.partitions ?? []).map(({ partitionIndex, leaderId }) => ({
        topicId: topic?.topicId ?? '',
        partition: partitionIndex,
        leader: leaderId,
      }))
      const isComplete = partitions.length === PARTITIONS
      return isComplete && partitions.every(({ leader }) => leader >= 0) ? partitions : undefined
    })
  }

  async #until<T>(complaint: string, attempt: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + TIMEOUT_MS
    for (;;) {
      const result = await attempt()
      if (result !== undefined) return result
      if (Date.now() > deadline) throw new Error(complaint)
      await sleep(POLL_MS)
    }
  }

  async close(): Promise<void> {
    await this.#kafka.close()
  }
}
