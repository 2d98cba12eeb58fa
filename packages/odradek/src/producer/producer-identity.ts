/**
 * The producer id and epoch of an idempotent producer, and when they have to change. An epoch is
 * bumped locally (only a producer without transactions may), and only once nothing is under way:
 * what is sent afterwards starts at sequence 0 under the new epoch, and nothing older can arrive.
 */
import { initProducerId } from '@odradek/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { throwIfError } from '../errors/reaction.ts'

const MAX_EPOCH = 32_767

export class ProducerIdentity {
  readonly #cluster: Cluster
  #producerId = -1n
  #producerEpoch = -1
  #needsNewEpoch = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get producerId(): bigint {
    return this.#producerId
  }

  get producerEpoch(): number {
    return this.#producerEpoch
  }

  get isReady(): boolean {
    return this.#producerId >= 0n && !this.#needsNewEpoch
  }

  get needsNewEpoch(): boolean {
    return this.#needsNewEpoch
  }

  requestNewEpoch(): void {
    this.#needsNewEpoch = true
  }

  /** Gets an id, or the next epoch. Nothing may be under way. */
  async renew(timeoutMs: number): Promise<void> {
    if (this.#needsNewEpoch && this.#producerId >= 0n && this.#producerEpoch < MAX_EPOCH) {
      this.#producerEpoch++
      this.#needsNewEpoch = false
      return
    }
    const cluster = this.#cluster
    const response = await cluster.retry(
      async () => {
        const answer = await cluster.requestAny(initProducerId, {
          transactionalId: null,
          transactionTimeoutMs: 0x7fff_ffff,
        })
        throwIfError(answer.errorCode, 'get a producer id')
        return answer
      },
      { action: 'get a producer id', timeoutMs },
    )
    this.#producerId = response.producerId
    this.#producerEpoch = response.producerEpoch
    this.#needsNewEpoch = false
  }
}
