/**
 * A transactional producer made of raw requests, in either version of the protocol (KIP-98,
 * KIP-890): it knows what must be said and nothing of when to try again, so that a test decides
 * what is lost, repeated or late. Answers are given as they are, error codes and all.
 */
import {
  apis,
  type AnyApi,
  ErrorCode,
  RecordBatchBuilder,
  type RequestInput,
  type ResponseOf,
} from '@odradek/protocol'
import type { Kafka } from 'odradek'

export interface RawProducerOptions {
  readonly transactionalId: string
  /** 2 lets writes add themselves and ends bump the epoch; 1 announces everything. */
  readonly version: 1 | 2
  /** 60000 by default. */
  readonly timeoutMs?: number
  /** Timestamps of records: not far from the broker's time, or every batch gets a segment. */
  readonly now: () => number
  /** Waits, in the time of whoever tests. */
  readonly sleep: (ms: number) => Promise<unknown>
}

/** Who commits offsets in a transaction; nobody in particular by default. */
export interface RawMember {
  readonly memberId: string
  readonly generationId: number
}

const GROUP = 0
const TRANSACTION = 1
const RETRY_MS = 50
const TRIES = 200
/** Who coordinates has to be looked up again, or is not ready. */
const COORDINATOR_MOVES: readonly number[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]

export class RawTransactionalProducer {
  producerId = -1n
  producerEpoch = -1
  readonly #kafka: Kafka
  readonly #options: RawProducerOptions
  readonly #sequences = new Map<string, number>()

  constructor(kafka: Kafka, options: RawProducerOptions) {
    this.#kafka = kafka
    this.#options = options
  }

