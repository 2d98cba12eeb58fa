/**
 * What a transactional producer says to its coordinator, and to the coordinators of groups. Every
 * request is tried until it is answered for good: they are idempotent, for the same producer epoch.
 */
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  BrokerError,
  endTxn,
  ErrorCode,
  initProducerId,
  txnOffsetCommit,
} from '@odradek/protocol'
import type { Cluster } from '../../cluster/cluster.ts'
import type { ConsumerGroupMetadata } from '../../cluster/consumption.ts'
import { throwIfError } from '../../errors/reaction.ts'
import { refuseNoIdentity } from '../producer-identity.ts'
import type { TopicPartition } from '../../events/topic-partition.ts'
import type { ProducerIds } from './transaction.machine.ts'

/**
 * How partitions and offsets become part of a transaction: 1 says so before the first write, 2
 * (KIP-890, Kafka 4.0) lets the write itself say it and gives every transaction an epoch.
 */
export type TransactionProtocol = 1 | 2

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CoordinatorOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** How long a request is tried again, ms. */
  readonly patienceMs: number
}

/** The newest versions of the older protocol. */
const LAST_END_OF_V1 = 4
const LAST_OFFSETS_OF_V1 = 4
const LAST_ADD_OF_CLIENTS = 3
/** Version 6 names topics by id, which is not needed here. */
const LAST_OFFSETS_WITH_NAMES = 5
/** The transaction before is still being completed: that is a matter of milliseconds. */
const COMPLETING_PAUSE_MS = 20
const COMPLETING_TRIES = 25

export class TransactionCoordinator {
  readonly #cluster: Cluster
  readonly #options: CoordinatorOptions

