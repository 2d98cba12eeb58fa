/**
 * A share session with one broker (KIP-932): the broker remembers which partitions are wanted, and
 * a request says only what changed. Pure bookkeeping: `next` proposes, and an answer without a
 * session error makes it the broker's knowledge. One request at a time, whichever of the two kinds.
 *
 * | epoch | meaning                                                                            |
 * |-------|------------------------------------------------------------------------------------|
 * | 0     | a new session, all partitions follow; nothing can be acknowledged in this request   |
 * | n > 0 | what changed since n - 1, and acknowledgements; wraps to 1                          |
 * | -1    | the end: what is acquired and not acknowledged goes back to the group              |
 */
import { type AssignedPartition, idPartitionKey } from '../groups/shell/membership.ts'

export interface SharePlan {
  readonly shareSessionEpoch: number
  readonly added: readonly AssignedPartition[]
  readonly forgotten: readonly AssignedPartition[]
  readonly wanted: ReadonlyMap<string, AssignedPartition>
}

export const FINAL_EPOCH = -1
const MAX_EPOCH = 0x7fff_ffff

export class ShareSession {
  #epoch = 0
  #known: ReadonlyMap<string, AssignedPartition> = new Map()

  /** Whether the broker has it: only then can anything be acknowledged. */
  get isOpen(): boolean {
    return this.#epoch > 0
  }

  /** The epoch of the next request. */
  get epoch(): number {
    return this.#epoch
  }

  /** A fetch of these partitions. */
  next(partitions: readonly AssignedPartition[]): SharePlan {
    const wanted = new Map(partitions.map((one) => [idPartitionKey(one), one]))
    const added = [...wanted].filter(([key]) => !this.#known.has(key)).map(([, one]) => one)
    const forgotten = [...this.#known].filter(([key]) => !wanted.has(key)).map(([, one]) => one)
    return { shareSessionEpoch: this.#epoch, added, forgotten, wanted }
  }

  /** Whether the session has this partition: what it acquired there goes back when it ends. */
  has(partition: AssignedPartition): boolean {
    return this.#known.has(idPartitionKey(partition))
  }

  /** A fetch was answered without a session error. */
  fetched(plan: SharePlan): void {
    this.#known = plan.wanted
    this.acknowledged()
  }

  /** An acknowledgement was. */
  acknowledged(): void {
    this.#epoch = this.#epoch >= MAX_EPOCH ? 1 : this.#epoch + 1
  }

  /** The broker does not know the session any more, or what it made of the last request is open. */
  reset(): void {
    this.#epoch = 0
    this.#known = new Map()
  }
}