  /** Initialises the id, waiting for whatever is aborted first, and takes what it is given. */
  async init(): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const answer = await this.tryInit()
      if (answer.errorCode === ErrorCode.NONE) return
      if (answer.errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) {
        throw new Error(`InitProducerId is answered with error ${answer.errorCode}.`)
      }
      await this.#options.sleep(RETRY_MS)
    }
    throw new Error('InitProducerId is never done.')
  }

  /** One InitProducerId; `asCurrent` says what the producer has (KIP-360). */
  async tryInit({ asCurrent = false } = {}): Promise<ResponseOf<typeof apis.InitProducerId>> {
    const { transactionalId, timeoutMs = 60_000 } = this.#options
    const answer = await this.atCoordinator(
      apis.InitProducerId,
      {
        transactionalId,
        transactionTimeoutMs: timeoutMs,
        producerId: asCurrent ? this.producerId : -1n,
        producerEpoch: asCurrent ? this.producerEpoch : -1,
      },
      ({ errorCode }) => errorCode,
    )
    if (answer.errorCode === ErrorCode.NONE) this.#take(answer)
    return answer
  }

  /** Announces partitions; gives the error of each. */
  async addPartitions(topic: string, partitions: readonly number[]): Promise<readonly number[]> {
    const errorsOf = ({
      resultsByTopicV3AndBelow: results,
    }: ResponseOf<typeof apis.AddPartitionsToTxn>) =>
      results.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      )
    const answer = await this.atCoordinator(
      apis.AddPartitionsToTxn,
      {
        v3AndBelowTransactionalId: this.#options.transactionalId,
        v3AndBelowProducerId: this.producerId,
        v3AndBelowProducerEpoch: this.producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }],
      },
      (one) => errorsOf(one)[0] ?? 0,
      3,
    )
    return errorsOf(answer)
  }

  /** Writes one batch; what was written moves the sequence on. */
  async produce(
    topic: string,
    partition: number,
    values: readonly string[],
    { maxVersion = this.#options.version === 1 ? 11 : 12 } = {},
  ): Promise<{ readonly errorCode: number; readonly baseOffset: number }> {
    const { transactionalId } = this.#options
    const key = `${topic} ${partition}`
    const baseSequence = this.#sequences.get(key) ?? 0
    const builder = new RecordBatchBuilder()
    for (const value of values) builder.append(this.#options.now(), null, value)
    const { producerId, producerEpoch } = this
    const records = builder.build({
      stamp: { producerId, producerEpoch, baseSequence },
      isTransactional: true,
    })
    const { responses } = await this.#kafka.request(
      apis.Produce,
      {
        transactionalId,
        acks: -1,
        timeoutMs: 5000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      },
      { returnErrors: true, nodeId: await this.#leaderOf(topic, partition), maxVersion },
    )
    const [answer] = responses[0]?.partitionResponses ?? []
    if (answer === undefined) throw new Error('Produce is answered without the partition.')
    if (answer.errorCode === ErrorCode.NONE) {
      this.#sequences.set(key, baseSequence + values.length)
    }
    return { errorCode: answer.errorCode, baseOffset: answer.baseOffset }
  }

  /** Announces a group whose offsets are committed. */
  async addOffsets(groupId: string): Promise<number> {
    const { errorCode } = await this.atCoordinator(
      apis.AddOffsetsToTxn,
      { ...this.#identity(), groupId },
      (one) => one.errorCode,
    )
    return errorCode
  }

  /** Commits one offset in the transaction; gives the error. */
  async commitOffset(
    groupId: string,
    { topic, partition, offset }: { topic: string; partition: number; offset: number },
    { memberId, generationId }: RawMember = { memberId: '', generationId: -1 },
  ): Promise<number> {
    const errorOf = ({ topics }: ResponseOf<typeof apis.TxnOffsetCommit>): number =>
      topics[0]?.partitions[0]?.errorCode ?? 0
    const answer = await this.at(
      { keyType: GROUP, key: groupId },
      apis.TxnOffsetCommit,
      {
        ...this.#identity(),
        groupId,
        memberId,
        generationIdOrMemberEpoch: generationId,
        topics: [
          {
            name: topic,
            partitions: [
              { partitionIndex: partition, committedOffset: offset, committedMetadata: '' },
            ],
          },
        ],
      },
      errorOf,
      this.#options.version === 1 ? 4 : 5,
    )
    return errorOf(answer)
  }

  /** One EndTxn; what it gives for the next transaction is taken unless `keeps`. */
  async end(committed: boolean, { keeps = false } = {}): Promise<ResponseOf<typeof apis.EndTxn>> {
    const { version } = this.#options
    const answer = await this.atCoordinator(
      apis.EndTxn,
      { ...this.#identity(), committed },
      ({ errorCode }) => errorCode,
      version === 1 ? 4 : 5,
    )
    if (version === 2 && answer.errorCode === ErrorCode.NONE && !keeps) this.#take(answer)
    return answer
  }

  atCoordinator<A extends AnyApi>(
    api: A,
    body: RequestInput<A>,
    errorOf: (answer: ResponseOf<A>) => number,
    maxVersion?: number,
  ): Promise<ResponseOf<A>> {
    const place = { keyType: TRANSACTION, key: this.#options.transactionalId }
    return this.at(place, api, body, errorOf, maxVersion)
  }

  /** Asks a coordinator, and whoever it is next as long as it moves. */
  async at<A extends AnyApi>(
    place: { readonly keyType: number; readonly key: string },
    api: A,
    body: RequestInput<A>,
    errorOf: (answer: ResponseOf<A>) => number,
    maxVersion?: number,
  ): Promise<ResponseOf<A>> {
    let answer: ResponseOf<A> | undefined
    for (let tries = 0; tries < TRIES; tries++) {
      const nodeId = await this.#coordinatorOf(place)
      if (nodeId >= 0) {
        answer = await this.#kafka.request(api, body, { returnErrors: true, nodeId, maxVersion })
        if (!COORDINATOR_MOVES.includes(errorOf(answer))) return answer
      }
      await this.#options.sleep(RETRY_MS)
    }
    if (answer === undefined) throw new Error(`Nobody coordinates ${place.key}.`)
    return answer
  }

  async #coordinatorOf({ keyType, key }: { keyType: number; key: string }): Promise<number> {
    const { coordinators, ...old } = await this.#kafka.request(
      apis.FindCoordinator,
      (version) => (version >= 4 ? { keyType, coordinatorKeys: [key] } : { key, keyType }),
      { returnErrors: true },
    )
    const { errorCode, nodeId } = coordinators[0] ?? old
    return errorCode === ErrorCode.NONE ? nodeId : -1
  }

  async #leaderOf(topic: string, partition: number): Promise<number> {
    const { topics } = await this.#kafka.request(
      apis.Metadata,
      { topics: [{ name: topic }] },
      { returnErrors: true },
    )
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    if (found === undefined) throw new Error(`${topic} ${partition} has no leader.`)
    return found.leaderId
  }

  #identity() {
    const { producerId, producerEpoch } = this
    return { transactionalId: this.#options.transactionalId, producerId, producerEpoch }
  }

  /** Sequences begin anew with every epoch. */
  #take({ producerId, producerEpoch }: { producerId: bigint; producerEpoch: number }): void {
    if (this.producerId === producerId && this.producerEpoch === producerEpoch) return
    this.producerId = producerId
    this.producerEpoch = producerEpoch
    this.#sequences.clear()
  }
}