  constructor(cluster: Cluster, options: CoordinatorOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Which protocol the cluster has finalized. */
  protocol(signal: AbortSignal): Promise<TransactionProtocol> {
    const { transactionalId } = this.#options
    return this.#retry('find the transaction coordinator', signal, async () => {
      const level = await this.#cluster.coordinatorFeature(
        'transaction',
        transactionalId,
        'transaction.version',
      )
      return level >= 2 ? 2 : 1
    })
  }

  /**
   * New ids, which fences the producer that had the transactional id before; or the next epoch of
   * the own ones. `wasOpen`: the coordinator confirmed a transaction of these ids and none of its
   * ends is unclear. Under transaction version 1 a timeout then leaves the epoch at exactly one
   * more, with which the next one can be requested; a successor always has a later one.
   */
  async initialise(
    ids: ProducerIds | undefined,
    wasOpen: boolean,
    signal: AbortSignal,
  ): Promise<ProducerIds> {
    try {
      return await this.#initialise(ids, signal)
    } catch (error) {
      const isRefused =
        error instanceof BrokerError &&
        (error.errorCode === ErrorCode.PRODUCER_FENCED ||
          error.errorCode === ErrorCode.INVALID_PRODUCER_EPOCH)
      if (!isRefused || ids === undefined || !wasOpen) throw error
      const { producerId, producerEpoch } = ids
      return await this.#initialise({ producerId, producerEpoch: producerEpoch + 1 }, signal)
    }
  }

  #initialise(ids: ProducerIds | undefined, signal: AbortSignal): Promise<ProducerIds> {
    const { transactionalId, transactionTimeoutMs } = this.#options
    const action = `begin as "${transactionalId}"`
    return this.#retry(action, signal, async () => {
      const answer = await this.#completed(() =>
        this.#cluster.requestCoordinator('transaction', transactionalId, initProducerId, {
          transactionalId,
          transactionTimeoutMs,
          ...ids,
        }),
      )
      throwIfError(answer.errorCode, action)
      refuseNoIdentity(answer)
      const { producerId, producerEpoch } = answer
      return { producerId, producerEpoch }
    })
  }

  /** Version 1: partitions that are written to for the first time in this transaction. */
  addPartitions(
    ids: ProducerIds,
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    const { transactionalId } = this.#options
    const topics = groupByTopic(partitions).map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition }) => partition),
    }))
    const body = {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: ids.producerId,
      v3AndBelowProducerEpoch: ids.producerEpoch,
      v3AndBelowTopics: topics,
    }
    const action = `add partitions to the transaction of "${transactionalId}"`
    return this.#retry(action, signal, async () => {
      const answer = await this.#completed(async () => {
        const { resultsByTopicV3AndBelow } = await this.#cluster.requestCoordinator(
          'transaction',
          transactionalId,
          addPartitionsToTxn,
          body,
          { maxVersion: LAST_ADD_OF_CLIENTS },
        )
        return worstOf(
          resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
            resultsByPartition.map(({ partitionIndex, partitionErrorCode }) => ({
              errorCode: partitionErrorCode,
              what: `${name}-${partitionIndex}`,
            })),
          ),
        )
      })
      throwIfError(answer.errorCode, `add ${answer.what} to the transaction`)
    })
  }

  /** The offsets of a group; under version 1 the transaction learns of the group first. */
  async commitOffsets(
    ids: ProducerIds,
    protocol: TransactionProtocol,
    {
      stamp,
      offsets,
    }: { readonly stamp: ConsumerGroupMetadata; readonly offsets: readonly OffsetToCommit[] },
    signal: AbortSignal,
    onAdded: () => void,
  ): Promise<void> {
    const { groupId } = stamp
    if (protocol === 1) {
      await this.#addOffsets(ids, groupId, signal)
      onAdded()
    }
    const { transactionalId } = this.#options
    const body = {
      transactionalId,
      ...ids,
      ...stamp,
      topics: groupByTopic(offsets).map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition, offset, leaderEpoch, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch,
          committedMetadata: metadata,
        })),
      })),
    }
    const action = `commit offsets of group "${groupId}" in the transaction`
    const maxVersion = protocol === 1 ? LAST_OFFSETS_OF_V1 : LAST_OFFSETS_WITH_NAMES
    await this.#cluster.retry(
      async () => {
        const { topics } = await this.#cluster.requestCoordinator(
          'group',
          groupId,
          txnOffsetCommit,
          body,
          { maxVersion },
        )
        const { errorCode, what } = worstOf(
          topics.flatMap(({ name, partitions }) =>
            partitions.map((one) => ({
              errorCode: one.errorCode,
              what: `${name}-${one.partitionIndex}`,
            })),
          ),
        )
        throwIfError(errorCode, `commit the offset of ${what} in the transaction`)
      },
      {
        action,
        signal,
        timeoutMs: this.#options.patienceMs,
        onCoordinatorMoved: () => this.#cluster.forgetCoordinator('group', groupId),
      },
    )
  }

  #addOffsets(ids: ProducerIds, groupId: string, signal: AbortSignal): Promise<void> {
    const { transactionalId } = this.#options
    const action = `add group "${groupId}" to the transaction of "${transactionalId}"`
    return this.#retry(action, signal, async () => {
      const body = { transactionalId, ...ids, groupId }
      const { errorCode } = await this.#completed(() =>
        this.#cluster.requestCoordinator('transaction', transactionalId, addOffsetsToTxn, body),
      )
      throwIfError(errorCode, action)
    })
  }

  /**
   * Ends the transaction: resolves with the ids of the next one, if the coordinator gives them.
   * `onUnclear` hears of each try that may have been applied although it was not answered.
   */
  end(
    ids: ProducerIds,
    {
      isCommit,
      protocol,
      signal,
    }: {
      readonly isCommit: boolean
      readonly protocol: TransactionProtocol
      readonly signal: AbortSignal
    },
    onUnclear: () => void,
  ): Promise<ProducerIds | undefined> {
    const { transactionalId } = this.#options
    const action = `${isCommit ? 'commit' : 'abort'} the transaction of "${transactionalId}"`
    return this.#retry(action, signal, async () => {
      const body = { transactionalId, ...ids, committed: isCommit }
      try {
        const { errorCode, producerId, producerEpoch } = await this.#cluster.requestCoordinator(
          'transaction',
          transactionalId,
          endTxn,
          body,
          { maxVersion: protocol === 1 ? LAST_END_OF_V1 : undefined },
        )
        throwIfError(errorCode, action)
        return protocol === 2 && producerId >= 0n ? { producerId, producerEpoch } : undefined
      } catch (error) {
        // Whatever is no clear word of the coordinator.
        if (!(error instanceof BrokerError) || error.errorCode === UNKNOWN_SERVER_ERROR) onUnclear()
        throw error
      }
    })
  }

  #retry<T>(action: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    const { transactionalId, patienceMs: timeoutMs } = this.#options
    const onCoordinatorMoved = (): void =>
      this.#cluster.forgetCoordinator('transaction', transactionalId)
    return this.#cluster.retry(operation, { action, signal, timeoutMs, onCoordinatorMoved })
  }

  /** Asks again for a moment while the transaction before is being completed. */
  async #completed<T extends { readonly errorCode: number }>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const answer = await ask()
      if (answer.errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) return answer
      if (tries >= COMPLETING_TRIES) return answer
      await this.#cluster.sleep(COMPLETING_PAUSE_MS)
    }
  }
}

const { UNKNOWN_SERVER_ERROR } = ErrorCode

interface Result {
  readonly errorCode: number
  readonly what: string
}

/** The error that says most: what was not even tried is only a consequence of another. */
function worstOf(results: readonly Result[]): Result {
  const failed = results.filter(({ errorCode }) => errorCode !== ErrorCode.NONE)
  const own = failed.find(({ errorCode }) => errorCode !== ErrorCode.OPERATION_NOT_ATTEMPTED)
  return own ?? failed[0] ?? { errorCode: ErrorCode.NONE, what: '' }
}

function groupByTopic<T extends TopicPartition>(
  partitions: readonly T[],
): readonly (readonly [topic: string, partitions: readonly T[]])[] {
  const byTopic = new Map<string, T[]>()
  for (const one of partitions) {
    const ofTopic = byTopic.get(one.topic)
    if (ofTopic === undefined) byTopic.set(one.topic, [one])
    else ofTopic.push(one)
  }
  return [...byTopic]
}
