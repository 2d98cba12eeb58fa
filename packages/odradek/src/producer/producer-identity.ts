/**
 * The producer id and epoch of an idempotent producer, and when they have to change. The next epoch
 * is taken locally (only a producer without transactions may); partitions move to it one by one,
 * when nothing of them is unresolved. After the last epoch comes a new producer id.
 */
import { initProducerId, ProtocolError, type ResponseOf } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { throwIfError } from '../errors/reaction.ts'

const MAX_EPOCH = 32_767
/** What a producer without transactions says: it has none to time out. */
const NO_TRANSACTION_TIMEOUT_MS = 0x7fff_ffff

/** Under whose name, and with which epoch, batches are written. */
export interface Identity {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** False while there is none to write under. */
  readonly isReady: boolean
  /** The numbers of a partition have a hole: it goes on under another epoch. */
  requestNewEpoch(): void
  renew(timeoutMs: number): Promise<void>
}

/** A response without an error, and without an identity to write under: it is asked for again. */
export function refuseNoIdentity({ producerId, producerEpoch }: NewIdentity): void {
  if (producerId >= 0n && producerEpoch >= 0) return
  throw new ProtocolError(
    `A broker gave the producer id ${producerId} with epoch ${producerEpoch}, which is none`,
    { retriable: true },
  )
}

type NewIdentity = Pick<ResponseOf<typeof initProducerId>, 'producerId' | 'producerEpoch'>

export class ProducerIdentity implements Identity {
  readonly #cluster: Cluster
  #producerId = -1n
  #producerEpoch = -1
  #isExhausted = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get producerId(): bigint {
    return this.#producerId
  }

  get producerEpoch(): number {
    return this.#producerEpoch
  }

  /** False until a broker gave an id, and after its last epoch. */
  get isReady(): boolean {
    return this.#producerId >= 0n && !this.#isExhausted
  }

  requestNewEpoch(): void {
    if (this.#producerEpoch < MAX_EPOCH) this.#producerEpoch++
    else this.#isExhausted = true
  }

  /** Gets an id from a broker. */
  async renew(timeoutMs: number): Promise<void> {
    const cluster = this.#cluster
    const response = await cluster.retry(
      async () => {
        const answer = await cluster.requestAny(initProducerId, {
          transactionalId: null,
          transactionTimeoutMs: NO_TRANSACTION_TIMEOUT_MS,
        })
        throwIfError(answer.errorCode, 'get a producer id')
        refuseNoIdentity(answer)
        return answer
      },
      { action: 'get a producer id', timeoutMs },
    )
    this.#producerId = response.producerId
    this.#producerEpoch = response.producerEpoch
    this.#isExhausted = false
  }
}
